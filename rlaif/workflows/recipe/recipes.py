"""Loading a recipe: a YAML file or a shipped name, with overrides, checked against the schema of all steps."""

from __future__ import annotations

import copy
import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rlaif.checks import check_schema
from rlaif.documents import Document, Key, parse_value, read_document
from rlaif.errors import InputError, RecipeError
from rlaif.runs.layout import OF_A_ROUND
from rlaif.settings import values_of
from rlaif.shipped import shipped
from rlaif.workflows.models.role_options import NOTHING, RoleOptions
from rlaif.workflows.recipe.artefacts import KINDS
from rlaif.workflows.recipe.flow import near, tasks_of
from rlaif.workflows.recipe.recipe import INITIAL, PREVIOUS, ModelRoles, Recipe, RecipeStep, Stop
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.schema import beside_settings, recipe_schema
from rlaif.workflows.recipe.train_step import TrainStep as TrainStep

_RESERVED = (PREVIOUS, INITIAL, "policy", "judge", *KINDS, *(name.partition(".")[0] for name in OF_A_ROUND))


def load_recipe(
    ref: str | Path, overrides: Mapping[str, str] | None = None, *, quick: bool = False
) -> Recipe:
    """Load a path to a YAML file, or the name of a recipe in ./pipelines or among the shipped ones.

    `overrides` are `--set` values: `models.judge=micro:weak`, `round.3.loss=hard` (steps count from 0),
    `round.train.loss=hard`, or `round.NAME.loss=hard` for a step with `as: NAME`. `quick` sets what the recipe says
    under its key of that name, before the others. Raises RecipeError with file, line and key.
    """
    source = str(_locate(ref))
    document = read_document(Path(source), RecipeError)
    recipe = _checked(document, source)
    written, said = document, dict[Key, str]()
    wrong: RecipeError | None = None
    for name, text in {**(_quick(document) if quick else {}), **(overrides or {})}.items():
        # a later one may mend what one alone breaks: a role, and the step that names it
        try:
            document = _overridden(document, name, text)
            recipe = _checked(document, source)
        except RecipeError as found:
            wrong = wrong or found
        else:
            wrong = None
        said |= dict.fromkeys(document.plain, document.path)
    if wrong is not None:
        raise wrong
    return replace(recipe, round=tuple(_placed(recipe.round, written, said)))


def _placed(
    entries: Sequence[RecipeStep], written: Document, said: Mapping[Key, str]
) -> Iterator[RecipeStep]:
    """The steps, each with its line in the file, and with those overrides that are of it."""
    if ("round",) in said:  # no step of it is in the file
        yield from entries
        return
    for place, entry in enumerate(entries):
        key: Key = ("round", place)
        own = ", ".join(text for of, text in said.items() if of[:2] == key)
        yield replace(entry, where=written.where(key) + (f" with {own}" if own else ""))


def _quick(document: Document) -> dict[str, str]:
    """The overrides of a recipe's quick form. Raises RecipeError for a recipe that has none."""
    if not document.data.get("quick"):
        raise RecipeError(
            f"{document.path}: has no quick form; add `quick: {{rounds: 1}}` with the keys that make it small"
        )
    own = document.data["quick"].items()
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in own}


def _checked(document: Document, source: str) -> Recipe:
    """The recipe of a document. Raises RecipeError naming the document's place."""
    _check_names(document)
    check_schema(document, recipe_schema(), RecipeError)
    recipe = _recipe(document, source)
    tasks_of(recipe, Path())
    return recipe


def _locate(ref: str | Path) -> Path:
    text = str(ref)
    if isinstance(ref, Path) or text.endswith((".yaml", ".yml")) or "/" in text:
        if not os.path.isfile(ref):
            raise RecipeError(
                f"{ref}: no such file; name a .yaml file or one of: {', '.join(recipe_names())}"
            )
        return Path(ref)
    for folder in _folders():
        if os.path.isfile(folder / f"{text}.yaml"):
            return folder / f"{text}.yaml"
    near = difflib.get_close_matches(text, recipe_names(), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    there = "\n".join(recipe_lines()) or "  none"
    raise RecipeError(f"no recipe named {text!r}{hint}; there are:\n{there}")


def recipe_names() -> list[str]:
    """The recipes that a name alone stands for: those in ./pipelines, and the shipped ones."""
    return sorted({path.stem for folder in _folders() for path in folder.glob("*.yaml")})


def recipe_titles() -> dict[str, str]:
    """Each of `recipe_names` with the line that it says of itself; empty where it says none, or cannot be read."""
    return {name: _title(_locate(name)) for name in recipe_names()}


COLUMNS = 100
"""Of a terminal."""


def recipe_lines() -> list[str]:
    """`recipe_titles` for a terminal: what is longer than a line of it ends in dots."""
    titles = recipe_titles()
    wide = max(map(len, titles), default=0)
    lines = [f"  {name.ljust(wide)}  {title}".rstrip() for name, title in titles.items()]
    return [each if len(each) <= COLUMNS else f"{each[: COLUMNS - 4].rstrip()} ..." for each in lines]


def _title(path: Path) -> str:
    try:
        data = read_document(path, RecipeError).data
    except RecipeError:
        return ""  # whoever runs it is told
    title = data.get("title") if isinstance(data, dict) else None
    return title if isinstance(title, str) else ""


def _folders() -> tuple[Path, Path]:
    return Path("pipelines"), shipped("pipelines")


def _overridden(document: Document, name: str, text: str) -> Document:
    """The document with one value replaced. Messages name the option: no line of the file is at fault."""
    data = copy.deepcopy(document.data)
    key, inside = _override_key(data, _in_full(data, name)), data
    for part in key[:-1]:
        inside = inside[part]
    value = parse_value(text)
    # `gold:` is a judge's name, though YAML reads a mapping in it
    inside[key[-1]] = text if key[0] == "models" and isinstance(value, dict) and "{" not in text else value
    return Document(path=f"--set {name}={text}", data=data, lines={}, plain={key: text})


def _in_full(data: Any, name: str) -> str:
    """The place that is meant where a role of `models` has options, or is to have some beside its name."""
    head, role, *rest = [*name.split("."), "", ""][:3] if name.startswith("models.") else ("", "", "")
    models = data.get(head) if isinstance(data, dict) else None
    if not isinstance(models, dict) or role not in models:
        return name
    if rest == [""] and isinstance(models[role], dict):
        return f"{name}.name"
    if rest != [""] and isinstance(models[role], str):
        models[role] = {"name": models[role]}
    return name


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
    names = [item.get("as") if isinstance(item, dict) else None for item in items]
    for known in (names, steps):
        if known.count(part) == 1:
            return known.index(part)
    shown = ", ".join(
        f"{place} ({step}{f' as {own}' if own else ''})" if step else str(place)
        for place, (step, own) in enumerate(zip(steps, names, strict=True))
    )
    raise RecipeError(f"--set {name}: {part!r} is none of {shown or 'an empty list'}")


def _check_names(document: Document) -> None:
    """Answer other trainers' names, and roles that are nearly ours, before the schema only calls them unknown."""
    data = document.data if isinstance(document.data, dict) else {}
    steps, models = data.get("round"), data.get("models")
    for place, step in enumerate(steps if isinstance(steps, list) else ()):
        found = STEPS.all().get(str(step.get("step"))) if isinstance(step, dict) else None
        if found is None:
            continue
        for name in step:
            if hint := found.hint(step, str(name)):
                raise RecipeError(f"{document.where(('round', place, name))}: {hint}")
    if isinstance(models, dict):
        for role in ("policy", "judge"):
            slip = next((str(each) for each in models if near(str(each), (role,)) and each != role), None)
            if role not in models and slip is not None:
                where = document.where(("models", slip))
                raise RecipeError(f"{where}: models has {slip!r}{near(slip, (role,))} and lacks {role!r}")


def _recipe(document: Document, source: str) -> Recipe:
    fields = {name: value for name, value in document.data.items() if name != "quick"}
    roles = {role: _role(each, document.where(("models", role))) for role, each in fields["models"].items()}
    options = {role: each for role, (_, each) in roles.items() if each.set_ones}
    names = {role: name for role, (name, _) in roles.items()}
    own = {role: name for role, name in names.items() if role not in ("policy", "judge")}
    fields["models"] = ModelRoles(policy=names["policy"], judge=names["judge"], others=own, options=options)
    stop = fields.get("stop", {})
    fields["stop"] = Stop(**{**stop, "unreadable_share": float(stop.get("unreadable_share", 1.0))})
    counts: dict[str, int] = {}
    entries: list[RecipeStep] = []
    for place, entry in enumerate(fields["round"]):
        where = document.where(("round", place))
        entries.append(_entry(entry, where, counts, fields["rounds"]))
        if entries[-1].key in {each.key for each in entries[:-1]}:
            raise RecipeError(f"{where}: {entries[-1].key!r} is the name of a step before it; choose another")
        if "as" in entry and (entries[-1].key in own or entries[-1].key in fields["prompts"]):
            raise RecipeError(
                f"{where}: {entries[-1].key!r} is a name of `models` or `prompts`; choose another"
            )
    fields["round"] = tuple(entries)
    return Recipe(**fields, source=source)


def _role(given: str | Mapping[str, Any], where: str) -> tuple[str, RoleOptions]:
    """The name of a role's model, and how it is asked."""
    if isinstance(given, str):
        return given, NOTHING
    rest = {name: value for name, value in given.items() if name != "name"}
    try:
        return str(given["name"]), RoleOptions(**values_of(RoleOptions, rest))
    except InputError as wrong:
        raise RecipeError(f"{where}: {wrong}") from None


def _entry(entry: Mapping[str, Any], where: str, counts: dict[str, int], rounds: int) -> RecipeStep:
    step = STEPS.get(entry["step"])
    beside = beside_settings(step).keys() - {"step"}
    named = {name: value for name, value in entry.items() if name in beside}
    values = {name: value for name, value in entry.items() if name not in beside and name != "step"}
    if step.also_of in named:
        if step.of in named:
            raise RecipeError(
                f"{where}: `{step.also_of}` and `{step.of}` say the same; give `{step.also_of}`"
            )
        # as it has always been spelled in keys of steps
        named[step.of] = named.pop(step.also_of)
    own = named.get("as")
    if own is None:
        counts[step.name] = counts.get(step.name, 0) + 1
        key = step.name if counts[step.name] == 1 else f"{step.name}-{counts[step.name]}"
    else:
        key = own
        if own in _RESERVED or re.fullmatch(rf"({'|'.join(STEPS.names())})(-\d+)?", own):
            raise RecipeError(f"{where}: as: {own!r} is a word of recipes; choose another name")
    return RecipeStep(
        step=step.name,
        settings=step.settings_from(values, where),
        key=key,
        given=values,
        named=named,
        rounds=_rounds(named.get("round"), rounds, where, measures=step.measures),
        where=where,
    )


def _rounds(given: Any, rounds: int, where: str, *, measures: bool) -> tuple[int, ...] | None:
    if given is None:
        return None
    if isinstance(given, str):
        return (1,) if given == "first" else (rounds,)
    least = 0 if measures else 1
    for each in given:
        if not least <= each <= rounds:
            raise RecipeError(f"{where}: round {each} is not one of {least} to {rounds}")
    return tuple(sorted(set(given)))
