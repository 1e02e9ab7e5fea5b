"""The length-controlled win rate is the fit that an independent optimiser finds, and mirrors where the sides do."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from rlaif.auditing.length_control import STRENGTHS, fitted, length_controlled

Floats = NDArray[np.float64]


def simulated(count: int, quality: float, pull: float, seed: int) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Wins, some of them draws and fractions, of a model with this quality before a judge whom length pulls."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(50, 3000, (count, 2)) + np.asarray([600, 0])
    apart = lengths[:, 0] - lengths[:, 1]
    bent = np.tanh(apart / apart.std())
    wins = (rng.random(count) < expit(quality + pull * bent)).astype(float)
    wins[::7], wins[1::5] = 0.5, rng.random(len(wins[1::5]))
    return wins, lengths, np.stack([np.ones(count), bent], axis=1)


@pytest.mark.parametrize("strength", [STRENGTHS[3], STRENGTHS[5], STRENGTHS[9]])
def test_the_fit_is_the_minimum_that_another_optimiser_finds(strength: float) -> None:
    wins, _, design = simulated(300, 0.3, 1.1, 0)

    def objective(weights: Floats) -> float:
        logits = design @ weights
        return float(np.abs(weights).sum() + strength * (np.logaddexp(0, logits) - wins * logits).sum())

    # |w| is smooth where both signs have a variable of their own
    found = minimize(
        lambda split: objective(split[:2] - split[2:]),
        np.full(4, 0.1),
        bounds=[(0, None)] * 4,
        method="L-BFGS-B",
        options={"ftol": 1e-16, "gtol": 1e-10},
    )
    ours = fitted(design, wins, strength)
    assert ours == pytest.approx(found.x[:2] - found.x[2:], abs=1e-5)
    assert objective(ours) <= objective(found.x[:2] - found.x[2:]) + 1e-9


def test_with_many_rows_it_is_the_plain_maximum_likelihood_at_equal_lengths() -> None:
    wins, lengths, design = simulated(805, 0.3, 1.1, 1)
    plain = minimize(
        lambda weights: float((np.logaddexp(0, design @ weights) - wins * (design @ weights)).sum()),
        np.zeros(2),
    )
    found = length_controlled(wins.tolist(), [(int(a), int(b)) for a, b in lengths], range(805))
    assert found is not None
    assert found.value == pytest.approx(float(expit(plain.x[0])), abs=0.005)
    # the judge is drawn to length, and the model writes more
    assert found.value < wins.mean()
    assert found.low < found.value < found.high


@pytest.mark.parametrize("seed", range(3))
def test_exchanging_the_models_mirrors_it(seed: int) -> None:
    wins, lengths, _ = simulated(60, 0.5, 1.0, seed)
    pairs = [(int(a), int(b)) for a, b in lengths]
    one = length_controlled(wins.tolist(), pairs, range(60))
    other = length_controlled((1 - wins).tolist(), [each[::-1] for each in pairs], range(60))
    assert one is not None
    assert other is not None
    assert one.value == pytest.approx(1 - other.value, abs=1e-9)
    assert one.low == pytest.approx(1 - other.high, abs=1e-6)


def test_the_interval_is_as_wide_as_fits_to_redrawn_prompts_spread() -> None:
    wins, lengths, design = simulated(200, 0.2, 0.8, 3)
    found = length_controlled(wins.tolist(), [(int(a), int(b)) for a, b in lengths], range(200))
    rng = np.random.default_rng(0)
    drawn = [rng.integers(0, 200, 200) for _ in range(200)]
    again = [float(expit(fitted(design[each], wins[each], STRENGTHS[5])[0])) for each in drawn]
    assert found is not None
    assert found.error == pytest.approx(float(np.std(again)), rel=0.25)


def test_rows_of_one_prompt_count_as_one_prompt() -> None:
    wins, lengths, _ = simulated(40, 0.2, 0.8, 4)
    pairs = [(int(a), int(b)) for a, b in lengths]
    single = length_controlled(wins.tolist(), pairs, range(40))
    tripled = length_controlled(wins.tolist() * 3, pairs * 3, [*range(40)] * 3)
    assert single is not None
    assert tripled is not None
    assert (tripled.prompts, tripled.error) == (40, pytest.approx(single.error, rel=0.3))


def test_at_equal_lengths_there_is_nothing_to_control() -> None:
    found = length_controlled([1.0] * 30 + [0.0] * 10, [(5, 5)] * 40, [*range(40)])
    assert found is not None
    # also where all wins stand in front
    assert found.value == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize("wins", [[1.0] * 12, [0.0] * 12])
def test_a_model_that_always_wins_or_loses_has_a_rate_and_a_width(wins: list[float]) -> None:
    found = length_controlled(wins, [(place, 3) for place in range(12)], range(12))
    assert found is not None
    assert found.value == pytest.approx(wins[0], abs=1e-3)
    assert found.high - found.low > 0.1


def test_one_prompt_says_nothing() -> None:
    assert length_controlled([1.0, 0.0], [(1, 2), (3, 4)], [0, 0]) is None
    assert length_controlled([], [], []) is None
