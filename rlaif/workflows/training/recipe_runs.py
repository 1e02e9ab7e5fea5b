"""What the run of a recipe says to a training outside of it: which models there were, and what is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.errors import PromptFileError
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Prompt
from rlaif.runs.claim import read_run
from rlaif.runs.layout import made_files, round_number, rounds, run_of
from rlaif.workflows.recipe.recipe import PREVIOUS

POLICY, JUDGE = "policy", "judge"


def round_models(source: Path) -> dict[str, Any]:
    """The policy and the judge that there were in a recipe's run, as `run.json` of other commands says them.

    Args:
        source: A file that a step made, before which they stood; a round, which began with them; of a run itself its
            newest round is meant.

    Returns:
        `policies`, of one model, and `judge`; empty where no recipe made it, or its run does not say which it was.
    """
    run, recipe, prints = _recipe(source)
    if run is None:
        return {}
    models, told = recipe.get("models") or {}, recipe.get("options") or {}
    moved = _newest(run, source)
    if (policy := moved.get(POLICY, models.get(POLICY))) is None:
        return {}
    judge = moved.get(JUDGE, models.get(JUDGE))
    names = {POLICY: policy, JUDGE: policy if judge == PREVIOUS else judge}
    own = {
        role: {
            "name": name,
            "fingerprint": model_fingerprint(Path(name)) if name in moved.values() else str(prints.get(role)),
            **({"options": told[role]} if role in told else {}),
        }
        for role, name in names.items()
        if name is not None
    }
    return {"policies": [own[POLICY]], **({"judge": own[JUDGE]} if JUDGE in own else {})}


def measured_on(source: Path) -> list[Prompt]:
    """The held-out prompts of the recipe whose run a path is or lies in; none where it trained on the same set.

    Raises PromptFileError where they are no longer there.
    """
    run, recipe, _ = _recipe(source)
    named = recipe.get("prompts") or {}
    held_out = named.get("held_out")
    if run is None or held_out is None or held_out == named.get("train"):
        return []
    try:
        return read_prompts(held_out)
    except PromptFileError as wrong:
        raise PromptFileError(
            f"{run}: its recipe measures on {held_out}, which no training may learn from: {wrong}. Name these prompts "
            "by --held-out"
        ) from None


def _recipe(source: Path) -> tuple[Path | None, Mapping[str, Any], Mapping[str, Any]]:
    """The run of a recipe, the recipe, and the fingerprints of its models by role."""
    run = run_of(source if source.is_dir() else source.parent)
    config = read_run(run).get("config") or {} if run is not None else {}
    recipe = config.get("recipe")
    return (run, recipe, config.get("models") or {}) if isinstance(recipe, Mapping) else (None, {}, {})


def _newest(run: Path, source: Path) -> dict[str, str]:
    """The newest model of each role before a file was made, or before its round."""
    made = made_files(run)
    place = next((place for place, each in enumerate(made) if each.path == source), None)
    if place is None:
        number = round_number(source if source.is_dir() else source.parent)
        number = number if number is not None else max((each for each, _ in rounds(run)), default=1)
        before = [each for each in made if each.round < number]
    else:
        before = made[:place]
    return {each.moves: str(each.path) for each in before if each.moves and each.path.is_dir()}
