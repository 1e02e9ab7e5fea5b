"""A recipe made ready to be played: overrides applied, prompts and constitution read. Loads no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.constitution import load_principles
from rlaif.engines.kinds import check_name
from rlaif.errors import InputError, RecipeError
from rlaif.exchange.prompts import read_prompts
from rlaif.feedback.pairing import NO_PAIRWISE
from rlaif.judging.protocols import pairwise, pointwise
from rlaif.records import Constitution, Prompt
from rlaif.runs.identity import described_constitution, described_prompts
from rlaif.runs.layout import JUDGMENTS, files_named
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.generate.judge_step import asking_of, in_writing, read_by_labels
from rlaif.workflows.models.gold import require_gold
from rlaif.workflows.models.judge_names import GOLD
from rlaif.workflows.recipe.recipes import (
    AuditStep,
    JudgeStep,
    PairsStep,
    Recipe,
    Step,
    TrainStep,
    load_recipe,
)
from rlaif.workflows.training.run import replay_examples

PREVIOUS, INITIAL = "previous", "initial"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """All that a run needs before it opens a model."""

    config: RunConfig
    recipe: Recipe
    constitution: Constitution
    prompts: Mapping[str, tuple[Prompt, ...]]

    def described(self, fingerprints: Mapping[str, str]) -> dict[str, Any]:
        """What the run is, for its claim on the directory: equal means the same run."""
        return {
            "recipe": self.recipe.config(),
            "constitution": described_constitution(self.constitution),
            "prompts": {name: described_prompts(prompts) for name, prompts in self.prompts.items()},
            "models": dict(fingerprints),
            "limit": self.config.limit,
        }


def settle(config: RunConfig) -> Played:
    """Read and check everything that can be read without a model. Raises InputError."""
    recipe = load_recipe(config.recipe, _overrides(config))
    # before any of them is shown: what stands in a server's name may be a key
    for name in (recipe.models.policy, recipe.models.judge):
        check_name(name)
    for number, step in enumerate(recipe.round):
        if isinstance(step, AuditStep):
            raise RecipeError(
                f"{recipe.source}: round.{number}: no command plays step 'audit' yet; remove it"
            )
        if isinstance(step, TrainStep):
            replay_examples(step.options, recipe.models.policy)
        _check_protocol(recipe, number, step)
    _check_ranks(recipe)
    # beside its recipe a project keeps its constitutions
    folders = [Path(recipe.source).resolve().parent.parent / "constitutions"]
    constitution = load_principles(recipe.constitution, folders=folders)
    prompts = {name: tuple(read_prompts(ref, limit=config.limit)) for name, ref in recipe.prompts.items()}
    if recipe.models.judge == GOLD:
        require_gold(prompts["train"], GOLD)
    return Played(config=config, recipe=recipe, constitution=constitution, prompts=prompts)


def _check_protocol(recipe: Recipe, number: int, step: Step) -> None:
    """Raise RecipeError for a protocol that is not there, or that does not ask such a judge."""
    try:
        if isinstance(step, JudgeStep):
            name = pointwise(step.protocol).name
        elif isinstance(step, PairsStep) and step.then != NO_PAIRWISE:
            name = pairwise(step.then).name
        elif isinstance(step, PairsStep) and (step.samples, step.ask_again) != (None, None):
            raise InputError("`then: none` asks nothing; remove samples and ask_again")
        else:
            return
        asking_of(name, recipe.models.judge, seed=recipe.seed, samples=step.samples, again=step.ask_again)
    except InputError as wrong:
        raise RecipeError(f"{recipe.source}: round.{number}: {wrong}") from None


def _check_ranks(recipe: Recipe) -> None:
    """Raise RecipeError where a ranking alone would decide between two that never met."""
    ranked = ""
    for number, step in enumerate(recipe.round):
        if isinstance(step, JudgeStep):
            ranked = "" if pointwise(step.protocol).decides else step.protocol
        elif isinstance(step, PairsStep) and step.then == NO_PAIRWISE and ranked:
            raise RecipeError(
                f"{recipe.source}: round.{number}: {ranked!r} orders completions and does not decide between two; "
                "name a protocol that compares, e.g. `then: compare`"
            )


def protocols_of(recipe: Recipe) -> list[str]:
    """The protocols by which a round asks, in the order in which it does."""
    looks = [each.protocol for each in recipe.round if isinstance(each, JudgeStep)]
    thens = [each.then for each in recipe.round if isinstance(each, PairsStep) and each.then != NO_PAIRWISE]
    return [*looks, *thens] or ["compare"]


def writes(recipe: Recipe, out: Path) -> bool:
    """Whether judges behind servers write their verdicts in all steps, as one of the protocols does.

    A loop whose rounds were judged otherwise goes on as it began: its calls are paid.
    """
    begun = (read_by_labels(path) for path in files_named(out, JUDGMENTS))
    return in_writing(*protocols_of(recipe)) and not any(begun)


def steps(played: Played) -> list[str]:
    """What would be done, for `--dry-run`."""
    recipe = played.recipe
    lines = [f"recipe {recipe.name} ({recipe.digest}), {recipe.rounds} rounds"]
    lines.append(f"policy {recipe.models.policy}, judge {recipe.models.judge}")
    constitution = played.constitution
    lines.append(f"constitution {constitution.name} {constitution.version} ({constitution.digest})")
    lines += [f"prompts {name}: {len(prompts)}" for name, prompts in played.prompts.items()]
    for number, step in enumerate(recipe.round, 1):
        values = (
            step.given()
            if isinstance(step, TrainStep)
            else {name: getattr(step, name) for name in step.__dataclass_fields__ if name != "step"}
        )
        given = ", ".join(f"{name} {value}" for name, value in values.items() if value not in (None, {}, ()))
        lines.append(f"{number}. {step.step}: {given}")
    return lines


def _overrides(config: RunConfig) -> dict[str, str]:
    overrides = dict(config.overrides)
    if config.judge is not None and config.frozen_judge:
        raise RecipeError("--judge and --frozen-judge both name the judge; give one")
    named = {
        "models.policy": config.policy,
        "models.judge": config.judge,
        "constitution": config.constitution,
    }
    overrides |= {key: value for key, value in named.items() if value is not None}
    if config.seed is not None:
        overrides["seed"] = str(config.seed)
    if config.frozen_judge:
        policy = overrides.get("models.policy")
        overrides["models.judge"] = policy or load_recipe(config.recipe, overrides).models.policy
    return overrides
