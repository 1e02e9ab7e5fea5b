"""Weights of rules: hinge loss on ordered answers of one prompt, by AdamW, the same bytes every time. Pure.

Rule-based rewards, arXiv 2411.01111: total = reward model + sum of weight x feature, and the loss is the
mean of max(0, margin + total(worse) - total(better)) over all ordered pairs of answers to one prompt.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from rlaif.errors import InputError
from rlaif.hashing import derived_seed
from rlaif.judging.rbr.spread import Spread, spread
from rlaif.records import Featured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float64]

DECIMALS = 6
"""Of a weight; what is saved is what is measured."""
LARGEST = 1e12
"""Of a reward or feature; beyond it six decimals, and soon doubles, say nothing."""
BETAS, EPSILON = (0.9, 0.999), 1e-8
"""Of AdamW (arXiv 1711.05101, algorithm 2)."""
Tiers = Sequence[Sequence[str]]
"""Classes, the best first; those that share a place are not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """How weights are fitted: as in the code released with the paper, but for two things.

    All is in units of the reward model's differences (their root mean square), where these are above 1: against
    numbers in the tens, weights of a fixed size say nothing. And whole prompts are held out, not pairs.
    """

    margin: float = 1.0
    margins: Mapping[str, float] = field(default_factory=dict)
    """Another margin for pairs whose better answer is of this class; fractions count."""
    learning_rate: float = 0.01
    weight_decay: float = 0.05
    steps: int = 1000
    held_out: float = 0.2
    """Share of the prompts that the weights never see; of the answers, where that would be less than one prompt."""
    seed: int = 0
    """Chooses which."""


class InOrder(NamedTuple):
    """Of ordered pairs, how many are in order by each reward alone and by the sum; None without pairs or a model."""

    pairs: int
    prompts: int
    reward_model: float | None
    rules: float | None
    both: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The weights of one kind of answer, and how they do."""

    kind: str
    tiers: tuple[tuple[str, ...], ...]
    weights: Mapping[str, float]
    unit: float
    """What margin and step sizes were multiplied by: the size of the reward model's differences, at least 1."""
    loss: tuple[float, float]
    """Of the pairs fitted to, before and after."""
    fitted_on: InOrder
    held_out: InOrder
    spread: Mapping[str, Mapping[str, Spread]]
    """Of the held-out answers, by reward (`reward model`, `both`) and class."""


def fit(examples: Sequence[Featured], tiers: Tiers, config: FitConfig) -> Fitted:
    """Fit the weights of one kind of answer. The order of `examples` does not matter.

    Raises InputError where features or classes do not fit together, or nothing is left to compare.
    """
    kind = _one_kind(examples)
    names = _names(examples, kind)
    known = {label for tier in tiers for label in tier}
    if strange := sorted({each.label for each in examples} - known):
        raise InputError(
            f"{kind}: class {strange[0]!r} has no place in the order; it has {', '.join(sorted(known))}"
        )
    if any(not abs(value) <= LARGEST for each in examples for value in (each.base, *each.features.values())):
        raise InputError(f"{kind}: a reward or feature is beyond {LARGEST:g} or no number; scale them down")
    # one text may be there with two labels, as released data have it: both count, whoever came first
    unique = {_key(each): each for each in examples}
    rows = [unique[key] for key in sorted(unique)]
    kept, held = _split(rows, config)
    train, test = (_Pairs.of(part, tiers, names, config) for part in (kept, held))
    if not len(train.margin):
        raise InputError(f"{kind}: no two answers of one prompt are of different classes; add answers")
    raw = train.descend(config)
    weights = {name: round(float(weight), DECIMALS) for name, weight in zip(names, raw, strict=True)}
    return Fitted(
        kind=kind,
        tiers=tuple(tuple(tier) for tier in tiers),
        weights=weights,
        unit=train.unit,
        loss=(train.loss({}), train.loss(weights)),
        fitted_on=train.in_order(weights),
        held_out=test.in_order(weights),
        spread={
            "reward model": spread(held, tiers, lambda row: row.base),
            "both": spread(held, tiers, lambda row: row.base + rule_reward(weights, row.features)),
        },
    )


def rule_reward(weights: Mapping[str, float], features: Mapping[str, float]) -> float:
    """The sum of weight x feature, in the order of the names."""
    return math.fsum(weights[name] * features[name] for name in sorted(weights))


def comparable(examples: Sequence[Featured], tiers: Tiers) -> bool:
    """Return whether classes order any two answers of one prompt; True for an unknown class, which `fit` refuses."""
    known = {label for tier in tiers for label in tier}
    return any(each.label not in known for each in examples) or bool(ordered(examples, tiers))


def ordered(rows: Sequence[Featured], tiers: Tiers) -> list[tuple[int, int]]:
    """All (better, worse) places of answers to one prompt whose classes have an order."""
    rank = {label: place for place, tier in enumerate(tiers) for label in tier}
    by_prompt: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        by_prompt.setdefault(row.prompt_id, []).append(place)
    return [
        (better, worse)
        for places in by_prompt.values()
        for better in places
        for worse in places
        if rank[rows[better].label] < rank[rows[worse].label]
        and rows[better].completion_id != rows[worse].completion_id
    ]


def _key(each: Featured) -> tuple[Any, ...]:
    return each.prompt_id, each.completion_id, each.label, each.base, tuple(sorted(each.features.items()))


def _one_kind(examples: Sequence[Featured]) -> str:
    kinds = sorted({each.kind for each in examples})
    if len(kinds) != 1:
        raise InputError(
            f"weights are fitted for one kind of answer at a time, not {', '.join(kinds) or 'none'}"
        )
    return kinds[0]


def _names(examples: Sequence[Featured], kind: str) -> list[str]:
    names = set(examples[0].features)
    for each in examples:
        if set(each.features) != names:
            odd = sorted(names ^ set(each.features))[0]
            raise InputError(
                f"{kind}: feature {odd!r} is there for some answers and not for others; all need it"
            )
    return sorted(names)


def _split(rows: Sequence[Featured], config: FitConfig) -> tuple[list[Featured], list[Featured]]:
    """By prompts, which ones a seed and their ids decide: answers of one prompt must not be on both sides.

    Of two prompts or more one is held out at least. Of a single one, answers are held out instead: none of these is in
    a pair that is fitted to.
    """
    prompts = {each.prompt_id for each in rows}
    whole = config.held_out > 0 and len(prompts) > 1
    names = {(each.prompt_id, "" if whole else each.completion_id) for each in rows}
    drawn = sorted(names, key=lambda name: derived_seed(config.seed, "rbr held out", *name))
    held = set(drawn[: max(int(whole), round(config.held_out * len(drawn)))])

    def is_held(row: Featured) -> bool:
        return (row.prompt_id, "" if whole else row.completion_id) in held

    return [row for row in rows if not is_held(row)], [row for row in rows if is_held(row)]


class _Pairs(NamedTuple):
    """Differences of ordered pairs, better less worse: features (P, K), base (P,), and the margin of each (P,)."""

    names: Sequence[str]
    prompts: int
    features: Vector
    base: Vector
    margin: Vector
    unit: float

    @classmethod
    def of(cls, rows: Sequence[Featured], tiers: Tiers, names: Sequence[str], config: FitConfig) -> _Pairs:
        import numpy as np

        pairs = ordered(rows, tiers)
        values = np.array([[row.features[name] for name in names] for row in rows]).reshape(-1, len(names))
        base = np.array([row.base for row in rows], dtype=float)
        better, worse = np.array(pairs, dtype=int).reshape(-1, 2).T
        gaps = base[better] - base[worse]
        unit = max(1.0, float(np.sqrt((gaps**2).mean()))) if len(pairs) else 1.0
        margins = [config.margins.get(rows[place].label, config.margin) for place, _ in pairs]
        return cls(
            names=names,
            prompts=len({rows[place].prompt_id for place, _ in pairs}),
            features=values[better] - values[worse],
            base=gaps,
            margin=unit * np.array(margins, dtype=float),
            unit=unit,
        )

    def gaps(self, weights: Vector) -> Vector:
        """Total reward of the better less the worse."""
        import numpy as np

        # einsum sums in one fixed order, where a matrix product may share it out among threads
        gaps: Vector = self.base + np.einsum("pk,k->p", self.features, weights)
        return gaps

    def descend(self, config: FitConfig) -> Vector:
        """`config.steps` full-batch steps of AdamW from zero."""
        import numpy as np

        weights, first, second = (np.zeros(len(self.names)) for _ in range(3))
        one, two = BETAS
        rate = config.learning_rate
        for step in range(1, config.steps + 1):
            short = (self.margin - self.gaps(self.unit * weights) > 0).astype(float)
            gradient = -np.einsum("p,pk->k", short, self.features) / len(short)
            weights = weights * (1 - rate * config.weight_decay)
            first = one * first + (1 - one) * gradient
            second = two * second + (1 - two) * gradient**2
            scale = np.sqrt(second / (1 - two**step)) + EPSILON
            weights = weights - rate * first / (1 - one**step) / scale
        return self.unit * weights

    def loss(self, weights: Mapping[str, float]) -> float:
        """Mean hinge loss."""
        import numpy as np

        return float(np.maximum(0, self.margin - self.gaps(self._vector(weights))).mean())

    def in_order(self, weights: Mapping[str, float]) -> InOrder:
        """The share of pairs in which the better has more: by base, by rules, by both. A tie is not in order."""
        total = self.gaps(self._vector(weights))
        rules, both = _share(total - self.base), _share(total)
        return InOrder(
            len(self.margin), self.prompts, _share(self.base) if self.base.any() else None, rules, both
        )

    def _vector(self, weights: Mapping[str, float]) -> Vector:
        import numpy as np

        return np.array([weights.get(name, 0.0) for name in self.names])


def _share(gaps: Any) -> float | None:
    return float((gaps > 0).mean()) if len(gaps) else None
