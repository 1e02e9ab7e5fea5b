"""What a source of pairs is: one file that says which completions the step `pairs` sets against each other, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlaif.field_docs import documented
from rlaif.records import Judgment, Pair
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.step import CheckedStep, Expected, Job, RunJob, everything
from rlaif.workflows.recipe.step_cache import Since

Needs = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcedPairs:
    """What a source made."""

    pairs: Sequence[Pair]
    counts: Mapping[str, int]
    """From prompts to pairs, as a person reads it: `no pair: REASON` for those that are none."""
    comparisons: Sequence[Judgment] = ()
    """All that was asked of two completions."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What it says of itself beside the number of pairs; `warnings` go into the table of rounds."""


def _nothing(*_: Any) -> None:
    return None


def _no_protocols(_: Any) -> Sequence[str]:
    return ()


def _no_models(_: Any) -> Mapping[str, str]:
    return {}


def _no_work(_: Expected) -> int:
    return 0


def _no_lines(*_: Any) -> list[str]:
    return []


@documented
@dataclass(frozen=True, slots=True, kw_only=True)
class PairSource:
    """A source of pairs. A file of `pair_sources/`, or an entry point in `rlaif.pair_sources`, holds one."""

    name: str
    """What `source: NAME` of a step `pairs` says."""
    help: str
    """One sentence: what is chosen, what is rejected, and who says so."""
    options: type
    """Its configuration, a frozen dataclass with `rlaif.settings.setting` fields."""
    needs: Callable[[Any], Needs]
    """Kinds of artefact that it takes with these options."""
    pair: Callable[[RunJob], SourcedPairs]
    """Make the pairs; the options are `job.settings.options`."""
    forecast: Callable[[Job], Any]
    """Ask what the making would ask, with models that answer nothing."""
    gathers: bool = False
    """Whether it takes any number of artefacts of the kind of its first need."""
    models: Callable[[Any], Mapping[str, str]] = _no_models
    """Keys of the step `pairs` that mean a model with these options, each with the role that is meant by default."""
    may_name: Mapping[str, str] = field(default_factory=dict)
    """Further such keys, each with what its model is for."""
    inputs: Callable[[Job], Mapping[str, Any]] = everything
    """All that it reads."""
    since: Callable[[Job], Since | None] = _nothing
    """Inputs that keys of earlier versions lacked."""
    compares: Callable[[Any], bool] = lambda _: False
    """Whether comparisons are written beside the pairs."""
    check: Callable[[CheckedStep], None] = _nothing
    """Raise InputError for options that cannot work; called before any model is opened."""
    joins: bool = True
    """Whether all that it takes must be made of each other; not where two judges' judgments are compared."""
    fits: Callable[[CheckedStep, PreparedRecipe], None] = _nothing
    """Raise InputError where constitution or prompts cannot serve it; called before any model is opened."""
    protocols: Callable[[Any], Sequence[str]] = _no_protocols
    """The judging protocols that its options name."""
    work: Callable[[Expected], int] = _no_work
    """About how many calls it makes."""
    halts: Callable[[RunJob, Mapping[str, Any]], str | None] = _nothing
    """Why the pairs must not be trained on, or None."""
    whys: Callable[[Job], Sequence[str]] = _no_lines
    """What to say beside the counts where no pair was made."""
