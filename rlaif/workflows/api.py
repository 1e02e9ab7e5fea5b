"""The steps as functions with keyword arguments: the Python door to the rooms of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar, cast, get_args, get_origin, get_type_hints

from rlaif.errors import InputError
from rlaif.libraries.quiet import quiet
from rlaif.workflows import configs
from rlaif.workflows.evaluation import run as evaluation
from rlaif.workflows.generate import run as generation
from rlaif.workflows.models.defaults import choose_evaluate, choose_generate, choose_judge
from rlaif.workflows.recipe import prepare as play
from rlaif.workflows.recipe import run as loop
from rlaif.workflows.training import run as training

P = ParamSpec("P")
Config = TypeVar("Config")
Job = TypeVar("Job")
Result = TypeVar("Result")


def _door(
    config: Callable[P, Config], settle: Callable[[Config], Job], workflow: Callable[[Job], Result]
) -> Callable[P, Result]:
    """A function with the config's fields as arguments: types, names and defaults are said once, there."""
    kinds = {each.name: str(each.type) for each in fields(cast(Any, config))}
    words = {name: _words(hint) for name, hint in get_type_hints(config).items()}

    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        named: Any = {name: _loose(kinds.get(name, ""), value) for name, value in kwargs.items()}
        for name, value in named.items():
            # a type is no guard at run time, and an unknown word must not pass for the default
            if (known := words.get(name)) and value is not None and value not in known:
                raise InputError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
        with quiet():
            return workflow(settle(config(*args, **named)))

    call.__doc__ = config.__doc__
    return call


def _words(hint: Any) -> tuple[str, ...]:
    """The words of a `Literal`, optional or not; none for any other type."""
    return next((get_args(each) for each in (hint, *get_args(hint)) if get_origin(each) is Literal), ())


def _loose(kind: str, value: Any) -> Any:
    """A path may be given as text, and one name where several may stand."""
    if isinstance(value, str) and kind.startswith("Path"):
        return Path(value)
    return (value,) if isinstance(value, str) and kind.startswith("tuple") else value


generate = _door(configs.GenerateConfig, choose_generate, generation.generate)
judge = _door(configs.JudgeConfig, choose_judge, generation.judge)
train = _door(configs.TrainConfig, training.settle, training.train)
evaluate = _door(configs.EvaluateConfig, choose_evaluate, evaluation.evaluate)
run = _door(configs.RunConfig, play.settle, loop.run)
