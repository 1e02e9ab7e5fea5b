"""Rewards of rules: a reward model's number plus the weighted features of an answer. A failure is no number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlaif.errors import InputError
from rlaif.judging.protocol import Judge, One
from rlaif.judging.rbr.asking import asker
from rlaif.judging.rbr.classes import Classes, classes_of, kind_of, questions_of
from rlaif.judging.rbr.features import Heard, ask, features
from rlaif.judging.rbr.fit import rule_reward
from rlaif.judging.rbr.weights import Weights
from rlaif.judging.reward_request import reward_request
from rlaif.records import Completion, Engine, Prompt, Score, State
from rlaif.store import call_key


class RuleScore(NamedTuple):
    """The reward of one answer and its parts; `failed` says what it is where it is no number."""

    kind: str | None
    base: float | None
    added: float | None
    calls: tuple[str, ...] = ()
    failed: State | None = None

    @property
    def reward(self) -> float | None:
        """The sum, None where a part is missing."""
        return None if self.base is None or self.added is None else self.base + self.added


class ModelReward:
    """The number that a reward model gives."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def heard(self, items: Sequence[One]) -> list[tuple[float | None, tuple[str, ...]]]:
        """The number of each answer, None where the model gave none, and the key of the call if there was one."""
        asked = [(each.id, reward_request(prompt, each)) for prompt, each in items]
        requests = {name: request for name, request in asked if request is not None}
        keys = {name: (call_key(self.engine.fingerprint, each),) for name, each in requests.items()}
        found = {score.request_id: _number(score) for score in self.engine.score(iter(requests.values()))}
        return [(found.get(name), keys.get(name, ())) for name, _ in asked]

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """One an answer: a `Reward`."""
        return [number for number, _ in self.heard(list(zip(prompts, completions, strict=True)))]


class RuleReward:
    """Fitted weights at work: the reward model (0 without one) + sum of weight x feature, by kind of answer.

    A prompt that wants no kind with weights has the reward model alone, or no reward where there is none. An answer
    of which a proposition could not be read has no reward.
    """

    def __init__(self, weights: Weights, judge: Judge, base: ModelReward | None = None) -> None:
        if weights.rules is None:
            raise InputError(
                f"{weights.source}: was fitted to given features, without rules; fit to answers to score answers"
            )
        self.weights, self.judge, self.base = weights, asker(judge, weights.rules), base
        self.classes = classes_of(weights.rules)
        self.questions = questions_of(weights.rules)
        if strange := sorted(weights.kinds.keys() - self.classes.keys()):
            raise InputError(f"{weights.source}: has weights for {strange[0]!r}, which its rules do not know")

    def rewards(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> list[float | None]:
        """One an answer: a `Reward`."""
        return [each.reward for each in self.scored(list(zip(prompts, completions, strict=True)))]

    def scored(self, items: Sequence[One]) -> list[RuleScore]:
        """The reward of each answer with its parts."""
        bases = self._bases(items)
        kinds = [kind_of(prompt, self.classes) for prompt, _ in items]
        found: dict[int, RuleScore] = {}
        for kind, weights in self.weights.kinds.items():
            places = [place for place, each in enumerate(kinds) if each == kind]
            heard = ask(self.judge, [items[place] for place in places], self.classes[kind], self.questions)
            for place, one in zip(places, heard, strict=True):
                found[place] = _scored(self.classes[kind], weights, bases[place], one)
        for place, (base, calls) in enumerate(bases):
            if place not in found:
                none = self.base is None
                failed = State.ABSTAIN if none else (State.TRANSPORT if base is None else None)
                found[place] = RuleScore(kinds[place], base, None if none else 0.0, calls, failed)
        return [found[place] for place in range(len(items))]

    def _bases(self, items: Sequence[One]) -> list[tuple[float | None, tuple[str, ...]]]:
        if self.base is None:
            return [(0.0, ())] * len(items)
        return self.base.heard(items)


def _scored(
    classes: Classes, weights: Mapping[str, float], base: tuple[float | None, tuple[str, ...]], heard: Heard
) -> RuleScore:
    number, calls = base
    seen = features(classes, heard.shares)
    failed = heard.failed or (State.TRANSPORT if number is None else None)
    added = None if seen is None else rule_reward(weights, seen)
    return RuleScore(classes.kind, number, added, (*calls, *heard.calls), failed)


def _number(score: Score) -> float | None:
    if score.error is not None or len(score.logprobs) != 1 or not math.isfinite(score.logprobs[0]):
        return None
    return score.logprobs[0]
