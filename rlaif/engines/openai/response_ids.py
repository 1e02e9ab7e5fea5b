"""Finds an answer that came to two calls, as a proxy that mixes them up, or keeps answers of others, may send it.

An id proves nothing by itself: some servers draw it from a thousand (Ollama), or take it from the clock. Of one id and
one text for two calls one is another's; as soon as an id comes with two texts, the ids of that server say nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from rlaif.hashing import digest_bytes

MANY = 8
"""Calls that got one text under several ids, before it is taken for one that is often said, whoever asks again."""
REMEMBERED = 8192
"""Answers that are remembered to find one that comes twice."""


class Claimed(NamedTuple):
    """An answer as it is remembered: its id, and a digest of what it says."""

    id: str
    said: str


class ResponseIds:
    """The answers of one server."""

    def __init__(self) -> None:
        self._calls: OrderedDict[Claimed, set[str]] = OrderedDict()
        """The calls that each answer came to."""
        self._said: dict[str, str] = {}
        """By id, what was said under it."""
        self._ids: dict[str, set[str]] = {}
        """By what was said, the ids under which it was."""
        self.mean_nothing = False
        """Whether one id came with two texts, or all answers have one id."""

    def claim(self, answer: Mapping[str, Any], call: str) -> Claimed | None:
        """Note which call an answer came to. None where the ids of this server say nothing."""
        name = answer.get("id")
        if self.mean_nothing or not isinstance(name, str) or not name:
            return None
        told = repr((answer.get("choices"), answer.get("prompt_logprobs")))
        claimed = Claimed(name, digest_bytes(told.encode("utf-8", "surrogatepass")))
        if self._said.setdefault(name, claimed.said) != claimed.said:
            self._forget()
            return None
        self._calls.setdefault(claimed, set()).add(call)
        self._ids.setdefault(claimed.said, set()).add(name)
        if len(self._calls) > REMEMBERED:
            old, _ = self._calls.popitem(last=False)
            del self._said[old.id]
            self._ids[old.said].discard(old.id)
            if not self._ids[old.said]:
                del self._ids[old.said]
        return claimed

    def disputed(self, claimed: Claimed, *, tried: int) -> bool:
        """Whether this answer came to another call too, so that nobody knows whose it is.

        Not where the ids have turned out to say nothing meanwhile, nor where the text is one that this server says
        often. A server that names all its answers alike, and always says the same, is known by its doing so again.
        """
        if len(self._calls.get(claimed, ())) < 2 or self._is_common(claimed.said):
            return False
        if tried > 1 and len(self._calls) == 1:
            self._forget()
            return False
        return True

    def _is_common(self, said: str) -> bool:
        """Whether several calls have a text of their own that is the same.

        A call whose answer went astray, and which asks again, has a part in all the ids under which it is known.
        """
        every = [self._calls[Claimed(name, said)] for name in self._ids[said]]
        if len(every) < 2:
            return False
        return len(set().union(*every)) >= MANY or not set.intersection(*every)

    def _forget(self) -> None:
        self.mean_nothing = True
        self._calls.clear()
        self._said.clear()
        self._ids.clear()
