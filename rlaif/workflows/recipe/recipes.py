"""Recipes: rounds of steps as data. What a recipe can say is here and in the schema, and nowhere else."""

from __future__ import annotations

import copy
import difflib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rlaif.checks import check, schema
from rlaif.documents import Document, Key, parse_value, read_document
from rlaif.errors import RecipeError
from rlaif.hashing import digest
from rlaif.shipped import shipped
from rlaif.workflows.recipe.train_step import TrainStep as TrainStep
from rlaif.workflows.recipe.train_step import train_step
from rlaif.workflows.training.methods import DEFAULT
from rlaif.workflows.training.read_options import misplaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Who writes and who judges. `previous` as judge is the newest policy; a name freezes the judge."""

    policy: str
    judge: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleStep:
    """The policy answers prompts of `train`."""

    step: Literal["sample"] = "sample"
    n: int = 4
    """Completions a prompt."""
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    max_tokens: int = 256
    prompts: int | None = None
    """Prompts a round; None takes all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeStep:
    """The judge looks at each completion alone."""

    step: Literal["judge"] = "judge"
    protocol: str = "checklist"
    samples: int | None = None
    """Texts a question, where the protocol takes a vote of several."""
    ask_again: int | None = None
    """How often an unreadable text is asked for once more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsStep:
    """Completions become pairs, which a comparison in both orders confirms."""

    step: Literal["pairs"] = "pairs"
    pairing: Literal["all", "best-worst", "random", "rank"] = "best-worst"
    then: str = "compare"
    """The protocol that decides between two; `none` decides by what was said of each alone."""
    samples: int | None = None
    ask_again: int | None = None
    inconsistent: Literal["drop", "average"] = "drop"
    critique: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateStep:
    """The new policy is measured."""

    step: Literal["evaluate"] = "evaluate"
    on: str = "held_out"
    gold: bool = False
    against: tuple[str, ...] = ()
    prompts: int | None = None
    """Prompts to measure on; None takes all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditStep:
    """Statistics over the round's pairs and judgments."""

    step: Literal["audit"] = "audit"


Step = SampleStep | JudgeStep | PairsStep | TrainStep | EvaluateStep | AuditStep
STEPS: dict[str, type[Step]] = {
    "sample": SampleStep,
    "judge": JudgeStep,
    "pairs": PairsStep,
    "train": TrainStep,
    "evaluate": EvaluateStep,
    "audit": AuditStep,
}


_NEEDS = {"judge": ("sample",), "pairs": ("sample", "judge"), "train": ("pairs",), "audit": ("pairs",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """When a loop ends before its last round. Gold measures and never decides."""

    gold: Literal["never-used"] = "never-used"
    unreadable_share: float = 1.0
    """Above this share of unreadable judgments no training happens."""
    judge_drift: Literal["warn", "stop"] = "warn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe, checked."""

    name: str
    models: Models
    constitution: str
    prompts: Mapping[str, str]
    rounds: int
    round: tuple[Step, ...]
    title: str = ""
    seed: int = 0
    stop: Stop = field(default_factory=Stop)
    source: str = ""
    """The file it came from; not part of the digest."""

    def config(self) -> dict[str, Any]:
        """All that decides what the recipe does, as plain values with defaults filled in."""
        values = asdict(self)
        del values["source"], values["title"]
        values["round"] = tuple(
            step.as_dict() if isinstance(step, TrainStep) else asdict(step) for step in self.round
        )
        return values

    @property
    def digest(self) -> str:
        """Digest of `config`."""
        return digest("recipe", self.config())


def load_recipe(ref: str | Path, overrides: Mapping[str, str] | None = None) -> Recipe:
    """Load a path to a YAML file, or the name of a recipe in ./pipelines or among the shipped ones.

    `overrides` are `--set` values: `models.judge=micro:weak`, `round.3.loss=hard` (steps count from 0) or
    `round.train.loss=hard`. Raises RecipeError with file, line and key.
    """
    document = read_document(_locate(ref), RecipeError)
    _check_names(document)
    check(document, "recipe", RecipeError)
    _check_steps(document)
    for name, text in (overrides or {}).items():
        document = _overridden(document, name, text)
    return _recipe(document.data, str(_locate(ref)))


def _locate(ref: str | Path) -> Path:
    text = str(ref)
    if isinstance(ref, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        if not os.path.isfile(ref):
            raise RecipeError(f"{ref}: no such file; name a .yaml file or one of: {', '.join(_known())}")
        return Path(ref)
    for folder in _folders():
        if os.path.isfile(folder / f"{text}.yaml"):
            return folder / f"{text}.yaml"
    near = difflib.get_close_matches(text, _known(), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    raise RecipeError(f"no recipe named {text!r}{hint}; there are: {', '.join(_known()) or 'none'}")


def _folders() -> tuple[Path, Path]:
    return Path("pipelines"), shipped("pipelines")


def _known() -> list[str]:
    return sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")})


def _overridden(document: Document, name: str, text: str) -> Document:
    """The document with one value replaced. Messages name the option: no line of the file is at fault."""
    data = copy.deepcopy(document.data)
    key, inside = _override_key(data, name), data
    for part in key[:-1]:
        inside = inside[part]
    inside[key[-1]] = parse_value(text)
    changed = Document(path=f"--set {name}={text}", data=data, lines={}, plain={key: text})
    _check_names(changed)
    check(changed, "recipe", RecipeError)
    _check_steps(changed)
    return changed


def _override_key(data: Any, name: str) -> Key:
    """The place that `a.b.2.c` names; absent mappings on the way are made, for the schema to judge."""
    key: list[str | int] = []
    inside = data
    parts = name.split(".")
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if isinstance(inside, list):
            place = _place(inside, part, name)
            key.append(place)
            inside = inside[place]
        elif isinstance(inside, dict):
            key.append(part)
            inside = inside.get(part) if last else inside.setdefault(part, {})
        else:
            raise RecipeError(f"--set {name}: {'.'.join(parts[:number])} is one value and has no {part!r}")
    return tuple(key)


def _place(items: list[Any], part: str, name: str) -> int:
    if part.isdecimal() and int(part) < len(items):
        return int(part)
    steps = [item.get("step") if isinstance(item, dict) else None for item in items]
    if steps.count(part) == 1:
        return steps.index(part)
    shown = ", ".join(f"{place} ({step})" if step else str(place) for place, step in enumerate(steps))
    raise RecipeError(f"--set {name}: {part!r} is none of {shown or 'an empty list'}")


def _check_names(document: Document) -> None:
    """Another trainer's names are answered with ours, before the schema only calls them unknown."""
    steps = document.data.get("round") if isinstance(document.data, dict) else None
    for place, step in enumerate(steps if isinstance(steps, list) else ()):
        if isinstance(step, dict) and step.get("step") == "train":
            for name in step:
                if hint := misplaced(str(step.get("method", DEFAULT)), str(name)):
                    raise RecipeError(f"{document.where(('round', place, name))}: {hint}")


def _check_steps(document: Document) -> None:
    """Rules between keys, which a schema cannot say."""
    done: set[str] = set()
    drawn = 0
    for place, step in enumerate(document.data["round"]):
        kind = step["step"]
        if missing := [each for each in _NEEDS.get(kind, ()) if each not in done]:
            at = document.where(("round", place))
            raise RecipeError(f"{at}: step {kind!r} needs a step {missing[0]!r} before it; add one")
        if kind == "sample":
            drawn = step.get("n", SampleStep().n)
        if kind == "pairs" and drawn < 2:
            at = document.where(("round", place))
            raise RecipeError(
                f"{at}: pairs need two completions of a prompt, and `sample` draws {drawn}; raise its n"
            )
        on = step.get("on", "held_out")
        if kind == "evaluate" and on not in document.data["prompts"]:
            at, known = document.where(("round", place, "on")), ", ".join(document.data["prompts"])
            raise RecipeError(f"{at}: no prompt set {on!r} to evaluate on; `prompts` has: {known}")
        done.add(kind)


def _recipe(data: Mapping[str, Any], source: str) -> Recipe:
    fields = dict(data)
    fields["models"] = Models(**fields["models"])
    stop = fields.get("stop", {})
    fields["stop"] = Stop(**{**stop, "unreadable_share": float(stop.get("unreadable_share", 1.0))})
    fields["round"] = tuple(
        _step(entry, f"{source}: round.{number}") for number, entry in enumerate(fields["round"])
    )
    return Recipe(**fields, source=source)


def _step(entry: Mapping[str, Any], where: str) -> Step:
    if entry["step"] == "train":
        given = {name: value for name, value in entry.items() if name != "step"}
        return train_step(**given, where=where)
    known = schema("recipe")["$defs"][entry["step"]]["properties"]
    values: dict[str, Any] = {}
    for name, value in entry.items():
        # `1` and `1.0` are one temperature, and must have one digest
        number = known[name].get("type") == "number"
        values[name] = float(value) if number else tuple(value) if isinstance(value, list) else value
    return STEPS[entry["step"]](**values)
