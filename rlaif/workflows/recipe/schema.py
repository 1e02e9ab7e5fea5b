"""The JSON Schema of recipes, made from the registry of steps: what a recipe may say is said once, by each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.settings import json_schema, options
from rlaif.workflows.models.role_options import RoleOptions
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.step import Step

NAME = "^[a-z][a-z0-9_-]*$"
_TEXT = {"$ref": "#/$defs/text"}
_ROUND: Mapping[str, Any] = {
    "description": "first, last, or a list of rounds: [1, 2]",
    "oneOf": [
        {"type": "string", "enum": ["first", "last"]},
        {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}},
    ],
}


def recipe_schema(*, from_outside: bool = True) -> dict[str, Any]:
    """The JSON Schema of a recipe, with the steps of other packages unless they are to be left out."""
    others = () if from_outside else STEPS.from_outside()
    steps = [each for name, each in STEPS.all().items() if name not in others]
    kinds = [
        {
            "if": {"required": ["step"], "properties": {"step": {"const": each.name}}},
            "then": {"$ref": f"#/$defs/{each.name}"},
        }
        for each in steps
    ]
    step = {
        "type": "object",
        "required": ["step"],
        "properties": {"step": {"type": "string", "enum": [each.name for each in steps]}},
        "allOf": kinds,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An rlaif recipe",
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "models", "constitution", "prompts", "rounds", "round"],
        "properties": _properties(),
        "$defs": {
            "text": {"type": "string", "pattern": "\\S", "description": "text that is not blank"},
            "step": step,
            **{each.name: _entry(each, from_outside) for each in steps},
        },
    }


def beside_settings(step: Step) -> dict[str, Any]:
    """Schemas of the keys of a step that are no settings: its name, artefacts, models and rounds."""
    found: dict[str, Any] = {"step": {"const": step.name, "description": step.help}}
    if step.makes is not None or step.makes_as is not None:
        made = "what" if step.makes is None else f"the {step.makes} that"
        found["as"] = _a_name(f"a name for {made} the step makes")
    if step.needs and step.of not in {each.name for each in options(step.settings)}:
        kinds = ", ".join(" or ".join(need) for need in step.needs)
        found[step.of] = {
            "description": f"the name of what the step takes ({kinds}), or a list of names",
            "oneOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}],
        }
        if step.also_of:
            found[step.also_of] = found[step.of]
            found[step.of] = {**found[step.of], "description": f"another word for `{step.also_of}`"}
    for key, role in step.roles.items():
        found[key] = _a_name(
            f"a role of `models`, previous, earlier, initial or a trained model's name; {role} by default"
        )
    for key, what in step.may_name.items():
        found[key] = _a_name(
            f"a role of `models`, previous, earlier, initial or a trained model's name: {what}"
        )
    return {**found, "round": dict(_ROUND)}


def _entry(step: Step, from_outside: bool) -> dict[str, Any]:
    return step.entry_schema(beside_settings(step), from_outside=from_outside)


def _a_name(description: str) -> dict[str, Any]:
    return {"type": "string", "pattern": NAME, "description": description}


def _role(description: str) -> dict[str, Any]:
    """A model's name, or a mapping of its name and how it is asked in this role."""
    own = json_schema(RoleOptions)["properties"]
    return {
        "type": ["string", "object"],
        "pattern": "\\S",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {"name": {**_TEXT, "description": "the name of the model"}, **own},
        "description": description,
    }


def _properties() -> dict[str, Any]:
    return {
        "name": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9._-]*$",
            "description": "a name of small letters, digits, dots, dashes and underscores",
        },
        "title": {"type": "string", "description": "one line for people"},
        "models": {
            "type": "object",
            "required": ["policy", "judge"],
            "propertyNames": {"pattern": NAME},
            "properties": {
                "policy": _role("the model that round 1 starts from"),
                "judge": _role("a model name, or `previous`: the newest policy"),
            },
            "additionalProperties": _role("a further model, by the role that steps name"),
        },
        "constitution": {**_TEXT, "description": "a constitution's name or file"},
        "prompts": {
            "type": "object",
            "required": ["train"],
            "properties": {"train": {**_TEXT, "description": "the set that rounds sample from"}},
            "additionalProperties": {**_TEXT, "description": "a further set, which steps name"},
        },
        "rounds": {
            "type": "integer",
            "minimum": 1,
            "maximum": 1000,
            "description": "a whole number from 1 to 1000",
        },
        "seed": {"type": "integer", "minimum": 0, "description": "a whole number, 0 or above"},
        "round": {
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/step"},
            "description": "a list of steps, at least one",
        },
        "stop": _stop(),
        "quick": {
            "type": "object",
            "description": "what `--quick` sets, each key as `--set` names it: round.sample.prompts: 20",
            "additionalProperties": {
                "type": ["string", "number", "integer", "boolean", "array", "object", "null"]
            },
        },
    }


def _stop() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "gold": {
                "type": "string",
                "enum": ["never-used"],
                "description": "gold measures; it stops and chooses nothing",
            },
            "unreadable_share": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": "a share from 0 to 1",
            },
            "judge_drift": {
                "type": "string",
                "enum": ["warn", "stop"],
                "description": "what to do when a judge gets worse",
            },
        },
    }
