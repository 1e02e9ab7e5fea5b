"""An alarm at work: draws a few answers of the policy as it is, has them judged, and keeps what it read.

`OUT/alarm.json` holds all checks, so that a training that is resumed rings as the one that was never killed, and so
that other limits can be played on it later.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

from rlaif.atomic import write_text
from rlaif.auditing.alarm import AlarmCheck, Signal, best_place, first_alarm, signals
from rlaif.errors import InputError, RunError
from rlaif.hashing import derived_seed, digest
from rlaif.plain_files import read_json
from rlaif.records import (
    AlarmAction,
    AlarmReading,
    Completion,
    GroupReward,
    Pair,
    Prompt,
    ReachedReward,
    Sampling,
    ScoreRequest,
)
from rlaif.runs.layout import ALARM
from rlaif.workflows.evaluation.policy_kl import kl
from rlaif.workflows.generate.rollouts import draw
from rlaif.workflows.models.pool import ModelPool
from rlaif.workflows.training.alarm.option import AlarmSpec

MOST_UNREAD = 0.5
"""Share of the first policy's answers that the judge may fail to score."""
FEW = 16
"""Different answers of which a judge must not say the same of all."""
REMEDY = "remove the directory of this training to begin it anew"


@dataclass(slots=True, kw_only=True)
class LiveAlarm:
    """An `Alarm` of `rlaif.records`."""

    spec: AlarmSpec
    models: ModelPool
    base: str
    """The policy before the training, by name."""
    prompts: Sequence[Prompt]
    out: Path
    sampling: Sampling
    seed: int
    judge: GroupReward | None = None
    """Scores answers; None: nobody does."""
    ensemble: Sequence[GroupReward] = ()
    anchor: Sequence[Pair] = ()
    checks: list[AlarmCheck] = field(default_factory=list)
    scale: list[tuple[float, float]] = field(default_factory=list)
    """Of each reward model, mean and deviation of its rewards of the first policy's answers."""

    @property
    def do(self) -> AlarmAction:
        """What follows when it rings."""
        return self.spec.do

    @property
    def every(self) -> int:
        """Steps between two looks."""
        return self.spec.every

    @property
    def fingerprint(self) -> str:
        """Of all that decides when it rings, and what follows."""
        return digest(
            "alarm",
            asdict(self.spec),
            self.judge.fingerprint if self.judge is not None else None,
            [each.fingerprint for each in self.ensemble],
            [each.id for each in self.prompts],
            [each.id for each in self.anchor],
            self.seed,
        )

    def begin(self, done: int) -> AlarmReading:
        """What stands after so many steps. Raises EngineError, RecipeError where its judges cannot be asked."""
        self._reach()
        held = self._held()
        self.scale = [(mean, spread) for mean, spread in held.get("scale", [])]
        self.checks = [AlarmCheck(**each) for each in held.get("checks", ()) if each["step"] <= done]
        return self._reading({}) if self.checks else AlarmReading()

    def look(self, step: int, policy: Path) -> AlarmReading:
        """Read the policy as it is, and keep what was read. Raises InputError where the judge says nothing of it."""
        if step == 0:
            self._reach()
        self.checks = [each for each in self.checks if each.step < step]
        try:
            found = self._check(step, str(policy))
        finally:
            self.models.release(str(policy))
        self.checks.append(found)
        read = signals(self.checks, self.spec.limits)
        reading = self._reading(_figures(found, read))
        self._keep(read)
        return reading

    def _reach(self) -> None:
        for each in (self.judge, *self.ensemble):
            if isinstance(each, ReachedReward):
                each.reach()

    def _check(self, step: int, name: str) -> AlarmCheck:
        drawn = draw(
            self.models, [name], self.prompts, 1, self.sampling, derived_seed("alarm", self.seed)
        ).drawn
        said = [(prompt, each) for prompt, each in drawn if not each.open_thought]
        writer, first = self.models.writer(name), self.models.writer(self.base)
        distance, _ = kl(writer, first, drawn)
        scores = self._scores(step, said)
        return AlarmCheck(
            step=step,
            kl=distance,
            scores=scores,
            lengths={prompt.id: len(each.text.split()) for prompt, each in said},
            unread=1 - len(scores) / max(1, len(self.prompts)) if self.judge is not None else 0.0,
            spread=self._spread(step, said),
            anchor=self._anchor(name),
        )

    def _scores(self, step: int, said: Sequence[tuple[Prompt, Completion]]) -> dict[str, float]:
        if self.judge is None:
            return {}
        totals = self._totals(self.judge, step, said)
        found = {
            prompt.id: total for (prompt, _), total in zip(said, totals, strict=True) if total is not None
        }
        if step == 0:
            self._refuse_useless(said, found)
        return found

    def _refuse_useless(self, said: Sequence[tuple[Prompt, Completion]], found: Mapping[str, float]) -> None:
        """Raise InputError for a judge that cannot score the first policy's answers, or scores them all alike."""
        if len(found) < (1 - MOST_UNREAD) * len(self.prompts):
            cut = sum(each.finish == "length" for _, each in said)
            remedy = (
                f"{cut} of them are cut off at max_tokens {self.sampling.max_tokens}: raise it"
                if 2 * cut > len(self.prompts)
                else "name another judge or protocol (`rlaif judge check` says how good one is)"
            )
            raise InputError(
                f"alarm: {self.spec.judge} could score {len(found)} of {len(self.prompts)} answers of the first "
                f"policy; {remedy}"
            )
        different = len({each.text for _, each in said})
        if different >= FEW and len(set(found.values())) == 1:
            raise InputError(
                f"alarm: {self.spec.judge} says the same of {different} different answers, so that it would never "
                "ring; name another judge or protocol"
            )

    def _spread(self, step: int, said: Sequence[tuple[Prompt, Completion]]) -> float | None:
        if not self.ensemble:
            return None
        columns = [self._totals(each, step, said) for each in self.ensemble]
        if step == 0:
            self.scale = [_scale([each for each in column if each is not None]) for column in columns]
        rows = [
            [(value - mean) / spread for value, (mean, spread) in zip(row, self.scale, strict=True)]
            for row in zip(*columns, strict=True)
            if None not in row
        ]
        return fmean(map(pstdev, rows)) if rows else None

    def _totals(
        self, reward: GroupReward, step: int, said: Sequence[tuple[Prompt, Completion]]
    ) -> Sequence[float | None]:
        scored = reward.score([p for p, _ in said], [[each] for _, each in said], step=step, seed=self.seed)
        return scored.totals

    def _anchor(self, name: str) -> dict[str, float]:
        """By pair the log-odds of the better side under the policy, less those under the first policy."""
        if not self.anchor:
            return {}
        now, first = self._odds(name), self._odds(self.base)
        return {each: now[each] - first[each] for each in now if each in first}

    def _odds(self, name: str) -> dict[str, float]:
        asked = [
            ScoreRequest(
                id=each.id,
                messages=each.prompt,
                continuations=(each.chosen[-1].content, each.rejected[-1].content),
                tools=each.tools,
            )
            for each in self.anchor
        ]
        scored = self.models.engine(name).score(asked)
        return {each.request_id: each.logprobs[0] - each.logprobs[1] for each in scored if each.error is None}

    def _reading(self, figures: Mapping[str, float]) -> AlarmReading:
        rung = first_alarm(self.checks, self.spec.limits)
        told = ""
        if rung is not None:
            place, ringing = rung
            words = "; ".join(
                f"{each.name} {each.value:.3g} above {each.limit:g}: {each.says}" for each in ringing
            )
            told = f"alarm after step {self.checks[place].step}: {words}"
        best = best_place(self.checks, self.spec.limits)
        return AlarmReading(
            figures=figures,
            rings=told,
            best=best == len(self.checks) - 1,
            best_step=self.checks[best].step,
        )

    def _keep(self, read: Sequence[Signal]) -> None:
        rung = first_alarm(self.checks, self.spec.limits)
        told = {
            "alarm": asdict(self.spec),
            "rang": None if rung is None else self.checks[rung[0]].step,
            "signals": [] if rung is None else [each._asdict() for each in rung[1]],
            "best": self.checks[best_place(self.checks, self.spec.limits)].step,
            "scale": [list(each) for each in self.scale],
            "checks": [each.as_dict() for each in self.checks],
        }
        write_text(self.out / ALARM, json.dumps(told) + "\n")

    def _held(self) -> dict[str, Any]:
        path = self.out / ALARM
        found: dict[str, Any] = read_json(path, RunError, REMEDY) if path.is_file() else {}
        return found


def _figures(found: AlarmCheck, read: Sequence[Signal]) -> dict[str, float]:
    score = {} if found.score is None else {"score": found.score, "unread": found.unread}
    return {**score, **{each.name: each.value for each in read}}


def _scale(values: Sequence[float]) -> tuple[float, float]:
    """Mean and deviation; of rewards that are all the same nothing is distinguished."""
    if len(values) < 2 or pstdev(values) == 0:
        raise InputError(
            "alarm: a reward model of ensemble gives the same reward for all answers; leave it out, or train it longer"
        )
    return fmean(values), pstdev(values)
