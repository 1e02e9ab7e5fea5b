"""Two steps at once: the next policy is trained in another process while the one before it is measured here.

Neither needs anything of the other, and neither is played differently for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

from rlaif.engines.local.processes import Processes, Shard
from rlaif.records import Prompt
from rlaif.workflows.progress import Report
from rlaif.workflows.recipe.recipes import EvaluateStep, Recipe, TrainStep
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.run import train


@dataclass(slots=True)
class Meanwhile:
    """A measuring that is put off until a training runs, and that training."""

    processes: Callable[[], Processes | None]
    """Those of the command, once there are some."""
    _postponed: Callable[[], None] | None = None
    _out: Shard | None = None
    _finished: SimpleQueue[Shard] = field(default_factory=SimpleQueue)

    @property
    def waits(self) -> bool:
        """Whether something is put off."""
        return self._postponed is not None

    def postpone(self, measuring: Callable[[], None]) -> None:
        """Put it off until `begin` or `finish`."""
        self._postponed = measuring

    def finish(self) -> None:
        """Do what is put off."""
        postponed, self._postponed = self._postponed, None
        if postponed is not None:
            postponed()

    def begin(self, job: TrainJob) -> None:
        """A training is about to run: start it elsewhere if there is something to do here, and do that."""
        processes = self.processes()
        if self.waits and processes is not None and processes.ready:
            self._out = processes.call(_trained, (job,), self._finished)
        self.finish()

    def trained(self, job: TrainJob, report: Report) -> dict[str, Any]:
        """What the training came to; it runs here, unless it has been started elsewhere."""
        processes, out = self.processes(), self._out
        self._out = None
        if out is not None and processes is not None and processes.take_back(self._finished) is None:
            self._finished.get()
            if out.replies is not None:
                (found,) = out.replies
                report(job.method, found["steps"], found["steps"])
                return dict(found)
        # where the other process failed, it fails here too, and says why
        return train(job, report).as_dict()


def may_postpone(
    recipe: Recipe, number: int, step: EvaluateStep, prompts: Sequence[Prompt], train: Sequence[Prompt]
) -> bool:
    """Whether the measuring of round `number` can wait for the training of the next without changing anything."""
    return (
        0 < number < recipe.rounds
        and step is recipe.round[-1]
        and sum(isinstance(each, EvaluateStep) for each in recipe.round) == 1
        and any(isinstance(each, TrainStep) for each in recipe.round)
        # nobody trains on if the judge has drifted
        and recipe.stop.judge_drift != "stop"
        # or a call of the next round could be one of this measuring, in another batch
        and not {each.id for each in prompts} & {each.id for each in train}
    )


def _trained(job: TrainJob) -> dict[str, Any]:
    return train(job).as_dict()
