"""What a model's or judge's name says before anything is opened."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from rlaif.engines.kinds import ENGINES, ModelKind, kind_of, split_name
from rlaif.engines.model_directory import resolve_directory
from rlaif.errors import ModelError
from rlaif.judging.kinds import JUDGES, MODEL, judge_kind
from rlaif.judging.rewards import REWARDS
from rlaif.shipped import MODELS

GOLD = "gold:"


def is_control(name: str) -> bool:
    """Whether a name is of a judge that is no model: the upper bound or the floor of an experiment (`gold:`)."""
    return judge_kind(name).control


def known_kind(name: str) -> tuple[ModelKind, str]:
    """The kind of a model's name and what follows its colon; a name that is none is answered with all there are.

    Raises ModelError.
    """
    if kind_of(name) is not None:
        return split_name(name)
    judges = [
        *(each if each in JUDGES.from_outside() else f"{each}:" for each in JUDGES.names()),
        *REWARDS.names(),
    ]
    near = get_close_matches(name, [*judges, *(f"{each}:" for each in ENGINES.names()), *MODELS], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    try:
        return split_name(name)
    except ModelError as wrong:
        raise ModelError(f"{wrong}; a judge may also be one of {', '.join(judges)}{hint}") from None


def model_directory(name: str) -> Path:
    """Where the weights of a local model lie, to be trained. Raises ModelError for what cannot be trained."""
    found = kind_of(name)
    if judge_kind(name) is not MODEL or (found is not None and not found[0].trainable):
        raise ModelError(f"{name}: cannot be trained; name a model directory (--policy hf:DIR)")
    # a hub id needs no prefix here
    return resolve_directory(name if found is None else found[1])
