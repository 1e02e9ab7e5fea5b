"""The length-controlled win rate (Dubois et al., 2024): what a model would win with answers of the other's length.

logit P(wins) = constant + b * tanh(length difference / its standard deviation), without a further intercept, fitted by
L1-penalised logistic regression to targets that may be fractions; the penalty is chosen by cross-validated log-loss.
The win rate is the prediction with a length difference of zero. The authors' terms for the difficulty of an instruction
exist for their 805 prompts only, and are not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rlaif.auditing.resample import Estimate, Tally, estimate

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats, Ints

FOLDS = 5
STRENGTHS: Sequence[float] = tuple(10.0 ** (-4 + 8 * step / 9) for step in range(10))
"""Of the data against the penalty, as scikit-learn's LogisticRegressionCV tries them."""
FEWEST = 2
"""Prompts of which something can be fitted and held out."""
_STEPS, _HALVINGS, _CLOSE = 100, 30, 1e-12


def length_controlled(
    wins: Sequence[float], lengths: Sequence[tuple[int, int]], prompts: Sequence[int], *, seed: int = 0
) -> Estimate | None:
    """P(the model's answer wins) at equal lengths, with its 95 % interval over prompts.

    The interval is that of the bootstrap over prompts at the penalty that was chosen, a Newton step from the fit.

    Args:
        wins: P(the model's answer is better), a number from 0 to 1 for each comparison.
        lengths: of each comparison the model's length and the other's.
        prompts: of each comparison the place of its prompt.
        seed: of the bootstrap.

    Returns:
        The estimate; None of fewer than two prompts.
    """
    import numpy as np
    from scipy.special import expit

    target, where = np.asarray(wins, dtype=float), np.unique(np.asarray(prompts), return_inverse=True)[1]
    count = int(where.max()) + 1 if len(where) else 0
    if count < FEWEST:
        return None
    design = _design(np.asarray(lengths, dtype=float))
    strength = _strength(design, target, where, count)
    weights = fitted(design, target, strength)
    said = expit(design @ weights)
    score, curve = (said - target)[:, None] * design, said * (1 - said)
    squares = np.stack([curve, curve * design[:, 1], curve * design[:, 1] ** 2], axis=1)
    each = np.concatenate([score, squares], axis=1)
    sums: Floats = np.stack([np.bincount(where, column, count) for column in each.T], axis=1).astype(float)
    kept, whole = weights != 0, sums.sum(axis=0)

    def figure(drawn: Floats) -> Floats:
        """Where a Newton step leads that the prompts as they were drawn ask for."""
        slope = drawn[..., :2] - whole[:2]
        a, b, c = (drawn[..., place] + _CLOSE for place in (2, 3, 4))
        if kept.all():
            step = (c * slope[..., 0] - b * slope[..., 1]) / np.maximum(a * c - b * b, _CLOSE)
        else:
            step = slope[..., 0] / a if kept[0] else np.zeros_like(a)
        return np.asarray(expit(weights[0] - step))

    return estimate({"win rate": Tally(sums, figure, float(count))}, seed=seed)["win rate"]


def fitted(design: Floats, target: Floats, strength: float) -> Floats:
    """The weights that minimise |w| + strength * log-loss, to 1e-10: Newton steps, each a lasso of two columns."""
    import numpy as np
    from scipy.special import expit

    weights = np.zeros(design.shape[1])
    now = _objective(design, target, strength, weights)
    for _ in range(_STEPS):
        said = expit(design @ weights)
        slope = strength * design.T @ (said - target)
        curve = strength * (design * (said * (1 - said))[:, None]).T @ design + _CLOSE * np.eye(len(weights))
        step = _lasso(curve, slope, weights) - weights
        for _ in range(_HALVINGS):
            after = _objective(design, target, strength, weights + step)
            if after <= now:
                break
            step /= 2
        else:
            break
        weights, before, now = weights + step, now, after
        if np.abs(step).max() < _CLOSE or before - now < _CLOSE * _CLOSE * abs(now):
            break
    return weights


def _design(lengths: Floats) -> Floats:
    """A constant, and the bent difference of the lengths in units of its standard deviation."""
    import numpy as np

    apart = lengths[:, 0] - lengths[:, 1]
    spread = float(apart.std())
    bent = np.tanh(apart / spread) if spread > 0 else np.zeros(len(apart))
    return np.stack([np.ones(len(apart)), bent], axis=1)


def _strength(design: Floats, target: Floats, where: Ints, count: int) -> float:
    """The one with the least log-loss on prompts that were not fitted; every fifth prompt is held out together."""
    fold = where % min(FOLDS, count)
    losses = []
    for strength in STRENGTHS:
        loss = 0.0
        for held in range(min(FOLDS, count)):
            weights = fitted(design[fold != held], target[fold != held], strength)
            loss += _loss(design[fold == held], target[fold == held], weights)
        losses.append(loss)
    return STRENGTHS[losses.index(min(losses))]


def _objective(design: Floats, target: Floats, strength: float, weights: Floats) -> float:
    import numpy as np

    return float(np.abs(weights).sum()) + strength * _loss(design, target, weights)


def _loss(design: Floats, target: Floats, weights: Floats) -> float:
    import numpy as np

    logits = design @ weights
    return float((np.logaddexp(0, logits) - target * logits).sum())


def _lasso(curve: Floats, slope: Floats, start: Floats) -> Floats:
    """The minimum of |w| plus the quadratic with this slope and curvature at `start`, column by column."""
    import numpy as np

    weights = start.copy()
    for _ in range(_STEPS):
        before = weights.copy()
        for place in range(len(weights)):
            pull = slope[place] + curve[place] @ (weights - start) - curve[place, place] * weights[place]
            weights[place] = -np.sign(pull) * max(abs(pull) - 1.0, 0.0) / curve[place, place]
        if np.abs(weights - before).max() < _CLOSE:
            break
    return weights
