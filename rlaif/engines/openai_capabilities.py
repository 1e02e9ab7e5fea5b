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
    r"unsupported|not (?:yet )?(?:supported|permitted|allowed|available|implemented)|unrecogni[sz]ed|unknown|"
    r"unexpected|extra (?:inputs|fields)|does(?: not|n't) support|invalid (?:parameter|argument|field)|disabled",
    re.IGNORECASE,
)


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

    def learn(self, sent: Mapping[str, Any], reason: str) -> bool:
        """Whether the refusal `reason` of the body `sent` tells of something to be left out or said otherwise."""
        lower = reason.lower()
        if "top_logprobs" in sent and _names(lower, "top_logprobs") and len(self.tops) > 1:
            self.tops.pop(0)
            return True
        if not _REFUSES.search(reason):
            return False
        # the longer names first, as `logprobs` is a part of `prompt_logprobs`
        for name in sorted(SWITCHES, key=len, reverse=True):
            if name in sent and self.can(name) and _names(lower, name):
                self.lose(name, reason)
                return True
        for ways in (self.guides, self.lengths):
            if ways and ways[0] in sent and _named(lower, ways[0]) and (ways is self.guides or len(ways) > 1):
                ways.pop(0)
                return True
        return False


_KNOWN: dict[tuple[str, str], Capabilities] = {}


def capabilities_of(url: str, model: str) -> Capabilities:
    """What is known in this process of the server at `url`."""
    return _KNOWN.setdefault((url, model), Capabilities())


def forget() -> None:
    """Know nothing of any server."""
    _KNOWN.clear()


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![a-z_]){re.escape(name)}(?![a-z_])", text) is not None


def _named(text: str, name: str) -> bool:
    return _names(text, name) or (name == "response_format" and "json_schema" in text)
