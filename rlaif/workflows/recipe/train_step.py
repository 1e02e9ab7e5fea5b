"""A recipe's train step: a method and its options. Its schema is made from the methods' own settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from rlaif.errors import InputError, RecipeError
from rlaif.settings import json_schema
from rlaif.workflows.training.methods import DEFAULT, METHODS
from rlaif.workflows.training.options import MethodOptions
from rlaif.workflows.training.read_options import read_options

_ALWAYS_IN_KEY: Mapping[str, Any] = {
    "loss": "soft",
    "beta": None,
    "reference": "previous",
    "replay": {},
    "replay_from": None,
    "nll": 0.0,
    "steps": None,
    "epochs": None,
    "batch_size": None,
    "learning_rate": None,
    "lora": False,
    "loss_options": {},
    "labels": "soft",
    "wpo": False,
    "margin": 0.0,
    "centering": 0.0,
    "heads": (),
    "learn": "chosen",
    "via": "sft",
    "held_out_pairs": 0.0,
    "stop": {},
}
"""Frozen: keys of steps, and digests of recipes, have always spelled these out, whatever the method. Another default
or one name less would train every recipe anew that has been run; an option that is new is in a key only where it
differs from its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStep:
    """A method learns from the pairs of the round, and moves the model that it trains."""

    method: str
    options: MethodOptions
    step: Literal["train"] = "train"

    def as_dict(self) -> dict[str, Any]:
        """All that decides what the step does, as plain values: for keys of steps and digests of recipes."""
        own = self.options.in_key()
        if self.method in METHODS.from_outside():
            version = METHODS.get(self.method).version
            return {
                "step": self.step,
                "method": self.method,
                **own,
                **({"version": version} if version else {}),
            }
        usual = type(self.options)().in_key()
        new = {
            name: value
            for name, value in own.items()
            # a name that `usual` lacks is one that stands in a key only when it is set
            if name not in _ALWAYS_IN_KEY and (name not in usual or value != usual[name])
        }
        known = {name: own.get(name, value) for name, value in _ALWAYS_IN_KEY.items()}
        return {"step": self.step, "method": self.method, **known, **new}

    def given(self) -> dict[str, Any]:
        """The method and those options that differ from their defaults: for people."""
        own = {each.name: getattr(self.options, each.name) for each in fields(self.options)}
        usual = type(self.options)()
        return {
            "method": self.method,
            **{name: value for name, value in own.items() if value != getattr(usual, name)},
        }


def train_step(method: str = DEFAULT, *, where: str = "train", **given: Any) -> TrainStep:
    """A train step by `method`, with those options that are given. Raises RecipeError, InputError."""
    try:
        return TrainStep(method=method, options=read_options(METHODS.get(method), given, where))
    except InputError as wrong:
        # what options say of themselves names no place: they do not know where they stand
        if str(wrong).startswith(where):
            raise
        raise RecipeError(f"{where}: {wrong}") from None


def train_step_schema(
    beside: Mapping[str, Any] | None = None, *, from_outside: bool = True
) -> dict[str, Any]:
    """The JSON Schema of a train step: for each method, its own options and no other.

    `beside` are schemas of further keys that every train step may have; without `from_outside` the methods of
    other packages are left out.
    """
    others = () if from_outside else METHODS.from_outside()
    methods = {name: each for name, each in METHODS.all().items() if name not in others}
    shared = {
        "step": {"const": "train"},
        "method": {"type": "string", "enum": list(methods), "description": "how the model is trained"},
        **(beside or {}),
    }
    return {
        "type": "object",
        "properties": {"step": shared["step"], "method": shared["method"]},
        "allOf": [
            {"if": _is(name), "then": json_schema(each.options) | {"properties": _keys(each.options, shared)}}
            for name, each in methods.items()
        ],
    }


def _is(method: str) -> dict[str, Any]:
    condition: dict[str, Any] = {"properties": {"method": {"const": method}}}
    # a step that names no method is of the default one
    return condition if method == DEFAULT else condition | {"required": ["method"]}


def _keys(config: type[MethodOptions], shared: Mapping[str, Any]) -> dict[str, Any]:
    return {**shared, **json_schema(config)["properties"]}
