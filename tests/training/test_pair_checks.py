"""Losses that take sides learn the better side, and refuse a pair that has none."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rlaif.errors import RecipeError
from rlaif.exchange.pairs import row_pair
from rlaif.records import Pair
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.loss_names import LOSSES
from rlaif.training.losses import PairLogps, PairTerms
from rlaif.training.pair_checks import check_labels, check_sides
from rlaif.training.pair_losses import mixed

ZERO = torch.zeros(1, dtype=torch.float64)


def turn(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def read(label: float, **more: Any) -> Pair:
    """A row whose rejected side is the better one, where `label` is below one half."""
    row = {"prompt": turn("user", "How?"), "chosen": turn("assistant", "BAD")}
    return row_pair({**row, "rejected": turn("assistant", "GOOD"), "label_prob": label, **more})


def slope(loss: str, pair: Pair) -> float:
    """How the loss changes with the log-probability of the chosen answer."""
    config = DPOConfig(loss=loss)
    check_labels(config, [pair])
    x = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    logps = PairLogps(x, ZERO)
    label = min(max(pair.label_prob, config.label_clip), 1 - config.label_clip)
    terms = PairTerms(
        logps, PairLogps(ZERO, ZERO), PairLogps(ZERO + 3, ZERO + 3), logps, PairLogps(ZERO, ZERO),
        ZERO + label, ZERO + 0.5, ZERO.sum(),
    )  # fmt: skip
    mixed(config.mix, terms, 0.1, config.options).sum().backward()
    return float(x.grad)


@pytest.mark.parametrize("loss", ["soft", "sigmoid", "robust", "odpo", "sigmoid:1,nll:0.2", "hinge", "ipo"])
def test_no_loss_raises_the_answer_that_the_label_calls_worse(loss: str) -> None:
    pair = read(0.0, score_gap=-0.5)
    assert (pair.chosen[0].content, pair.label_prob, pair.score_gap) == ("GOOD", 1.0, 0.5)
    assert slope(loss, pair) < 0


@pytest.mark.parametrize("loss", ["soft", "sigmoid", "cdpo", "sigmoid:1,nll:0.2"])
def test_a_doubtful_label_below_one_half_is_learned_the_right_way_round(loss: str) -> None:
    assert slope(loss, read(0.1)) < 0


@pytest.mark.parametrize("loss", ["robust", "odpo"])
def test_losses_of_sides_refuse_doubtful_labels_on_either_side_of_one_half(loss: str) -> None:
    for label in (0.1, 0.9):
        with pytest.raises(RecipeError, match="cannot use label_prob"):
            check_labels(DPOConfig(loss=loss), [read(label)])


@pytest.mark.parametrize("config", [DPOConfig(loss="sigmoid"), DPOConfig(loss="hinge", labels="hard")])
def test_a_tie_has_no_side_to_learn(config: DPOConfig) -> None:
    with pytest.raises(RecipeError, match=r"1 of 2 pairs are ties"):
        check_labels(config, [read(0.5), read(0.9)])
    check_labels(DPOConfig(loss="soft"), [read(0.5)])
    with pytest.raises(RecipeError, match="reward: 1 of 1"):
        check_sides("reward", [read(0.5)])


@pytest.mark.parametrize("loss", [name for name, facts in LOSSES.items() if not facts.gap])
def test_certain_labels_give_a_finite_loss(loss: str) -> None:
    config = DPOConfig(loss=loss)
    logps = PairLogps(ZERO - 1, ZERO - 2)
    terms = PairTerms(
        logps, PairLogps(ZERO - 1.5, ZERO - 1.5), PairLogps(ZERO + 3, ZERO + 3), logps,
        PairLogps(ZERO - 1.5, ZERO - 1.5), ZERO + 1, ZERO + 0.5, ZERO.sum(),
    )  # fmt: skip
    assert torch.isfinite(mixed(config.mix, terms, 0.1, config.options)).all()
