"""`weight` of an assistant's turn, as OpenAI's fine-tuning files have it: 0 is a turn to be read and not learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlaif.records import Message

KEY = "weight"


def is_learned(turn: Message) -> bool:
    """Whether a turn is one of the assistant's that is to be learned."""
    return turn.role == "assistant" and turn.extra.get(KEY) != 0


def unlearned(turns: Sequence[Message]) -> list[int]:
    """The places of the assistant's turns that have the weight 0."""
    return [place for place, each in enumerate(turns) if each.role == "assistant" and not is_learned(each)]


def odd_weight(turns: Sequence[Message]) -> Any | None:
    """The first weight of an assistant's turn that is neither 0 nor 1; None where there is none."""
    weights = (each.extra.get(KEY) for each in turns if each.role == "assistant")
    return next((each for each in weights if each is not None and not _is_known(each)), None)


def _is_known(weight: Any) -> bool:
    return type(weight) in (int, float) and weight in (0, 1)
