"""What one server can do, learned from what it refuses, and remembered for the process by address and model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TOP = (20, 5)
"""Candidates for the first token: what servers give at most, the generous ones first."""
GUIDES = ("response_format", "structured_outputs", "guided_json")
"""Ways to ask for a text that follows a JSON Schema, the common one first; the others are vLLM's, new and old."""
LENGTHS = ("max_tokens", "max_completion_tokens")
SWITCHES = ("logprobs", "seed", "n", "prompt_logprobs", "continue_final_message")
_REFUSES = re.compile(
    r"unsupported|not (?:yet |currently )?(?:supported|permitted|allowed|available|implemented|enabled)|"
    r"unrecogni[sz]ed|unknown|unexpected|extra (?:inputs|fields)|(?:do(?:es)?(?: not|n't)|cannot|can't) support|"
    r"invalid (?:parameter|argument|field)|disabled|is not a valid",
    re.IGNORECASE,
)
_LIMITS = re.compile(
    r"(?:great|larg|high|low|few|less)e?r? than|at most|at least|max(?:imum)?\b|between|exceed|up to|no more than|"
    r"[<>≤]=?|must be (?:equal to )?(?:1|one)\b|\bonly\b|too (?:large|many|high)|out of range",
    re.IGNORECASE,
)
_SEVERAL = re.compile(
    r"(?:one|single|multiple|several|number of) (?:chat )?(?:completion|choice|generation)s?"
)
_SURE = ("logprobs", "prompt_logprobs", "continue_final_message")
"""What may be learned from an answer that is no plain refusal of a parameter: other words are too common there."""


@dataclass(slots=True)
class Capabilities:
    """Everything is taken to be there until the server says that it is not."""

    missing: dict[str, str] = field(default_factory=dict)
    """Of `SWITCHES`, what the server cannot do, and how it said so."""
    tops: list[int] = field(default_factory=lambda: list(TOP))
    guides: list[str] = field(default_factory=lambda: list(GUIDES))
    lengths: list[str] = field(default_factory=lambda: list(LENGTHS))

    def can(self, name: str) -> bool:
        """Whether a switch is still on."""
        return name not in self.missing

    def lose(self, name: str, reason: str) -> None:
        """Note that the server cannot do something."""
        self.missing.setdefault(name, reason)

    def learn(self, sent: Mapping[str, Any], reason: str, *, plain: bool = True) -> bool:
        """Note what a refusal says that this server cannot do; return whether the request is worth another try.

        `sent` is the refused body and `reason` the server's message. `plain` is a refusal of this very request; with
        any other status (403, 500) the message must name a field that messages rarely name by chance.
        """
        lower = reason.lower()
        if self._learned_since(sent):
            return True
        if "top_logprobs" in sent and len(self.tops) > 1 and _too_many(lower, self.tops[0]):
            self.tops.pop(0)
            return True
        if plain and "n" in sent and self.can("n") and _one_alone(lower):
            self.lose("n", reason)
            return True
        if not _REFUSES.search(reason):
            return False
        # the longer names first, as `logprobs` is a part of `prompt_logprobs`
        for name in sorted(SWITCHES, key=len, reverse=True):
            if not (plain or name in _SURE):
                continue
            if name in sent and self.can(name) and _names(lower, name):
                self.lose(name, reason)
                return True
        for ways in (self.guides, self.lengths) if plain else ():
            if ways and ways[0] in sent and _named(lower, ways[0]) and (ways is self.guides or len(ways) > 1):
                ways.pop(0)
                return True
        return False

    def _learned_since(self, sent: Mapping[str, Any]) -> bool:
        """Whether a refused body holds what another call has found out meanwhile: then it is to be said otherwise."""
        ways = (*GUIDES[: len(GUIDES) - len(self.guides)], *LENGTHS[: len(LENGTHS) - len(self.lengths)])
        return (
            any(name in sent for name in (*self.missing, *ways))
            or int(sent.get("top_logprobs") or 0) > self.tops[0]
        )


_KNOWN: dict[tuple[str, str], Capabilities] = {}


def capabilities_of(url: str, model: str) -> Capabilities:
    """What is known in this process of the server at `url`."""
    return _KNOWN.setdefault((url, model), Capabilities())


def forget() -> None:
    """Know nothing of any server."""
    _KNOWN.clear()


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![a-z_\\\\]){re.escape(name)}(?![a-z_])", text) is not None


def _too_many(text: str, asked: int) -> bool:
    """Whether a refusal is about the number of candidates for a token."""
    if _names(text, "top_logprobs") or "top logprobs" in text:
        return True
    return "logprobs" in text and str(asked) in text and _LIMITS.search(text) is not None


def _one_alone(text: str) -> bool:
    """Whether a refusal is about asking for several answers at once."""
    named = _names(text, "n") or _SEVERAL.search(text) is not None
    return named and (_LIMITS.search(text) is not None or _REFUSES.search(text) is not None)


def _named(text: str, name: str) -> bool:
    return _names(text, name) or (name == "response_format" and "json_schema" in text)
