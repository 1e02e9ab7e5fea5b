"""What a model's name says before anything is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rlaif.engines.kinds import kind_of
from rlaif.engines.model_directory import resolve_directory
from rlaif.errors import ModelError
from rlaif.judging import (
    GoldJudge,
    Judge,
    ModelJudge,
    PanelJudge,
    RandomJudge,
    RewardJudge,
    VerifierJudge,
    panel,
    reward_judge,
    verifier_judge,
)
from rlaif.judging.rbr import RuleJudge

GOLD = "gold:"
RULES = "rbr:"
"""Stands before a file that `rlaif rbr fit` wrote: its judge, reward model and rules are one judge."""
FILES_OF_JUDGES = (verifier_judge.PREFIX, panel.PREFIX)
"""Stand before files that say which programs, or which judges, are the judge."""


def is_control(name: str) -> bool:
    """`gold:` and `random:` judge without being models: the upper bound and the floor of an experiment."""
    return name.partition(":")[0] in ("gold", "random") and ":" in name


def model_directory(name: str) -> Path:
    """Where the weights of a local model lie, to be trained."""
    found = kind_of(name)
    trainable = found is None or found[0].trainable
    if is_control(name) or name.startswith((RULES, *FILES_OF_JUDGES)) or not trainable:
        raise ModelError(f"{name}: cannot be trained; name a model directory (--policy hf:DIR)")
    # a hub id needs no prefix here
    return resolve_directory(name if found is None else found[1])


_KINDS: Mapping[str, type[Judge]] = {
    RULES: RuleJudge,
    verifier_judge.PREFIX: VerifierJudge,
    panel.PREFIX: PanelJudge,
    reward_judge.PREFIX: RewardJudge,
    "gold:": GoldJudge,
    "random:": RandomJudge,
}


def judge_kind(name: str) -> type[Judge]:
    """What kind of judge a name makes."""
    return next((kind for prefix, kind in _KINDS.items() if name.startswith(prefix)), ModelJudge)
