"""A stand-in that counts what a model would be asked, for `--dry-run`. What the store holds is answered from there.

What it makes up leads the plan on to the questions that would come next; whoever uses it keeps it out of every store.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from rlaif.engines.base import BaseEngine
from rlaif.hashing import derived_seed
from rlaif.judging.protocols import PROTOCOLS, protocols
from rlaif.judging.protocols.kinds import ANSWER_A
from rlaif.records import GenerateRequest, Generation, Message, Score, ScoreRequest, Usage
from rlaif.store import Store, call_key

TURN_TOKENS = 32
"""Tokens that a template puts around a turn, or in front of all, at most."""
LETTERS_A_TOKEN = 8
"""A token is rarely longer: the lower bound of a text's tokens, and what one tokenizer's token may be to another."""
SEAM_TOKENS = 2
"""By which a text may be longer inside a prompt than alone."""
TO_COME, ITS_END = "\ue0f0", "\ue0f1"
"""Around what stands in a prompt for a text that nobody has written yet."""
KEPT_LENGTHS = 1024
"""Lengths of single texts that are remembered: most texts of a plan are the empty one."""
NOBODY = -1e9
"""Log-probability of what is not said."""
Request = GenerateRequest | ScoreRequest
TokenCount = Callable[[Sequence[Sequence[Message]]], list[int]]
Side = Literal["both", "least", "most"]


_UNTIL: ContextVar[float | None] = ContextVar("until", default=None)


class ForecastTooLong(Exception):
    """A forecast took longer than whoever asked for it would wait."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Inside, a forecast that takes longer raises ForecastTooLong: who waits for a command waits for it too."""
    token = _UNTIL.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _UNTIL.reset(token)


class Counting:
    """Exact tokens of prompts by a tokenizer that is here; `tokenizer` tells which one."""

    def __init__(
        self,
        tokenizer: str,
        count: TokenCount,
        reads: Callable[[str], bool] = lambda _: True,
        writes_thoughts: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.writes_thoughts = writes_thoughts
        self.reads = reads
        self.length = lru_cache(maxsize=KEPT_LENGTHS)(self._length)
        """Tokens of one text, as a user's turn."""
        self._count = count

    def count(self, conversations: Sequence[Sequence[Message]]) -> list[int]:
        """Tokens of each; what is there twice is counted once, as are questions about texts that are yet to come."""
        keys = [tuple((turn.role, turn.content) for turn in each) for each in conversations]
        once = dict(zip(keys, conversations, strict=True))
        known = dict(zip(once, self._count(list(once.values())), strict=True))
        return [known[each] for each in keys]

    def _length(self, text: str) -> int:
        return self._count([[Message(role="user", content=text)]])[0]


@dataclass(slots=True)
class Planned:
    """What one model would be asked."""

    stored: int = 0
    """Calls that are in the store, and cost nothing."""
    stored_tokens: int = 0
    calls: int = 0
    prompt_least: int = 0
    prompt_most: int = 0
    completion_most: int = 0


@dataclass(slots=True)
class ToCome:
    """What is known of texts that are yet to be written; one for all engines of a plan."""

    longest: int = 0
    """Tokens that such a text may have."""
    texts: int = 0
    writers: set[str] = field(default_factory=set)
    """Tokenizers of those who write them; an empty name stands for one that is not here."""

    def most(self, reader: str) -> int:
        """Tokens that such a text may have for another tokenizer."""
        return self.longest * (1 if reader and self.writers <= {reader} else LETTERS_A_TOKEN)


@dataclass(slots=True)
class PlannedEngine(BaseEngine):
    """The model `name`, of which nothing is asked."""

    name: str
    fingerprint: str
    store: Store | None
    """The project's, of which it only reads; None while there is none."""
    to_come: ToCome
    counting: Counting | None = None
    """Where the model's tokenizer is here."""
    kept: str = ""
    """The fingerprint under which its calls are kept, where it is another one."""
    guides_decoding: bool = True
    """As the model's own."""
    writes_thoughts: bool = False
    side: Side = "both"
    """Which bound the calls count for: a plan that knows how many there are, and not of which, plays them twice."""
    planned: Planned = field(default_factory=Planned)
    made_up: set[str] = field(default_factory=set)
    """Keys of calls that nobody has answered yet."""
    _asked: set[str] = field(default_factory=set)
    _stand_ins: re.Pattern[str] = field(default_factory=lambda: _stand_ins())

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Recorded texts, or unlike ones that stand for those to come."""
        return self._each(list(requests), self._text)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """Recorded scores, or readable ones."""
        return self._each(list(requests), _readable)

    def marks_thoughts(self) -> bool:
        """As the model's own."""
        return self.writes_thoughts

    def reads(self, text: str) -> bool:
        """Whether the model knows the words of a text; one that is elsewhere is taken to."""
        return self.counting is None or self.counting.reads(text)

    def tokens(self, text: str) -> int:
        """How long a text is to this model: in tokens, or where nobody knows them in bytes."""
        if self.counting is None:
            return _bytes(self._bare(text))
        return self.counting.length(self._bare(text))

    def _bare(self, text: str) -> str:
        """Without the texts that nobody has written yet."""
        return self._stand_ins.sub("", text) if TO_COME in text else text

    def _each(self, requests: Sequence[Any], make: Callable[[Any], Any]) -> Iterator[Any]:
        if (until := _UNTIL.get()) is not None and time.monotonic() > until:
            raise ForecastTooLong
        who, guided = self.kept or self.fingerprint, self.guides_decoding
        keys = [call_key(who, each, guides_decoding=guided) for each in requests]
        held = {} if self.store is None else self.store.get_many(keys, [each.id for each in requests])
        # what comes a second time comes past the store, and is asked anew
        held = {key: reply for key, reply in held.items() if key not in self._asked}
        self._asked |= set(keys)
        self._bound([each for key, each in zip(keys, requests, strict=True) if key not in held])
        for key, request in zip(keys, requests, strict=True):
            if key in held:
                self._count_stored(held[key].usage)
                yield replace(held[key], request_id=request.id)
            else:
                self.made_up.add(key)
                yield make(request)

    def _count_stored(self, used: Usage) -> None:
        if self.side != "least":
            self.planned.stored += 1
            self.planned.stored_tokens += used.prompt_tokens + used.completion_tokens

    def _bound(self, requests: Sequence[Request]) -> None:
        least, most = self._sizes(requests)
        if self.side != "most":
            self.planned.prompt_least += sum(least)
        if self.side != "least":
            self.planned.calls += len(requests)
            self.planned.completion_most += sum(map(self._most_written, requests))
            self.planned.prompt_most += sum(most)

    def _sizes(self, requests: Sequence[Request]) -> tuple[list[int], list[int]]:
        """Bounds of the tokens that each prompt has."""
        holes = [sum(turn.content.count(TO_COME) for turn in each.messages) for each in requests]
        bare = [
            [replace(turn, content=self._bare(turn.content)) for turn in each.messages] for each in requests
        ]
        begun = [self._begun(each) for each in requests]
        if self.counting is not None:
            sizes = [size + more for size, more in zip(self.counting.count(bare), begun, strict=True)]
            room = self.to_come.most(self.counting.tokenizer) + SEAM_TOKENS
            least = [max(0, size - SEAM_TOKENS * count) for size, count in zip(sizes, holes, strict=True)]
            return least, [size + room * count for size, count in zip(sizes, holes, strict=True)]
        letters = [sum(len(turn.content) for turn in turns) for turns in bare]
        size = [
            sum(_bytes(turn.content) for turn in turns) + TURN_TOKENS * (len(turns) + 1) for turns in bare
        ]
        size = [whole + more for whole, more in zip(size, begun, strict=True)]
        room = self.to_come.most("")
        most = [whole + room * count for whole, count in zip(size, holes, strict=True)]
        return [count // LETTERS_A_TOKEN for count in letters], most

    def _begun(self, request: Request) -> int:
        """Tokens with which the answer begins, beside those of the turns."""
        begins = isinstance(request, GenerateRequest) and request.assistant_prefix
        return self.tokens(request.assistant_prefix) if begins else 0

    def _text(self, request: GenerateRequest) -> Generation:
        self.to_come.longest = max(self.to_come.longest, request.sampling.max_tokens)
        self.to_come.texts += 1
        self.to_come.writers.add("" if self.counting is None else self.counting.tokenizer)
        if request.schema is not None:
            return Generation(
                request_id=request.id, text=json.dumps(_instance(request.schema)), finish="stop"
            )
        text = f"{TO_COME}{self.to_come.texts}{ITS_END}{_sample_reply(request.protocol)}"
        return Generation(request_id=request.id, text=text, finish="stop")

    def _most_written(self, request: Request) -> int:
        if isinstance(request, GenerateRequest):
            return request.sampling.max_tokens + (request.sampling.max_thought_tokens or 0)
        thought = 0 if request.thinking is None else request.thinking.max_tokens
        # a model that is here writes nothing to tell a probability
        return thought + (0 if self.counting is not None else 1)


def _readable(request: ScoreRequest) -> Score:
    """All mass on two labels, more of it on the first, and to each question a little otherwise.

    So every completion meets what is hard, two of them differ, and no comparison is a tie: the most questions follow.
    """
    share = 0.6 + 0.35 * derived_seed("plan", [each.content for each in request.messages]) / 2**63
    said = [NOBODY] * len(request.continuations)
    said[0] = math.log(share)
    if len(said) > 1:
        said[len(said) // 2] = math.log(1 - share)
    return Score(request_id=request.id, logprobs=tuple(said))


def _sample_reply(protocol: str) -> str:
    """What a reply to a protocol may end in, so that no question is asked again; any other text ends as a verdict."""
    return PROTOCOLS.get(protocol).sample_reply if protocol in PROTOCOLS else ANSWER_A


def _stand_ins() -> re.Pattern[str]:
    """What stands in a text for one that nobody has written yet, with the sample reply at its end."""
    known = {ANSWER_A, *(each.sample_reply for each in protocols().values())}
    replies = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    return re.compile(f"{TO_COME}[0-9]*{ITS_END}(?:{replies})?")


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _instance(schema: Mapping[str, Any]) -> Any:
    """Some value that follows a plain JSON Schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        return {name: _instance(each) for name, each in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema.get("items", {}))] * int(schema.get("minItems", 0))
    if kind in ("integer", "number"):
        return schema.get("minimum", 1)
    return True if kind == "boolean" else "-"
