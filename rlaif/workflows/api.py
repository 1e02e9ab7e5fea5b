"""The steps as functions with keyword arguments: the Python door to the rooms of the command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

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

    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        return workflow(settle(config(*args, **kwargs)))

    call.__doc__ = config.__doc__
    return call


generate = _door(configs.GenerateConfig, choose_generate, generation.generate)
judge = _door(configs.JudgeConfig, choose_judge, generation.judge)
train = _door(configs.TrainConfig, training.settle, training.train)
evaluate = _door(configs.EvaluateConfig, choose_evaluate, evaluation.evaluate)
run = _door(configs.RunConfig, play.settle, loop.run)
