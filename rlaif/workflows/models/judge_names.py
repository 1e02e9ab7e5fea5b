"""What a model's or judge's name says before anything is opened."""

from __future__ import annotations

from pathlib import Path

from rlaif.engines.kinds import kind_of
from rlaif.engines.model_directory import resolve_directory
from rlaif.errors import ModelError
from rlaif.judging.kinds import MODEL, judge_kind

GOLD = "gold:"


def is_control(name: str) -> bool:
    """Whether a name is of a judge that is no model: the upper bound or the floor of an experiment (`gold:`)."""
    return judge_kind(name).control


def model_directory(name: str) -> Path:
    """Where the weights of a local model lie, to be trained. Raises ModelError for what cannot be trained."""
    found = kind_of(name)
    if judge_kind(name) is not MODEL or (found is not None and not found[0].trainable):
        raise ModelError(f"{name}: cannot be trained; name a model directory (--policy hf:DIR)")
    # a hub id needs no prefix here
    return resolve_directory(name if found is None else found[1])
