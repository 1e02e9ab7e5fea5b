"""Answers that somebody rated or ranked, as a preference: the best of a prompt against the worst."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange.columns import is_empty
from rlaif.records import EVEN, Message, Pair, Tools

TOO_FEW = "fewer than two of its answers are rated"
SAME_RATING = "its best and its worst answer are rated the same"
SAME_TEXT = "both sides are the same"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedAnswer:
    """An answer with the number that decides, and what else was said of it."""

    answer: tuple[Message, ...]
    score: float | None
    """Higher is better; None where it was not rated."""
    aspects: Mapping[str, float] = field(default_factory=dict)
    """Ratings by name; each becomes a principle."""
    model: str = ""
    critique: str | None = None


def best_against_worst(
    prompt: tuple[Message, ...],
    answers: Sequence[RatedAnswer],
    provenance: Mapping[str, Any] | None = None,
    tools: Tools = (),
) -> Pair | str:
    """The pair of the best and the worst rated answer; a text says why there is none.

    A rating is a decision and no probability: `label_prob` is 1. How far the two lie apart is `score_gap`, in the
    source's own units.
    """
    rated = [(each, each.score) for each in answers if each.score is not None]
    if len(rated) < 2:
        return TOO_FEW
    best, high = max(rated, key=lambda each: each[1])
    worst, low = min(rated, key=lambda each: each[1])
    if math.isclose(high, low, abs_tol=1e-9):
        return SAME_RATING
    if best.answer == worst.answer:
        return SAME_TEXT
    return Pair(
        prompt=prompt,
        chosen=best.answer,
        rejected=worst.answer,
        label_prob=1.0,
        score_gap=high - low,
        chosen_score=high,
        rejected_score=low,
        principles=votes(best.aspects, worst.aspects),
        critique=worst.critique,
        provenance={**policies(best.model, worst.model), **(provenance or {})},
        tools=tools,
    )


def votes(chosen: Mapping[str, float], rejected: Mapping[str, float]) -> tuple[Mapping[str, Any], ...]:
    """Ratings by name as principles: 1 where the chosen side has more of it, 0 where less, one half where the same."""
    apart = {name: chosen[name] - rejected[name] for name in chosen if name in rejected}
    return tuple({"id": name, "p": EVEN if gap == 0 else float(gap > 0)} for name, gap in apart.items())


def policies(chosen: Any, rejected: Any) -> dict[str, Any]:
    """`policy` of a pair's provenance: who wrote the chosen and the rejected side, where both are known."""
    names = [str(each) for each in (chosen, rejected) if not is_empty(each)]
    return {"policy": names} if len(names) == 2 else {}


def rating(value: Any, place: str) -> float | None:
    """A rating as a number; None where there is none (null, not a number, N/A). Raises PromptFileError."""
    if value is None or (isinstance(value, str) and value.strip().lower() in _NONE):
        return None
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.inf
        if found != found:
            return None
        if math.isfinite(found):
            return found
    raise PromptFileError(f"{place} is {value!r:.80}; it must be a number")


_NONE = ("", "nan", "none", "null", "n/a")
