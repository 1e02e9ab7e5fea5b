"""The step `merge`: models become one whose weights are a weighted sum of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.settings import plain, setting
from rlaif.training.weight_shares import check_shares
from rlaif.workflows.models.judge_names import model_directory
from rlaif.workflows.recipe.recipe import RecipeStep
from rlaif.workflows.recipe.step import CheckedStep, Facts, Job, RunJob, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSettings:
    """Which models, and how much of each."""

    shares: Mapping[str, float] = setting(
        default_factory=dict,
        help="Share of each model's weights, by its name (`as` of a train step, initial, previous); they sum to 1.",
        metavar="MODEL=SHARE",
    )


def _models(job: Job) -> dict[Path, float]:
    stands = job.task.stands
    return {model_directory(stands.get(name, name)): share for name, share in job.settings.shares.items()}


def make(job: RunJob) -> Facts:
    """Write the sum."""
    from rlaif.training.weight_sums import sum_weights

    sum_weights(_models(job), job.out, trust_remote_code=job.prepared.config.trust_remote_code)
    return {"shares": dict(job.settings.shares)}


def forecast(job: Job) -> Path:
    """Return the directory of the model that there would be."""
    return job.out


def inputs(job: Job) -> Mapping[str, Any]:
    """Return the models and their shares."""
    stands = job.task.stands
    return {
        "step": {"step": STEP.name, **plain(job.settings)},
        "models": {name: job.models.fingerprint(stands.get(name, name)) for name in job.settings.shares},
    }


def check(checked: CheckedStep) -> None:
    """Raise InputError for shares that do not sum to 1, or a model that no step before it makes."""
    shares, stands = checked.entry.settings.shares, checked.task.stands
    check_shares(shares, "shares")
    for name in shares:
        if name in checked.names and name not in stands:
            raise InputError(
                f"shares names {name!r}, which no step before it has made; move this step behind it"
            )


def _moves(_: RecipeStep) -> str:
    return "policy"


STEP = Step(
    name="merge",
    help="Models become one whose weights are a weighted sum of theirs; it is the newest policy.",
    settings=MergeSettings,
    makes="model",
    also_asks=lambda settings: tuple(settings.shares),
    stem="merged",
    make=make,
    forecast=forecast,
    inputs=inputs,
    moves=_moves,
    check=check,
)
