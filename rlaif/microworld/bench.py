"""Measurements of one model: its texts on held-out scenes, its label probabilities, balanced comparisons."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlaif.constitution import applies
from rlaif.hashing import derived_seed
from rlaif.microworld.draws import rule_of_form
from rlaif.microworld.gold import grade_rule, truths
from rlaif.microworld.rows import ask
from rlaif.microworld.scenes import KINDS, Scene, make_scene
from rlaif.microworld.sentences import Form
from rlaif.records import Constitution, Engine, GenerateRequest, Message, Sampling, ScoreRequest

SAMPLES = 8


@dataclass(frozen=True, slots=True)
class BenchComparison:
    """A comparison: two answers to one scene, a principle, and whether the first follows it better."""

    scene: Scene
    first: str
    second: str
    rule: str
    first_better: bool
    attribute: str


@dataclass(frozen=True, slots=True)
class Bench:
    engine: Engine
    seed: int

    def rng(self, part: str) -> random.Random:
        return random.Random(derived_seed("report", part, self.seed))

    def write(
        self, turns: Sequence[Sequence[Message]], temperature: float = 0.0, part: str = ""
    ) -> list[str]:
        """Generate one text per conversation, in order."""
        sampling = Sampling(temperature=temperature, max_tokens=160)
        requests = [
            GenerateRequest(
                id=str(index), messages=tuple(each), sampling=sampling,
                seed=derived_seed("report", part, self.seed, index),
            )
            for index, each in enumerate(turns)
        ]  # fmt: skip
        texts = {each.request_id: each.text for each in self.engine.generate(requests)}
        return [texts[str(index)] for index in range(len(turns))]

    def ask(self, contents: Sequence[str]) -> list[str]:
        """Greedy answers to single user turns."""
        return self.write([[Message(role="user", content=each)] for each in contents])

    def labels(self, contents: Sequence[str], labels: Sequence[str]) -> np.ndarray[Any, Any]:
        """Probabilities of the labels, renormalised; shape (contents, labels)."""
        requests = [
            ScoreRequest(
                id=str(index), messages=(Message(role="user", content=each),), continuations=tuple(labels)
            )
            for index, each in enumerate(contents)
        ]
        rows = {each.request_id: each.logprobs for each in self.engine.score(requests)}
        logs = np.array([rows[str(index)] for index in range(len(contents))]).reshape(
            len(contents), len(labels)
        )
        odds = np.exp(logs - logs.max(axis=1, keepdims=True))
        found: np.ndarray[Any, Any] = odds / odds.sum(axis=1, keepdims=True)
        return found

    def prefer(
        self, questions: Sequence[BenchComparison]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """P(first text is better) when it is shown first, and when it is shown second."""
        contents = [compare_text(q, swapped) for q in questions for swapped in (False, True)]
        shown = self.labels(contents, ("A", "B"))[:, 0].reshape(-1, 2)
        return shown[:, 0], 1 - shown[:, 1]


def compare_text(question: BenchComparison, swapped: bool) -> str:
    """Return the text that asks which of two responses is better, with the two in either order."""
    first, second = (question.second, question.first) if swapped else (question.first, question.second)
    return ask(
        "compare", prompt=question.scene.text, response_a=first, response_b=second, principle=question.rule
    )  # fmt: skip


def own_samples(bench: Bench, prompts: int) -> tuple[list[Scene], list[list[str]]]:
    """Sample the policy at temperature 1 on held-out scenes, the kinds of prompts in turn."""
    rng = bench.rng("scenes")
    scenes = [make_scene(rng, "held-out", KINDS[index % len(KINDS)]) for index in range(prompts)]
    turns = [[Message(role="user", content=scene.text)] for scene in scenes for _ in range(SAMPLES)]
    texts = bench.write(turns, 1.0, "samples")
    return scenes, [texts[index * SAMPLES : (index + 1) * SAMPLES] for index in range(prompts)]


def pairs_of(
    scenes: list[Scene], answers: list[list[str]], attribute: str, count: int, rng: random.Random
) -> list[tuple[Scene, str, str]]:
    """Triples (scene, a text with the attribute, a text without it); in half of them the first text is longer."""
    longer: list[tuple[Scene, str, str]] = []
    shorter: list[tuple[Scene, str, str]] = []
    for scene, texts in zip(scenes, answers, strict=True):
        known = [truths(scene.text, text).get(attribute) for text in texts]
        having = [text for text, value in zip(texts, known, strict=True) if value]
        lacking = [text for text, value in zip(texts, known, strict=True) if value is False]
        for has in having:
            for lacks in lacking:
                (longer if len(has) > len(lacks) else shorter).append((scene, has, lacks))
    rng.shuffle(longer)
    rng.shuffle(shorter)
    half = min(count // 2, len(longer), len(shorter))
    found = longer[:half] + shorter[:half]
    rng.shuffle(found)  # whoever takes the first few of them takes both lengths
    return found


def questions_of(
    found: Sequence[tuple[Scene, str, str]], attribute: str, rng: random.Random, make: Callable[[Scene], str]
) -> list[BenchComparison]:
    """Comparisons, the better text first in half of them; principles on which both texts agree are redrawn."""
    questions = []
    for index, (scene, has, lacks) in enumerate(found):
        for _ in range(12):
            rule = make(scene)
            first = grade_rule(rule, scene.text, has)
            if first is not None and first != grade_rule(rule, scene.text, lacks):
                a, b = (has, lacks) if index % 2 else (lacks, has)
                questions.append(BenchComparison(scene, a, b, rule, (a == has) == first, attribute))
                break
    return questions


def rule_maker(attribute: str, form: Form, held_out: bool, rng: random.Random) -> Callable[[Scene], str]:
    """Return a function that writes a principle about `attribute` for a scene, in this form."""
    return lambda scene: rule_of_form(rng, form, scene, attribute, held_out)[0]


def right_of(
    questions: list[BenchComparison], shown: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
) -> list[bool]:
    """Return per comparison whether the mean over both orders prefers the better text."""
    mean = (shown[0] + shown[1]) / 2
    return [(p > 0.5) == q.first_better for p, q in zip(mean.tolist(), questions, strict=True)]


def right_both_ways(
    questions: list[BenchComparison], shown: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
) -> list[bool]:
    """Return per comparison whether each of the two orders prefers the better text."""
    return [
        (first > 0.5) == q.first_better == (second > 0.5)
        for first, second, q in zip(*(each.tolist() for each in shown), questions, strict=True)
    ]


def gold_of(constitution: Constitution, scene: Scene, text: str) -> float:
    """Share of the applicable principles that gold finds met."""
    grades = [
        grade_rule(each.text, scene.text, text)
        for each in constitution.principles
        if applies(each, scene.prompt)
    ]
    return float(np.mean([grade for grade in grades if grade is not None]))
