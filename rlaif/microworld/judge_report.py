"""Metrics of a model as a judge, and its generator-discriminator gap."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from rlaif.constitution import applies
from rlaif.microworld.attributes import ATTRIBUTES
from rlaif.microworld.bench import (
    SAMPLES,
    Bench,
    BenchComparison,
    gold_of,
    pairs_of,
    questions_of,
    right_both_ways,
    right_of,
    rule_maker,
)
from rlaif.microworld.draws import rule_of_form
from rlaif.microworld.gold import follows, truths
from rlaif.microworld.rows import ask
from rlaif.microworld.scenes import Scene
from rlaif.microworld.sentences import Form, compose
from rlaif.records import Constitution

_COMPOSED: tuple[Form, ...] = ("negative", "both", "but-not", "if", "if-not")


def judge(
    bench: Bench, scenes: list[Scene], answers: list[list[str]], count: int
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Measure a judge on pairs of the policy's own texts, `count` per attribute.

    Returns figures over all attributes (accuracy on plain, rephrased and composed principles, order consistency,
    position and length bias), and a row of figures by attribute.
    """
    rng = bench.rng("judge")
    sets: dict[str, list[BenchComparison]] = {"plain": [], "phrased": [], "composed": [], "opposite": []}
    for attribute in ATTRIBUTES:
        name = attribute.id
        pairs = pairs_of(scenes, answers, name, count, rng)
        trained = rule_maker(name, "positive", False, rng)
        sets["plain"] += (plain := questions_of(pairs, name, rng, trained))
        sets["opposite"] += [_opposite(question, rng) for question in plain]
        sets["phrased"] += questions_of(pairs, name, rng, rule_maker(name, "positive", True, rng))
        for form in _COMPOSED:
            part = pairs[: max(4, count // 5)]
            sets["composed"] += questions_of(part, name, rng, rule_maker(name, form, True, rng))
    shown = {key: bench.prefer(questions) for key, questions in sets.items()}
    right = {key: right_of(sets[key], shown[key]) for key in sets}
    both = right_both_ways(sets["plain"], shown["plain"])
    rows = {
        each.id: _row(bench, each.id, sets["plain"], (right["plain"], both), scenes, answers, count)
        for each in ATTRIBUTES
    }
    first, second = shown["plain"]
    flips = (np.mean(shown["plain"], axis=0) > 0.5) != (np.mean(shown["opposite"], axis=0) > 0.5)
    longer = [(len(q.first) > len(q.second)) == q.first_better for q in sets["plain"]]
    accuracies = [row["pair_accuracy"] for row in rows.values() if row["pair_accuracy"] is not None]
    return {
        "pair_accuracy": float(np.mean(right["plain"])),
        "pair_accuracy_min": float(min(accuracies)),
        "both_orders_min": min(row["both_orders"] for row in rows.values() if row["both_orders"] is not None),
        "paraphrase_accuracy": float(np.mean(right["phrased"])),
        "composed_accuracy": float(np.mean(right["composed"])),
        "order_consistency": float(np.mean((first > 0.5) == (second > 0.5))),
        "opposite_flip": float(np.mean(flips)),
        "yesno_accuracy": float(np.mean([row["yesno_accuracy"] for row in rows.values()])),
        "rating_auc": _rating_auc(bench, scenes, answers, rng),
        "longer_wins": float(np.mean(longer)),
        "first_slot": float(np.mean(np.concatenate([first > 0.5, 1 - second > 0.5]))),
        "pairs": len(sets["plain"]),
    }, rows


def _opposite(question: BenchComparison, rng: random.Random) -> BenchComparison:
    rule = compose("negative", question.attribute, rng, held_out=False)
    return BenchComparison(
        question.scene, question.first, question.second, rule, not question.first_better, question.attribute
    )


def _row(
    bench: Bench, name: str, questions: list[BenchComparison], right: tuple[list[bool], list[bool]],
    scenes: list[Scene], answers: list[list[str]], count: int,
) -> dict[str, Any]:  # fmt: skip
    own, both = (
        [value for value, question in zip(values, questions, strict=True) if question.attribute == name]
        for values in right
    )
    rng = bench.rng("yesno" + name)
    pairs = pairs_of(scenes, answers, name, count, rng)
    asked = [(scene, text) for scene, has, lacks in pairs for text in (has, lacks)]
    contents = [
        ask(
            "checklist",
            prompt=scene.text,
            response=text,
            principle=rule_maker(name, "positive", False, rng)(scene),
        )
        for scene, text in asked
    ]
    said = (bench.labels(contents, ("yes", "no"))[:, 0] > 0.5).tolist() if contents else []
    truth = [truths(scene.text, text)[name] for scene, text in asked]
    return {
        "pair_accuracy": float(np.mean(own)) if own else None,
        "both_orders": float(np.mean(both)) if both else None,
        "pairs": len(own),
        "yesno_accuracy": float(np.mean([a == b for a, b in zip(said, truth, strict=True)]))
        if asked
        else 0.0,
    }


def _rating_auc(bench: Bench, scenes: list[Scene], answers: list[list[str]], rng: random.Random) -> float:
    contents, truth = [], []
    for scene, texts in zip(scenes, answers, strict=True):
        for text in texts[:3]:
            name = rng.choice(list(truths(scene.text, text)))
            rule, meaning = rule_of_form(rng, rng.choice(("positive", "negative")), scene, name, False)
            contents.append(ask("score", prompt=scene.text, response=text, principle=rule))
            truth.append(bool(follows(meaning, frozenset(scene.tags), truths(scene.text, text))))
    rating = bench.labels(contents, tuple("12345")) @ np.arange(1, 6)
    good, bad = rating[np.array(truth)], rating[~np.array(truth)]
    return float(np.mean((good[:, None] > bad[None, :]) + 0.5 * (good[:, None] == bad[None, :])))


def gap(
    bench: Bench, scenes: list[Scene], answers: list[list[str]], constitution: Constitution
) -> dict[str, float]:
    """Generator-discriminator gap: gold of the judge's best of 8, of the mean, of the oracle's best."""
    contents, owner = [], []
    for index, (scene, texts) in enumerate(zip(scenes, answers, strict=True)):
        rules = [each.text for each in constitution.principles if applies(each, scene.prompt)]
        for number, text in enumerate(texts):
            contents += [ask("checklist", prompt=scene.text, response=text, principle=rule) for rule in rules]
            owner += [(index, number)] * len(rules)
    yes = bench.labels(contents, ("yes", "no"))[:, 0]
    scores = np.zeros((len(scenes), SAMPLES))
    counts = np.zeros((len(scenes), SAMPLES))
    for (index, number), value in zip(owner, yes.tolist(), strict=True):
        scores[index, number] += value
        counts[index, number] += 1
    gold = np.array(
        [
            [gold_of(constitution, scene, text) for text in texts]
            for scene, texts in zip(scenes, answers, strict=True)
        ]
    )
    best = (scores / counts).argmax(axis=1)
    return {
        "judge_best_of_8": float(gold[np.arange(len(scenes)), best].mean()),
        "mean_of_8": float(gold.mean()),
        "oracle_best_of_8": float(gold.max(axis=1).mean()),
    }
