"""Go or no-go before a training: by hand, and in worlds in which the judge knows something or nothing."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from rlaif.auditing.readiness import FEWEST, Readiness, figures, readiness

from .small import NONE, evidence


def world(knows: float, *, prompts: int = 40, draws: int = 6, seed: int = 0) -> Any:
    """Draws of true worth 0 or 1, and a judge whose score is the truth by a share `knows`, else chance."""
    draw = random.Random(seed)
    true = [draw.choice([0.0, 1.0]) for _ in range(prompts * draws)]
    said = [each if draw.random() < knows else draw.choice([0.0, 1.0]) for each in true]
    # a little noise, so that scores are seldom equal
    pointwise = [(place, 0, 0.4 * each + 0.5 * draw.random() * 0.2 + 0.2) for place, each in enumerate(said)]
    return evidence(
        [place // draws for place in range(prompts * draws)], pointwise=pointwise, gold=np.asarray(true)
    )


def test_a_judge_that_knows_is_a_go_and_one_that_guesses_is_none() -> None:
    good, blind = readiness(world(0.8)), readiness(world(0.0))
    assert good.go is True
    assert good.says.startswith("go: by gold the judge's best draws win +0.")
    assert blind.go is False
    assert "standard errors" in blind.says
    assert "rank correlation of judge and gold within a prompt is " in blind.says
    assert [readiness(world(0.0, seed=seed)).go for seed in range(1, 21)].count(True) == 0


def test_a_little_knowledge_wins_and_orders_too_badly() -> None:
    found = readiness(world(0.15, prompts=1500, seed=2))
    assert found.gain is not None
    assert found.gain.low > 0
    assert found.rank is not None
    assert found.rank.value < 0.3
    assert found.go is False
    assert "standard errors" not in found.says


def _spearman(one: list[float], other: list[float]) -> float:
    """By the sum of squared differences of ranks, which holds where no two are equal."""
    ranks = [[sorted(side).index(each) for each in side] for side in (one, other)]
    count = len(one)
    apart = sum((a - b) ** 2 for a, b in zip(*ranks, strict=True))
    return 1 - 6 * apart / (count * (count**2 - 1))


def test_rank_correlation_gain_and_room_are_those_by_hand() -> None:
    draw = random.Random(5)
    true = [[draw.random() for _ in range(5)] for _ in range(FEWEST)]
    said = [[draw.random() for _ in range(5)] for _ in range(FEWEST)]
    flat = [each for own in said for each in own]
    found = readiness(
        evidence(
            [place // 5 for place in range(5 * FEWEST)],
            pointwise=[(place, 0, each) for place, each in enumerate(flat)],
            gold=np.asarray([each for own in true for each in own]),
        )
    )
    assert found.rank is not None
    expected = sum(map(_spearman, said, true)) / FEWEST
    assert found.rank.value == pytest.approx(expected)
    best = [own[rival.index(max(rival))] for own, rival in zip(true, said, strict=True)]
    mean = sum(map(sum, true)) / (5 * FEWEST)
    assert found.gain is not None
    assert found.gain.value == pytest.approx(sum(best) / FEWEST - mean)
    assert found.of_the_room == pytest.approx(found.gain.value / (1 - mean))
    assert found.oracle_best == pytest.approx(sum(map(max, true)) / FEWEST)


def test_what_cannot_be_known_is_said_to_be_unknown() -> None:
    without = readiness(evidence([0, 0], pointwise=[(0, 0, 0.9), (1, 0, 0.1)]))
    assert without == Readiness(
        None, "unknown: no prompt names a gold, and no stronger judge says what is better (--truth RUN)"
    )
    few = readiness(evidence([0, 0], pointwise=[(0, 0, 0.9), (1, 0, 0.1)], gold=np.asarray([1.0, NONE])))
    assert (few.go, few.says) == (
        None,
        "unknown: only 0 prompts have two draws that judge and gold both read",
    )
    assert figures(few) == []


def test_draws_that_are_all_alike_in_truth_have_no_rank_and_are_no_go() -> None:
    held = world(1.0, prompts=10)
    held = evidence(
        [place // 6 for place in range(60)],
        pointwise=[(place, 0, 0.1 + 0.01 * place) for place in range(60)],
        gold=np.ones(len(held.texts.ids)),
    )
    found = readiness(held)
    assert found.go is False
    assert "cannot be told" in found.says
    assert found.of_the_room is None
    assert not any(math.isnan(each[1]) for each in figures(found))
