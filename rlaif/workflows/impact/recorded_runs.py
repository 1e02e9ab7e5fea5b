"""How the pairs in a run directory were judged: judge, protocols, constitution; for each round of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.constitution import load_constitution
from rlaif.errors import InputError, RunError
from rlaif.feedback.pairing import NO_PAIRWISE, SAME, PairPlan, pair_plan
from rlaif.judging.protocols import Asking, asking, protocol
from rlaif.records import Constitution
from rlaif.runs.claim import read_run
from rlaif.runs.identity import run_id
from rlaif.runs.layout import (
    CONSTITUTION,
    PAIRS,
    PairSources,
    made_files,
    model_of_round,
    pairs_in,
    round_name,
    run_of,
    sources_of,
    step_note,
)
from rlaif.runs.record_files import NOTE_SCHEMA, read_record_if_there
from rlaif.workflows.generate.judge_step import judged_in_writing, split
from rlaif.workflows.models.role_options import RoleOptions, role_options
from rlaif.workflows.recipe.pair_sources import DEFAULT
from rlaif.workflows.recipe.recipe import INITIAL, PREVIOUS
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.same_pairs import compared_in
from rlaif.workflows.training.method import Role
from rlaif.workflows.training.methods import METHODS

_COMMANDS = ("generate", "judge")


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """A run of `generate` or `judge`, or one round of a recipe, with everything needed to judge it again."""

    files: PairSources
    """Its pairs, its completions, and what was said of them."""
    run_id: str
    """Calls of a server that declares no revision are re-used under it alone."""
    judge: str
    fingerprint: str
    options: RoleOptions
    """How it was asked."""
    pointwise: str
    """The pointwise protocol."""
    asking: Asking | None
    """How that asks; None: in its own way."""
    plan: PairPlan
    """How pairs are made of what it said."""
    constitution: Mapping[str, str]
    """Name, version and digest."""
    in_writing: bool
    """Whether the judge wrote its verdicts, for want of log-probabilities."""
    templates: Mapping[str, str]
    """Digests of the texts that the judge was asked with."""

    @property
    def folder(self) -> Path:
        """The directory that holds the pairs."""
        return self.files.folder


def load_side(ref: str) -> Constitution:
    """A constitution by file, name, release, or the run (or round of a run) that was judged by it."""
    folder = run_of(Path(ref))
    if folder is None:
        return load_constitution(ref)
    if not (folder / CONSTITUTION).is_file():
        raise RunError(f"{folder}: keeps no {CONSTITUTION}; name what it was judged by: a file or a release")
    return load_constitution(folder / CONSTITUTION)


def judged_runs(folder: Path) -> list[JudgedRun]:
    """The judging in `folder`: one entry for `generate`, `judge` or a round's folder, one per round for a recipe's run.

    Raises RunError for anything else, and for what has not come to its end.
    """
    whole = run_of(folder) or folder
    held = read_run(whole)
    command, named = held.get("command"), whole != folder
    try:
        if command == "run":
            return _rounds(whole, held, folder.name if named else None)
        if command in _COMMANDS and not named:
            return [_commanded(folder, held)]
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        if isinstance(wrong, InputError):
            raise
        raise RunError(
            f"{folder}: its records are not as rlaif wrote them ({wrong!r}); judge again"
        ) from None
    raise RunError(
        f"{folder}: is no run of `generate`, `judge` or `run`, nor a round of one; name such a directory"
    )


def _commanded(run: Path, held: Mapping[str, Any]) -> JudgedRun:
    _require_end(run, held, "done")
    config = held["config"]
    if "protocol" not in config:
        raise RunError(f"{run}: was made by an rlaif that did not record its protocol; judge it again first")
    alone, then = split(config["protocol"])
    files = sources_of(pairs_in(run) or run / PAIRS)
    how = Asking(**config["asking"])
    return JudgedRun(
        files=files,
        run_id=run_id(held["command"], config),
        judge=str(config["judge"]["name"]),
        fingerprint=config["judge"]["fingerprint"],
        options=role_options(config["judge"].get("options", {}), f"{run}: judge"),
        pointwise=alone,
        asking=how if alone == config["protocol"] else None,
        plan=pair_plan(
            config,
            then=then,
            asking=how if then == config["protocol"] else None,
            seed=config["seed"],
            among=compared_in(run) if config["pairing"] == SAME else frozenset(),
        ),
        constitution=config["constitution"],
        in_writing=judged_in_writing(files.judgments),
        templates=held.get("templates", {}),
    )


def _rounds(run: Path, held: Mapping[str, Any], named: str | None) -> list[JudgedRun]:
    if named is not None:
        if (found := _round(run, held, named)) is None:
            raise RunError(f"{run / named}: no pairs were made in it yet; let the run go on, or name another")
        return [found]
    _require_end(run, held, "done", "stopped")
    numbers = range(1, int(held["config"]["recipe"]["rounds"]) + 1)
    rounds = [each for number in numbers if (each := _round(run, held, round_name(number)))]
    if not rounds:
        raise RunError(f"{run}: made no pairs: its recipe has no such step, or it was stopped before")
    return rounds


def _round(run: Path, held: Mapping[str, Any], name: str) -> JudgedRun | None:
    made = pairs_in(run / name)
    if made is None:
        return None
    files, steps = sources_of(made), {each.path: each.step for each in made_files(run)}
    notes = [
        _note(step_note(run, f"{name}/{steps.get(file, plain)}"))
        for file, plain in ((files.judgments, "judge"), (files.pairs, "pairs"))
    ]
    alone, paired = notes
    if alone is None or paired is None or not files.completions.is_file():
        return None
    config, step = held["config"], paired["inputs"].get("step", {})
    if (source := step.get("source", DEFAULT)) != DEFAULT:
        raise RunError(
            f"{made}: its pairs were made by `source: {source}` of the step `pairs`, which is not followed here; run "
            "the recipe with the other constitution into another --out, and see `rlaif audit compare`"
        )
    if "then" not in step or "protocol" not in alone["inputs"]:
        raise RunError(
            f"{made}: was not made by the steps `judge` and `pairs`, which are all that can be judged again; "
            "name another round"
        )
    if "rubrics" in alone["inputs"]:
        raise RunError(
            f"{made}: was judged by a rubric of each prompt, which no edit of the constitution changes; edit the "
            "rubrics (`source: FILE` of the step `rubric`), and run the recipe into another --out"
        )
    if own := [
        f"`{name}: {step[name]}`"
        for name in ("principles", "draw", "clamp")
        if step.get(name) not in (None, "all")
    ]:
        raise RunError(
            f"{made}: its labels were made with {', '.join(own)} of the step `pairs`, which is not followed here; run "
            "the recipe with the other constitution into another --out, and see `rlaif audit compare`"
        )
    recipe, number = config["recipe"], int(paired["inputs"]["round"])
    asked = None
    if step["then"] != NO_PAIRWISE:
        asked = asking(
            protocol(step["then"]), seed=recipe["seed"], samples=step["samples"], again=step["ask_again"]
        )
    return JudgedRun(
        files=files,
        run_id=run_id(held["command"], config),
        judge=_judge_of(run, recipe, number, steps.get(made, "pairs")),
        fingerprint=alone["inputs"]["judge"],
        options=role_options(alone["inputs"].get("options", {}).get("judge", {}), f"{run}: judge"),
        pointwise=alone["inputs"]["protocol"],
        asking=Asking(**alone["inputs"]["asking"]),
        plan=pair_plan(step, then=step["then"], asking=asked, seed=recipe["seed"], round=number),
        constitution=config["constitution"],
        in_writing=judged_in_writing(files.judgments),
        templates=alone.get("templates", {}) | paired.get("templates", {}),
    )


def _judge_of(run: Path, recipe: Mapping[str, Any], number: int, step: str) -> str:
    """The name of the judge that a step of a round asked.

    Where the judge is the newest policy, it is the model of the round before. Where it is a model that a step of the
    recipe made under a name, the newest one before this round.
    """
    entry: Mapping[str, Any] = next((each for each in recipe["round"] if _key(each) == step), {})
    models, role = recipe["models"], entry.get("judge", "judge")
    if role == INITIAL:
        return str(models["policy"])
    if role in models and models[role] != PREVIOUS:
        return str(models[role])
    if role in models or role == PREVIOUS:
        trained = [each for each in recipe["round"] if STEPS.get(each["step"]).trains]
        movers = [
            _key(each)
            for each in trained
            if each.get("trains", METHODS.get(each["method"]).trains) == Role.POLICY
        ]
        first = number == 1 or not movers
        return str(models["policy"] if first else _newest_model(run, number, movers))
    return str(_newest_model(run, number, [role]))


def _key(entry: Mapping[str, Any]) -> str:
    """The key of a step of a recipe that is held as plain values: its `as`, else its name."""
    return str(entry.get("as", entry["step"]))


def _newest_model(run: Path, number: int, steps: Sequence[str]) -> Path:
    """The newest model that one of these steps made before round `number`."""
    made = made_files(run)
    found = [
        each.path for each in made if each.kind == "model" and each.round < number and each.step in steps
    ]
    return found[-1] if found else model_of_round(run, number - 1)


def _note(path: Path) -> dict[str, Any] | None:
    note: dict[str, Any] | None = read_record_if_there(path, NOTE_SCHEMA)
    return note


def _require_end(run: Path, held: Mapping[str, Any], *ends: str) -> None:
    if held["status"] not in ends:
        raise RunError(f"{run}: is {held['status']}; let its command come to the end first")
