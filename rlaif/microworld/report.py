"""Metrics of every skill of a model of the family, on held-out material."""

from __future__ import annotations

from typing import Any

import numpy as np

from rlaif.constitution import load_constitution
from rlaif.engines.open import open_engine
from rlaif.microworld.attributes import ATTRIBUTES
from rlaif.microworld.bench import Bench, gold_of, own_samples, pairs_of, questions_of, right_of, rule_maker
from rlaif.microworld.gold import truths
from rlaif.microworld.judge_report import gap, judge
from rlaif.microworld.recognize import in_language
from rlaif.microworld.scenes import Scene
from rlaif.microworld.skill_report import critic, reviser, skills
from rlaif.records import Constitution


def report(
    model: str = "micro", seed: int = 0, prompts: int = 160, per_attribute: int = 40
) -> dict[str, Any]:
    """Nested metrics of `model` (a bundled name or a directory): policy, judge, critic, reviser, skills, gap."""
    bench = Bench(open_engine(model), seed)
    constitution = load_constitution("micro-default")
    scenes, answers = own_samples(bench, prompts)
    found: dict[str, Any] = {"model": model, "seed": seed, "prompts": prompts}
    found["policy"] = policy(scenes, answers, constitution)
    found["judge"], rows = judge(bench, scenes, answers, per_attribute)
    found["gap"] = gap(bench, scenes, answers, constitution)
    found["critic"] = critic(bench, scenes, answers)
    found["reviser"] = reviser(bench, scenes, answers)
    found["skills"] = skills(bench, scenes, answers)
    found["attributes"] = {
        name: {"share": found["policy"]["by_attribute"].get(name), **row} for name, row in rows.items()
    }
    return found


def pair_accuracy(model: str, seed: int = 0, prompts: int = 60, per_attribute: int = 12) -> float:
    """Return only `judge.pair_accuracy` of the report, on fewer prompts: the share of pairs judged right."""
    bench = Bench(open_engine(model), seed)
    scenes, answers = own_samples(bench, prompts)
    questions, rng = [], bench.rng("judge")
    for attribute in ATTRIBUTES:
        pairs = pairs_of(scenes, answers, attribute.id, per_attribute, rng)
        questions += questions_of(pairs, attribute.id, rng, rule_maker(attribute.id, "positive", False, rng))
    return float(np.mean(right_of(questions, bench.prefer(questions))))


def policy(scenes: list[Scene], answers: list[list[str]], constitution: Constitution) -> dict[str, Any]:
    """Measure a policy's texts by gold: `answers` are the texts per scene.

    Returns the mean share of principles met, the share of texts that are in the language, sentences per text, and the
    share of texts that have each attribute.
    """
    by_attribute: dict[str, list[bool]] = {each.id: [] for each in ATTRIBUTES}
    for scene, texts in zip(scenes, answers, strict=True):
        for text in texts:
            for name, value in truths(scene.text, text).items():
                by_attribute[name].append(value)
    flat = [(scene, text) for scene, texts in zip(scenes, answers, strict=True) for text in texts]
    return {
        "gold_mean": float(np.mean([gold_of(constitution, scene, text) for scene, text in flat])),
        "in_language": float(np.mean([in_language(text) for _, text in flat])),
        "sentences_mean": float(np.mean([text.count(".") + text.count("?") for _, text in flat])),
        "by_attribute": {name: float(np.mean(values)) for name, values in by_attribute.items() if values},
    }
