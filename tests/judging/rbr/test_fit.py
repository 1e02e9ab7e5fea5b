"""Weights: by hand, against torch's AdamW, the same every time, on prompts that are really held out."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from rlaif.errors import InputError
from rlaif.judging.rbr import FitConfig, fit, rule_reward
from rlaif.judging.rbr.fit import ordered
from rlaif.judging.rbr.spread import spread
from rlaif.records import Featured

from .builders import example

TIERS = (("good",), ("poor",), ("bad", "worse"))
NONE_HELD = FitConfig(held_out=0)


def examples(prompts: int = 12, *, scale: float = 0.5, seed: int = 0) -> list[Featured]:
    """Features that tell the classes apart with noise, and a base that prefers the worse."""
    rng = random.Random(seed)
    lean = {"good": (0.9, 0.1), "poor": (0.6, 0.3), "bad": (0.2, 0.6), "worse": (0.1, 0.9)}
    return [
        example(
            f"p{prompt}",
            label,
            scale * (rng.gauss(0, 1) + rank),
            right=means[0] + rng.gauss(0, 0.05),
            wrong=means[1] + rng.gauss(0, 0.05),
            noise=rng.random(),
        )
        for prompt in range(prompts)
        for rank, (label, means) in enumerate(lean.items())
    ]


def test_the_first_step_goes_by_the_learning_rate_down_the_mean_difference() -> None:
    # AdamW's first step is the sign of the gradient: both pairs are short of the margin; the mean difference of x
    # is (0.6 + 0.2)/2 > 0 and of y (0 - 0.5)/2 < 0
    rows = [
        example("p", "good", x=0.8, y=0.2),
        example("p", "poor", x=0.2, y=0.2),
        example("q", "good", x=0.5, y=0.0),
        example("q", "poor", x=0.3, y=0.5),
    ]
    found = fit(rows, TIERS, replace(NONE_HELD, steps=1, learning_rate=0.01, weight_decay=0.0))
    assert found.weights == {"x": 0.01, "y": -0.01}
    assert found.loss[0] == 1
    assert found.loss[1] == pytest.approx(1 - (0.6 * 0.01 + 0.2 * 0.01 + 0.5 * 0.01) / 2)


def test_weights_are_those_of_torchs_adamw() -> None:
    torch = pytest.importorskip("torch")
    rows = examples()
    names = ["noise", "right", "wrong"]
    values = torch.tensor([[row.features[name] for name in names] for row in rows], dtype=torch.float64)
    base = torch.tensor([row.base for row in rows], dtype=torch.float64)
    better, worse = torch.tensor(ordered(rows, TIERS)).T
    assert float(((base[better] - base[worse]) ** 2).mean().sqrt()) > 1
    unit = float(((base[better] - base[worse]) ** 2).mean().sqrt())
    weights = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    adamw = torch.optim.AdamW([weights], lr=0.01, weight_decay=0.05)
    for _ in range(300):
        adamw.zero_grad()
        total = base / unit + values @ weights
        torch.relu(1 + total[worse] - total[better]).mean().backward()
        adamw.step()
    found = fit(rows, TIERS, replace(NONE_HELD, steps=300))
    assert found.unit == pytest.approx(unit)
    wanted = [unit * float(weight) for weight in weights.detach()]
    assert [found.weights[name] for name in names] == pytest.approx(wanted, abs=2e-6)


def test_small_rewards_are_taken_as_they_are() -> None:
    assert fit(examples(scale=0.1), TIERS, NONE_HELD).unit == 1


def test_the_same_answers_in_any_order_give_the_same_weights() -> None:
    rows = examples()
    first = fit(rows, TIERS, FitConfig())
    random.Random(1).shuffle(rows)
    assert fit(rows, TIERS, FitConfig()) == first
    assert fit([*rows, *rows], TIERS, FitConfig()) == first


def test_weights_grow_with_the_reward_model_so_that_nothing_depends_on_its_scale() -> None:
    rows = examples(scale=2)
    small = fit(rows, TIERS, FitConfig())
    large = fit([replace(row, base=10 * row.base) for row in rows], TIERS, FitConfig())
    assert large.weights == pytest.approx({name: 10 * each for name, each in small.weights.items()}, abs=1e-4)
    assert large.held_out == small.held_out


def test_rules_mend_a_reward_model_that_prefers_the_worse() -> None:
    found = fit(examples(40), TIERS, FitConfig())
    assert found.held_out.reward_model is not None
    assert found.held_out.reward_model < 0.5
    assert found.held_out.both is not None
    assert found.held_out.both >= 0.95


def test_whole_prompts_are_held_out_and_never_fitted_to() -> None:
    rows = examples(20)
    found = fit(rows, TIERS, FitConfig(held_out=0.25))
    assert (found.held_out.prompts, found.fitted_on.prompts) == (5, 15)
    assert (found.held_out.pairs, found.fitted_on.pairs) == (5 * 5, 15 * 5)
    # turned round where they are held out, answers change nothing but the held-out figure
    held = {prompt for prompt in {row.prompt_id for row in rows} if not _matters(rows, prompt)}
    assert len(held) == 5
    other = {"good": "worse", "worse": "good"}
    turned = [
        replace(row, label=other.get(row.label, row.label)) if row.prompt_id in held else row for row in rows
    ]
    again = fit(turned, TIERS, FitConfig(held_out=0.25))
    assert again.weights == found.weights
    assert again.held_out != found.held_out


def _matters(rows: list[Featured], prompt: str) -> bool:
    """Whether the weights are others when the reward model speaks otherwise of this prompt's good answer."""
    config = FitConfig(held_out=0.25, steps=20)
    changed = [
        replace(row, base=row.base + 3) if (row.prompt_id, row.label) == (prompt, "good") else row
        for row in rows
    ]
    return fit(changed, TIERS, config).weights != fit(rows, TIERS, config).weights


def test_of_one_prompt_answers_are_held_out_and_none_of_them_is_fitted_to() -> None:
    rows = [
        example("p", label, 0.1 * number, right=right + number / 100)
        for label, right in (("good", 1.0), ("poor", 0.5))
        for number in range(30)
    ]
    found = fit(rows, TIERS, FitConfig())
    kept, held = found.fitted_on, found.held_out
    assert (kept.prompts, held.prompts) == (1, 1)
    # twelve of sixty answers, `good` of them good ones: no pair has one side here and the other there
    assert (held.pairs, kept.pairs) in {(good * (12 - good), (30 - good) * (18 + good)) for good in range(13)}


def test_another_seed_holds_out_other_prompts() -> None:
    rows = examples(20)
    assert len({str(fit(rows, TIERS, FitConfig(seed=seed, steps=5)).weights) for seed in range(4)}) > 1


def test_classes_that_share_a_place_are_not_compared() -> None:
    rows = [example("p", label, x=1.0) for label in ("good", "poor", "bad", "worse")]
    pairs = {(rows[better].label, rows[worse].label) for better, worse in ordered(rows, TIERS)}
    assert pairs == {("good", "poor"), ("good", "bad"), ("good", "worse"), ("poor", "bad"), ("poor", "worse")}


def test_answers_of_different_prompts_are_not_compared() -> None:
    assert ordered([example("p", "good", x=1.0), example("q", "poor", x=0.0)], TIERS) == []


def test_a_margin_of_a_class_counts_with_its_fraction() -> None:
    rows = [example("p", "good", x=1.0), example("p", "poor", x=0.0)]
    found = fit(rows, TIERS, replace(NONE_HELD, margins={"good": 0.4}, weight_decay=0.0))
    assert found.loss[0] == 0.4
    assert 0.4 <= found.weights["x"] < 0.6
    assert fit(rows, TIERS, replace(NONE_HELD, weight_decay=0.0)).weights["x"] >= 1


def test_one_text_with_two_labels_counts_twice_whoever_comes_first_and_is_not_compared_with_itself() -> None:
    rows = [example("p", "good", x=1.0), example("p", "poor", x=0.5), example("p", "bad", x=0.0)]
    twice = replace(rows[0], label="bad")
    found = fit([*rows, twice], TIERS, NONE_HELD)
    assert found == fit([twice, *rows], TIERS, NONE_HELD)
    # good-poor, good-bad, poor-bad, and poor before the good one's other label
    assert found.fitted_on.pairs == 4


@pytest.mark.parametrize("large", [1e200, -1e200, float("inf"), float("nan")])
def test_rewards_beyond_computing_are_refused(large: float) -> None:
    rows = [example("p", "good", large, x=1.0), example("p", "poor", x=0.0)]
    with pytest.raises(InputError, match="scale them down"):
        fit(rows, TIERS, NONE_HELD)


def test_the_spread_is_that_of_rewards_less_the_ideal_ones_of_the_same_prompt() -> None:
    rows = [
        example("p", "good", 5.0, x=1.0),
        example("p", "good", 7.0, x=1.0),
        example("p", "poor", 8.0, x=0.0),
        example("q", "good", 0.0, x=1.0),
        example("q", "poor", 6.0, x=0.0),
        example("r", "poor", 99.0, x=0.0),
    ]
    found = spread(rows, TIERS, lambda row: row.base)
    assert list(found) == ["good", "poor"]
    assert found["good"] == (3, 0.0, pytest.approx((2 / 3) ** 0.5))
    assert found["poor"] == (2, 4.0, 2.0)


def test_rules_pull_the_classes_apart_in_the_order_that_was_given() -> None:
    both = fit(examples(40), TIERS, FitConfig()).spread["both"]
    assert both["good"].mean == pytest.approx(0, abs=1e-9)
    assert 0 > both["poor"].mean > both["bad"].mean


def test_a_tie_is_not_in_order() -> None:
    rows = [example("p", "good", x=1.0), example("p", "poor", x=1.0)]
    assert fit(rows, TIERS, NONE_HELD).fitted_on.both == 0


def test_without_a_reward_model_nothing_is_said_of_it() -> None:
    rows = [example("p", "good", x=1.0), example("p", "poor", x=0.0)]
    found = fit(rows, TIERS, NONE_HELD)
    assert found.fitted_on.reward_model is None
    assert found.held_out == (0, 0, None, None, None)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "one kind of answer at a time"),
        (
            [example("p", "good", x=1.0, kind="k"), example("p", "poor", x=1.0)],
            "at a time, not all, k",
        ),
        (
            [example("p", "good", x=1.0), example("p", "poor", y=1.0)],
            "feature 'x' is there for some answers",
        ),
        (
            [example("p", "good", x=1.0), example("p", "strange", x=1.0)],
            "'strange' has no place in the order; it has bad, good, poor, worse",
        ),
        ([example("p", "good", x=1.0), example("q", "poor", x=1.0)], "no two answers of one prompt"),
    ],
)
def test_what_cannot_be_fitted_is_reported(rows: list[Featured], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit(rows, TIERS, NONE_HELD)


def test_the_rules_reward_is_the_weighted_sum() -> None:
    assert rule_reward({"x": 2.0, "y": -1.0}, {"x": 0.5, "y": 0.25, "unused": 9.0}) == 0.75


@pytest.mark.parametrize("prompts", [2, 3, 4])
def test_of_few_prompts_a_whole_one_is_held_out(prompts: int) -> None:
    found = fit(examples(prompts), TIERS, FitConfig(steps=1, held_out=0.1))
    assert (found.held_out.prompts, found.fitted_on.prompts) == (1, prompts - 1)
