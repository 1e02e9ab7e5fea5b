"""A train method: everything that is particular to one, in one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rlaif.field_docs import documented
from rlaif.training import LoopConfig, Progress, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.options import MethodOptions


class Role(StrEnum):
    """Which model a training moves."""

    POLICY = "policy"
    """The next round samples from what was trained."""
    REWARD_MODEL = "reward_model"
    JUDGE = "judge"


LAYOUT = ("learning_rate", "num_tokens", "shared_ratio", "padding_ratio")
"""Metrics that say how the steps were laid out, and nothing of the model; `train.json` has them."""


def accept(options: Any, where: str) -> None:
    """Accept options whose values need no check beside their own bounds."""


def any_models(options: Any, base: Path, other: Path | None) -> None:
    """Accept models that need not go together."""


def from_defaults(
    kind: type[MethodOptions], given: Mapping[str, Any], bundled: MethodOptions | None
) -> MethodOptions:
    """The options of `kind`, those `given` in the place of the defaults."""
    return kind(**given)


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to train a model on feedback: `rlaif train NAME`, `method: NAME` in a recipe."""

    name: str
    """What `rlaif train NAME` and `method: NAME` of a recipe say."""
    help: str
    """One line, for `rlaif train --help`."""
    options: type[MethodOptions]
    """Its options: a frozen dataclass of `rlaif.settings.setting` fields."""
    trains: Role = Role.POLICY
    """Which model it moves: the policy, a reward model or the judge."""
    run: Callable[[TrainJob, Progress], TrainSummary]
    """Train, or go on with a training, or only read one that is finished."""
    check: Callable[[Any, str], None] = accept
    """Called with options and their place. Raises RecipeError for values that do not go together; opens no model."""
    fits: Callable[[Any, Path, Path | None], None] = any_models
    """Called with options, the directory of the model that trains and that of the other model that the options name,
    if they do, before anything is asked. Raises ModelError where the two do not go together."""
    takes: tuple[str, ...] = ("pairs",)
    """Kinds of artefact that it learns from, any one of them: `pairs`, `examples`."""
    reads_examples: Callable[[Any], tuple[str, str]] = lambda _: ("", "")
    """What examples must carry beside a conversation, with these options, and what makes such: `teacher` (turns for a
    teacher), `thumb` (a kind that says whether it was liked); empty: nothing."""
    asks_constitution: bool = False
    """Whether it must know the constitution that the pairs were judged by."""
    learns_revisions: Callable[[Any], bool] = lambda _: False
    """Whether it learns, with these options, answers that are revisions: those of a run's `revise` step too."""
    reward_of: Callable[[Any], Any] | None = None
    """With these options, the reward that rollouts of the policy are given, as a recipe spells it; None: the method
    draws no rollouts. Such a method takes `prompts`, and a job of it has prompts and an open reward."""
    alarms: bool = False
    """Whether its training asks `TrainJob.alarm` as it goes."""
    uses_pairs: bool = True
    """Whether the pairs of its batches are those of the run, so that `rlaif audit show` can say which step used one."""
    asked_by: str = ""
    """The protocol by which a reward model that it makes is asked; empty: `reward`."""
    standalone: Callable[[type[MethodOptions], Mapping[str, Any], MethodOptions | None], MethodOptions] = (
        from_defaults
    )
    """Options of `rlaif train` outside a recipe: called with `options`, the values given, and, where the model is a
    bundled one, the options that the shipped recipe trains it with by this method."""
    loop_of: Callable[[TrainJob], tuple[LoopConfig, int]] | None = None
    """Called with a job: the configuration of its loop, and how many rows it learns from, for `--dry-run` and for what
    is said before the first step; None: nothing is said of that."""
    hidden: tuple[str, ...] = LAYOUT
    """Metrics that are recorded and not shown."""
    examples: tuple[str, str] = ("", "")
    """Two commands that `rlaif train NAME --help` ends with."""
    version: str = ""
    """Part of the key of a recipe's step: change it when the method makes other weights of equal inputs."""
