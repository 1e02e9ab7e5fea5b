"""The one training loop: rows of a step -> passes -> an optimizer step -> figures, log, checkpoint.

A step is a function of the seed, its number and the weights and moments before it; nothing else is remembered,
so a run resumed from a checkpoint goes on bit by bit as the run that was never killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from rlaif.errors import ThresholdError
from rlaif.hashing import derived_seed
from rlaif.libraries.accelerate import Accelerator
from rlaif.records import AlarmReading
from rlaif.runs.layout import CHECKPOINT, METRICS
from rlaif.training import best
from rlaif.training.alarm import BEFORE, PREFIX, LoopAlarm
from rlaif.training.configs.loop import LoopConfig
from rlaif.training.distributed import Together, parted_like, whole, whole_weights
from rlaif.training.health import Watch
from rlaif.training.packing import Batch, Tree, pack
from rlaif.training.passes import plan, tokens_a_pass
from rlaif.training.progress import MetricsLog, Progress
from rlaif.training.state import TrainingFolder
from rlaif.training.trackers import TENSORBOARD, Trackers

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class StepPart(NamedTuple):
    """One pass's share of its step: parts of means over the whole step, so passes and processes add up."""

    loss: Tensor
    figures: Mapping[str, Tensor]


class Carried(Protocol):
    """What goes along with the weights from step to step, and is no function of the seed and the step alone."""

    def after(self) -> None:
        """Go along after a step."""

    def tensors(self) -> Mapping[str, Tensor]:
        """What a checkpoint must hold of it."""

    def take(self, tensors: Mapping[str, Tensor]) -> None:
        """Be as it was when these were kept."""


class Objective(Protocol):
    """What is minimised: a method's rows and its loss of what the model read in them."""

    steps: int
    with_last: bool
    """Whether the last token of each branch is needed as input."""
    watch: Watch | None
    """Looks at the figures of each step, and may end the training."""
    carried: Carried | None
    """What else a step changes; None where a step is a function of the weights and moments alone."""

    def counts(self) -> dict[str, Any]:
        """What a step is made of, for the record."""

    def trees(self, step: int) -> Sequence[Tree]:
        """The rows of `step`, which counts from 0; where a step takes several updates, those of an update."""

    def part(self, step: int, members: Sequence[int], batch: Batch, out: Any) -> StepPart:
        """What `members` (places in `trees(step)`, ascending) add to the step's loss and figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopJob:
    """All that a loop needs."""

    scorer: nn.Module
    pad_id: int
    objective: Objective
    config: LoopConfig
    learning_rate: float
    packed: bool
    folder: TrainingFolder
    progress: Progress | None
    evaluate: Callable[[int], Mapping[str, float]] | None = None
    """How good the scorer's weights are after a step; called on the main process, the weights whole."""
    alarm: LoopAlarm | None = None
    trackers: Trackers | None = None
    carried: Carried | None = None
    updates: int = 1
    """Optimizer steps of a step: the objective's rows are numbered by them, `step * updates` the first of a step."""
    restarts: bool = False
    """Whether each step, when its rows are there, goes on from the first weights, with no moments."""


class LoopOutcome(NamedTuple):
    """What a training came to; the scorer holds the weights that are to be kept."""

    history: list[dict[str, float]]
    """The figures of every step; on the main process."""
    steps: int
    """Taken; fewer than planned where the evaluator's figure rose no more."""
    best: best.EvaluationStanding
    stopped: str
    """Why before the last step, or what an alarm said, in plain words; empty where there is nothing to say."""
    ended_by_alarm: bool = False
    """Whether the weights are those of before an alarm."""


def run(job: LoopJob, accelerator: Accelerator) -> LoopOutcome:
    """Train to the last step, from the last checkpoint if there is one, or until the evaluator's figure rests."""
    together = Together(accelerator, job.config.parallel)
    scorer = together.prepare(job.scorer)
    trainable = {name: each for name, each in job.scorer.named_parameters() if each.requires_grad}
    optimizer = _optimizer(trainable, job)
    first = {name: each.detach().clone() for name, each in trainable.items() if job.restarts}
    done = _resume(job, trainable, optimizer)
    log = _Log(job, together, done)
    steps, watch = job.objective.steps, job.objective.watch
    if halted := watch.begin(done) if watch is not None else "":
        raise ThresholdError(halted)
    bell = _Bell(job, together, trainable)
    bell.begin(done)
    while done < steps and not bell.ends and not log.standing.stops(job.config.patience):
        began = time.perf_counter()
        if job.restarts:
            _restart(done, job, trainable, first, optimizer)
        figures = _step(done, job, scorer, optimizer, together)
        if job.carried is not None:
            job.carried.after()
        figures["seconds"] = time.perf_counter() - began
        done += 1
        every = job.config.evaluate_every
        if job.evaluate is not None and (done == steps or done % every == 0):
            found = _evaluated(job, together, done)
            figures |= {best.PREFIX + name: value for name, value in found.items()}
            if log.rises(done, found):
                _save(best.BEST, job, together, trainable, done)
        figures |= watch.look(done, steps) if watch is not None else {}
        figures |= bell.after(done, steps)
        log.write(done, steps, figures)
        halted = (watch.after(done, figures) if watch is not None else "") or bell.halted(done)
        ends = bool(halted) or bell.ends or done == steps or log.standing.stops(job.config.patience)
        if ends or done % (job.config.checkpoint_every or steps) == 0:
            _checkpoint(job, together, trainable, optimizer, done)
        if halted:
            raise ThresholdError(halted)
    if bell.ends:
        return LoopOutcome(log.close(), done, bell.back(done), bell.said, ended_by_alarm=True)
    if log.standing.step not in (0, done):
        _take_back(best.BEST, job, trainable)
    stopped = log.standing.sentence(log.figure, done) if done < steps else ""
    return LoopOutcome(log.close(), done, log.standing, stopped or bell.said)


class _Log:
    """What is told of each step, and where the evaluations stand; all processes know the latter."""

    def __init__(self, job: LoopJob, together: Together, done: int) -> None:
        self.job = job
        self.metrics: MetricsLog | None = None
        self.standing, self.figure = best.EvaluationStanding(), ""
        lines: list[dict[str, float]] = []
        if together.is_main:
            board = job.folder.out / TENSORBOARD if TENSORBOARD in job.config.trackers else None
            self.metrics = MetricsLog(job.folder.out / METRICS, done=done, tensorboard=board)
            lines = self.metrics.lines()
        if job.config.evaluate_every:
            named = [name for line in lines for name in line if name.startswith(best.PREFIX)]
            figure = job.config.evaluate_figure or (named[0].removeprefix(best.PREFIX) if named else "")
            self.figure, self.standing = together.told_by_main((figure, best.standing(lines, figure)))

    def rises(self, step: int, found: Mapping[str, float]) -> bool:
        """Take in an evaluation; whether it is the best so far."""
        self.figure, value = best.figure_of(found, self.figure or self.job.config.evaluate_figure)
        self.standing = self.standing.after(step, value)
        return self.standing.step == step

    def write(self, step: int, steps: int, figures: Mapping[str, float]) -> None:
        """Tell of a step; the main process does."""
        if self.metrics is None:
            return
        self.metrics.write(step, figures)
        if self.job.trackers is not None:
            self.job.trackers.write(step, figures)
        if self.job.progress is not None:
            self.job.progress(step, steps, figures)

    def close(self) -> list[dict[str, float]]:
        """All figures so far."""
        return self.metrics.close() if self.metrics is not None else []


class _Bell:
    """The alarm of a training, as all its processes hear it."""

    def __init__(self, job: LoopJob, together: Together, trainable: Mapping[str, nn.Parameter]) -> None:
        self._job, self._together, self._trainable = job, together, trainable
        self._now = AlarmReading()
        self.said = ""
        """Why it rang first, in words; empty where it has not."""

    @property
    def ends(self) -> bool:
        """Whether the training ends here with weights of before."""
        alarm = self._job.alarm
        return bool(self.said) and alarm is not None and alarm.goes_back

    def begin(self, done: int) -> None:
        """Take up the checks so far; the first is of the weights before any step. Raises ThresholdError."""
        alarm = self._job.alarm
        if alarm is None:
            return
        if done == 0:
            self._look(0)
        else:
            self._heard(self._together.told_by_main(alarm.begin(done) if self._together.is_main else None))
        if halted := self.halted(done):
            raise ThresholdError(halted)

    def halted(self, done: int) -> str:
        """Why the training must stop here and be looked at; empty where it need not."""
        alarm = self._job.alarm
        if not self.said or alarm is None or not alarm.stops or alarm.goes_back:
            return ""
        return (
            f"stopped after step {done} by the alarm: {self.said}. What is trained is kept: the same command with "
            f"alarm: warn goes on, with alarm: back it gives the weights after step {self._now.best_step} (a recipe "
            "with another alarm is another run: name another --out)"
        )

    def after(self, done: int, steps: int) -> Mapping[str, float]:
        """Look, where it is time; the figures for the log. Whether it rings is asked when they are written."""
        alarm = self._job.alarm
        if alarm is None or not alarm.due(done, steps):
            return {}
        self._look(done)
        return {PREFIX + name: value for name, value in self._now.figures.items()}

    def _look(self, done: int) -> None:
        alarm = self._job.alarm
        assert alarm is not None
        with whole_weights(self._job.scorer):
            found = alarm.look(done) if self._together.is_main else None
        self._heard(self._together.told_by_main(found))
        if self._now.best and alarm.stops:
            _save(BEFORE, self._job, self._together, self._trainable, done)

    def _heard(self, found: AlarmReading) -> None:
        self._now = found
        if found.rings and not self.said:
            self.said = found.rings

    def back(self, done: int) -> best.EvaluationStanding:
        """Return the weights to those of before, and say which these are."""
        if self._now.best_step != done:
            _take_back(BEFORE, self._job, self._trainable)
        self.said = f"{self.said}. The weights are those after step {self._now.best_step}"
        return best.EvaluationStanding(step=self._now.best_step)


def learning_rate(step: int, steps: int, config: LoopConfig, peak: float) -> float:
    """The rate of `step` (from 0): a climb over the warmup share, then what the schedule says."""
    warmup = round(config.warmup_share * steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    left = (steps - step) / max(1, steps - warmup)
    match config.schedule:
        case "linear":
            return peak * left
        case "cosine":
            return peak * 0.5 * (1 - math.cos(math.pi * left))
        case "wsd":
            return peak * min(1.0, (steps - step) / max(1, round(config.decay_share * steps)))
        case _:
            return peak


def _restart(
    step: int,
    job: LoopJob,
    trainable: Mapping[str, nn.Parameter],
    first: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Let the weights as they are make the rows of a step; then be as before the first."""
    job.objective.trees(step * job.updates)
    with torch.no_grad():
        for name, each in trainable.items():
            each.copy_(first[name])
    optimizer.state.clear()


def _step(
    step: int, job: LoopJob, scorer: nn.Module, optimizer: torch.optim.Optimizer, together: Together
) -> dict[str, float]:
    """Take the updates of a step; its figures are the means over those that have them."""
    places = range(step * job.updates, (step + 1) * job.updates)
    found = [_update(place, job, scorer, optimizer, together) for place in places]
    names = dict.fromkeys(name for figures in found for name in figures)
    seen = {name: [figures[name] for figures in found if name in figures] for name in names}
    return {
        name: values[0] if len(values) == 1 else sum(values) / len(values) for name, values in seen.items()
    }


def _update(
    step: int, job: LoopJob, scorer: nn.Module, optimizer: torch.optim.Optimizer, together: Together
) -> dict[str, float]:
    place, total = step, job.objective.steps * job.updates
    if job.restarts:
        place, total = step % job.updates, job.updates
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(place, total, job.config, job.learning_rate)
    accelerator = together.accelerator
    # what is left out at random is a function of the seed and the step: a resumed run leaves out the same
    torch.manual_seed(derived_seed("dropout", job.config.seed, step, accelerator.process_index))
    figures = together.sum(_gradients(step, job, scorer, together))
    learned = [each for group in optimizer.param_groups for each in group["params"]]
    norm = together.clip(learned, job.config.clip_norm)
    if not (math.isfinite(figures["loss"]) and math.isfinite(norm)):
        raise ThresholdError(
            f"step {step // job.updates + 1}: loss {figures['loss']}, gradient norm {norm}; nothing was learned from"
            f" it. Lower learning_rate (now {job.learning_rate:g})"
        )
    optimizer.step()
    optimizer.zero_grad()
    places, apart = figures.pop("places"), figures.pop("apart")
    figures |= {"grad_norm": norm, "learning_rate": optimizer.param_groups[0]["lr"]}
    figures["shared_ratio"] = 1 - figures["num_tokens"] / apart
    figures["padding_ratio"] = 1 - figures["num_tokens"] / places
    return figures


def _gradients(step: int, job: LoopJob, scorer: nn.Module, together: Together) -> dict[str, Tensor]:
    """This process's share of the step's figures; its gradients are with the parameters."""
    accelerator, trees = together.accelerator, job.objective.trees(step)
    tokens = tokens_a_pass(job.config, job.scorer)
    passes = plan(trees, accelerator.process_index, accelerator.num_processes, tokens, even=together.sharded)
    totals: dict[str, Tensor] = {}
    for number, (members, share) in enumerate(passes, 1):
        rows = [trees[place] for place in members]
        batch = pack(rows, packed=job.packed, pad_id=job.pad_id, with_last=job.objective.with_last)
        batch = batch.to(accelerator.device)
        with together.passing(scorer, last=number == len(passes)):
            part = job.objective.part(step, members, batch, scorer(batch))
            # processes' gradients are averaged, while the parts are meant to be summed
            accelerator.backward(part.loss * (share * accelerator.num_processes))
        for name, value in {"loss": part.loss, **part.figures, **_sizes(batch)}.items():
            totals[name] = totals.get(name, 0) + value.detach() * share
    return totals


def _sizes(batch: Batch) -> dict[str, Tensor]:
    sizes = {"num_tokens": batch.tokens, "apart": batch.tokens_apart, "places": batch.ids_RL.numel()}
    return {name: torch.tensor(float(size), device=batch.ids_RL.device) for name, size in sizes.items()}


def _optimizer(trainable: Mapping[str, nn.Parameter], job: LoopJob) -> torch.optim.Optimizer:
    # scales and biases are not shrunk towards zero
    decayed = [each for each in trainable.values() if each.ndim > 1]
    others = [each for each in trainable.values() if each.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": job.config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=job.learning_rate, fused=True)


def _evaluated(job: LoopJob, together: Together, done: int) -> dict[str, float]:
    assert job.evaluate is not None
    with whole_weights(job.scorer):
        found = dict(job.evaluate(done)) if together.is_main else {}
    said: dict[str, float] = together.told_by_main(found)
    return said


def _checkpoint(
    job: LoopJob, together: Together, trainable: Mapping[str, nn.Parameter], optimizer: Any, done: int
) -> None:
    moments = {
        f"{key}/{name}": value
        for name, each in trainable.items()
        for key, value in optimizer.state[each].items()
    }
    carried = {} if job.carried is None else job.carried.tensors()
    _save(CHECKPOINT, job, together, trainable, done, moments | dict(carried))


def _save(
    file: str,
    job: LoopJob,
    together: Together,
    trainable: Mapping[str, nn.Parameter],
    done: int,
    more: Mapping[str, Tensor] | None = None,
) -> None:
    parts = {f"weights/{name}": each.detach() for name, each in trainable.items()} | dict(more or {})
    tensors = {name: whole(each) for name, each in parts.items()}
    if together.is_main:
        job.folder.save(file, tensors, done=done)


def _resume(job: LoopJob, trainable: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> int:
    held = job.folder.load(CHECKPOINT)
    if held is None:
        return 0
    tensors, facts = held
    _fill(trainable, tensors)
    if job.carried is not None:
        job.carried.take(tensors)
    for name, each in trainable.items():
        keys = [key for key in MOMENTS if f"{key}/{name}" in tensors]
        optimizer.state[each] = {key: parted_like(tensors[f"{key}/{name}"], each) for key in keys}
    return int(facts["done"])


def _take_back(name: str, job: LoopJob, trainable: Mapping[str, nn.Parameter]) -> None:
    held = job.folder.load(name)
    assert held is not None, "the best weights are saved before the log says that they are"
    _fill(trainable, held[0])


def _fill(trainable: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, each in trainable.items():
            each.copy_(parted_like(tensors[f"weights/{name}"], each))
