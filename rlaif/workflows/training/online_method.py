"""What all methods that draw rollouts share: how such a method is put together of its options and its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rlaif.training import OnlineConfig, Progress, TrainSummary
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, accept
from rlaif.workflows.training.online_options import (
    OnlineOptions,
    check_online,
    fits_online,
    online_config,
    online_loop,
    run_online,
)

Own = TypeVar("Own", bound=OnlineOptions)
"""The options of a method."""


def online_method(
    *,
    name: str,
    help: str,
    options: type[Own],
    config: type[OnlineConfig],
    own: Callable[[Own], Mapping[str, Any]],
    examples: tuple[str, str],
    check: Callable[[Own, str], None] = accept,
) -> Method:
    """A method that learns from rollouts of the policy and their rewards.

    Args:
        name: What `rlaif train NAME` says.
        help: One line.
        options: Its options.
        config: Its configuration in `rlaif.training`.
        own: The fields of `config` that no other method has, by its options; None leaves a default. Raises RecipeError
            for values that do not go together.
        examples: Two commands.
        check: Called with options and their place, after what all such methods check. Raises RecipeError.
    """

    def config_of(given: Own, shared: Mapping[str, Any]) -> OnlineConfig:
        return online_config(config, given, shared, own(given))

    def checked(given: Own, where: str) -> None:
        check_online(given, where, config_of)
        check(given, where)

    def loop_of(job: TrainJob) -> tuple[OnlineConfig, int]:
        return online_loop(job, config, config_of)

    def run(job: TrainJob, progress: Progress) -> TrainSummary:
        return run_online(loop_of(job)[0], job, progress)

    return Method(
        name=name,
        help=help,
        options=options,
        run=run,
        check=checked,
        fits=fits_online,
        loop_of=loop_of,
        alarms=True,
        takes=("prompts",),
        reward_of=lambda given: given.reward,
        uses_pairs=False,
        examples=examples,
    )
