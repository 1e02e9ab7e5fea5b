"""The steps as functions with keyword arguments: the Python door to the rooms of the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from rlaif.workflows import configs, loop, play, training
from rlaif.workflows import evaluate as evaluation
from rlaif.workflows import generate as generation
from rlaif.workflows.choices import choose_evaluate, choose_generate, choose_judge

P = ParamSpec("P")
Config = TypeVar("Config")
Job = TypeVar("Job")
Result = TypeVar("Result")


def _door(
    config: Callable[P, Config], settle: Callable[[Config], Job], workflow: Callable[[Job], Result]
) -> Callable[P, Result]:
    """A function with the config's fields as arguments: types, names and defaults are said once, there."""
    kinds = {each.name: str(each.type) for each in fields(cast(Any, config))}

    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        named: Any = {name: _loose(kinds.get(name, ""), value) for name, value in kwargs.items()}
        return workflow(settle(config(*args, **named)))

    call.__doc__ = config.__doc__
    return call


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
