"""Preparing a recipe: overrides applied, prompts and constitution read, every step checked. Loads no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rlaif.constitution import load_principles
from rlaif.engines.kinds import check_name
from rlaif.errors import InputError, RecipeError
from rlaif.exchange.prompts import read_prompts
from rlaif.runs.layout import files_of
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.generate.asked_prompts import read_conversations
from rlaif.workflows.generate.judge_step import in_writing, read_by_labels
from rlaif.workflows.models.gold import require_gold
from rlaif.workflows.models.judge_names import GOLD
from rlaif.workflows.recipe.flow import tasks_of, unread
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipe import Recipe, RecipeStep
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import CheckedStep, Step
from rlaif.workflows.recipe.task import Task

DEFAULT_PROTOCOL = "compare"


def prepare_recipe(config: RunConfig) -> PreparedRecipe:
    """Read and check everything that can be read without a model. Raises InputError."""
    recipe = _with_options(load_recipe(config.recipe, _overrides(config), quick=config.quick), config)
    # before any of them is shown: what stands in a server's name may be a key
    for name in recipe.models.by_role().values():
        check_name(name)
    tasks = tasks_of(recipe, config.out)
    _check_steps(recipe, config, lambda step, checked: step.check(checked))
    # beside its recipe a project keeps its constitutions
    folders = [Path(recipe.source).resolve().parent.parent / "constitutions"]
    constitution = load_principles(recipe.constitution, folders=folders)
    branches = any(getattr(each.settings, "from_turn", None) for each in recipe.round)
    read = read_conversations if branches else read_prompts
    prompts = {name: tuple(read(ref, limit=config.limit)) for name, ref in recipe.prompts.items()}
    if recipe.models.judge == GOLD:
        require_gold(prompts["train"], GOLD)
    protocols = protocols_of(recipe)
    prepared = PreparedRecipe(
        config=config,
        recipe=recipe,
        constitution=constitution,
        prompts=prompts,
        tasks=tasks,
        protocols=protocols,
        in_writing=_writes(protocols, config.out),
        warnings=tuple(unread(tasks)),
    )
    _check_steps(recipe, config, lambda step, checked: step.fits(checked, prepared))
    return prepared


@contextmanager
def at(entry: RecipeStep) -> Iterator[None]:
    """Say of a wrong input in the block at which step of the recipe it is. Raises RecipeError."""
    try:
        yield
    except InputError as wrong:
        raise RecipeError(f"{entry.where}: {wrong}") from None


def _check_steps(recipe: Recipe, config: RunConfig, look: Callable[[Step, CheckedStep], None]) -> None:
    """Raise RecipeError, with file and line, for the first step with which something is wrong."""
    for checked in checked_steps(recipe, config.out):
        with at(checked.entry), STEPS.guarded(checked.entry.step):
            look(STEPS.get(checked.entry.step), checked)


def _with_options(recipe: Recipe, config: RunConfig) -> Recipe:
    """The recipe with what the command says of its roles."""
    given = {"policy": config.policy_options, "judge": config.judge_options}
    said = {role: each.over(recipe.models.asked(role)) for role, each in given.items() if each is not None}
    if not said:
        return recipe
    return replace(recipe, models=replace(recipe.models, options={**recipe.models.options, **said}))


def checked_steps(recipe: Recipe, run: Path) -> list[CheckedStep]:
    """Return what is known of each step of a recipe before any model is opened."""
    tasks = tasks_of(recipe, run)
    made = (each.makes for each in tasks)
    names = frozenset(each.name for each in made if each is not None and each.kind == "model" and each.name)
    first = {each.entry.key: each for each in reversed(tasks)}
    return [
        CheckedStep(
            recipe=recipe,
            entry=entry,
            task=first[entry.key],
            names=names,
            carried=_carried(recipe, first[entry.key]),
        )
        for entry in recipe.round
    ]


def _carried(recipe: Recipe, task: Task) -> frozenset[str] | None:
    """What the examples that a step takes carry beside a conversation; None where it takes none, or nobody can tell."""
    taken = [each for each in task.takes if each.kind == "examples"]
    makers = [entry for entry in recipe.round if any(each.step == entry.key for each in taken)]
    told = [STEPS.get(each.step).carries for each in makers]
    if not told or None in told:
        return None
    return frozenset.intersection(
        *(tell(each.settings) for tell, each in zip(told, makers, strict=True) if tell)
    )


def protocols_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the protocols by which a round asks, in the order in which it does."""
    named = [each for entry in recipe.round for each in STEPS.get(entry.step).protocols(entry.settings)]
    return tuple(named) or (DEFAULT_PROTOCOL,)


def _writes(protocols: tuple[str, ...], out: Path) -> bool:
    """Whether judges behind servers write their verdicts in all steps, as one of the protocols does.

    A run whose rounds were judged otherwise goes on as it began: its calls are paid.
    """
    begun = (read_by_labels(path) for path in files_of(out, "judgments"))
    return in_writing(*protocols) and not any(begun)


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
        overrides["models.judge"] = (
            policy or load_recipe(config.recipe, overrides, quick=config.quick).models.policy
        )
    return overrides
