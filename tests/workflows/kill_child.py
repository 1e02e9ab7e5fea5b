"""Command lines that kill themselves with SIGKILL; `test_resume.py` runs this as a process of its own.

The process imports torch once and forks for each command line; it trains nothing itself: torch's threads do not fork.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlaif import atomic
from rlaif.cli.main import main
from rlaif.store import Store
from rlaif.workflows.models import pool as models

SLOW_IMPORTS = (
    "rlaif.workflows.recipe.run",
    "rlaif.engines.local.engine",
    "rlaif.training.dpo",
    "rlaif.training.online.train",
    "torch.utils.tensorboard",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.llama.modeling_llama",
)
WAVE = 4


RL = {
    "rollouts": ("rlaif.training.online.rollouts", "LiveRollouts", "draw"),
    "rewards": ("rlaif.workflows.training.probed_reward", "ProbedReward", "score"),
    "update": ("rlaif.training.online.objective", "OnlineObjective", "part"),
    "checkpoint": ("rlaif.training.state", "TrainingFolder", "save"),
}
"""Moments of a training on rollouts, and where they begin."""


def arm(last: int | str) -> None:
    """Die right after the `last`th thing is kept: a wave of calls, or a file. Never, when it is 0.

    `rollouts:2` dies in the middle of RL: when rollouts are drawn for the second time.
    """
    # small waves, so that there are many places to die at
    models.WAVE = WAVE
    if isinstance(last, str):
        moment, _, number = last.partition(":")
        _arm_moment(moment, int(number))
        return
    kept = iter(range(1, 1_000_000))

    def count() -> None:
        if next(kept) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    put_many, whole_file = Store.put_many, atomic.whole_file

    def counted_put(self: Store, *arguments: Any, **named: Any) -> None:
        put_many(self, *arguments, **named)
        count()

    @contextmanager
    def counted_file(path: Path, **named: Any) -> Iterator[Path]:
        with whole_file(path, **named) as draft:
            yield draft
        count()

    Store.put_many = counted_put  # type: ignore[method-assign]
    atomic.whole_file = counted_file
    # checkpoints and the reference's log-probabilities go through the name that training has imported
    sys.modules["rlaif.training.state"].whole_file = counted_file  # type: ignore[attr-defined]


def _arm_moment(moment: str, number: int) -> None:
    module, kind, name = RL[moment]
    owner = getattr(importlib.import_module(module), kind)
    usual, times = getattr(owner, name), iter(range(1, 1_000_000))

    def dying(*given: Any, **named: Any) -> Any:
        if next(times) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return usual(*given, **named)

    setattr(owner, name, dying)


def serve() -> None:
    """For each line (where to die, command line) fork one; answer with its signal and exit code."""
    for name in SLOW_IMPORTS:
        importlib.import_module(name)
    for line in sys.stdin:
        last, arguments = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 99
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                arm(last)
                code = main(arguments)
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
