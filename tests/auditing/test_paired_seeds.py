from __future__ import annotations

import random

import pytest

from rlaif.auditing.paired_seeds import seed_paired

NAMES = [f"p{n}" for n in range(40)]


def drawn(gain: float, seed: int, noise: float = 0.1) -> tuple[dict[str, float], dict[str, float]]:
    rng = random.Random(seed)
    before = {name: rng.random() for name in NAMES}
    return before, {name: value + gain + rng.gauss(0, noise) for name, value in before.items()}


def test_the_difference_is_that_of_each_prompt_in_each_seed() -> None:
    found = seed_paired([drawn(0.2, 0), drawn(0.2, 1)])
    assert found is not None
    assert found.value == pytest.approx(0.2, abs=0.03)
    assert found.low < 0.2 < found.high
    assert found.chance < 0.05
    assert (found.prompts, found.seeds) == (40, 2)


def test_of_one_seed_the_interval_is_over_prompts_alone() -> None:
    found = seed_paired([drawn(0.2, 0)])
    assert found is not None
    assert found.high - found.value == pytest.approx(2.02 * 0.1 / 40**0.5, rel=0.4)


def test_seeds_that_disagree_widen_the_interval() -> None:
    alike = seed_paired([drawn(0.2, 0), drawn(0.2, 1), drawn(0.2, 2)])
    apart = seed_paired([drawn(0.0, 0), drawn(0.2, 1), drawn(0.4, 2)])
    assert alike is not None
    assert apart is not None
    assert apart.high - apart.low > 3 * (alike.high - alike.low)
    assert apart.chance > 0.05


def test_no_effect_is_found_by_chance_in_no_more_than_one_of_twenty() -> None:
    found = [seed_paired([drawn(0.0, 3 * n), drawn(0.0, 3 * n + 1)]) for n in range(200)]
    assert sum(each is not None and each.chance < 0.05 for each in found) <= 14


def test_prompts_without_a_partner_are_left_out_and_one_alone_says_nothing() -> None:
    found = seed_paired([({"a": 0.1, "b": 0.2}, {"a": 0.2, "b": 0.4, "c": 1.0})])
    assert found is not None
    assert (found.prompts, found.value) == (2, pytest.approx(0.15))
    assert seed_paired([({"a": 0.1}, {"a": 0.2})]) is None


def test_differences_that_are_all_alike_have_no_width() -> None:
    found = seed_paired([({"a": 0.0, "b": 0.0}, {"a": 0.0, "b": 0.0})])
    assert found is not None
    assert (found.low, found.high, found.chance) == (0.0, 0.0, 1.0)
