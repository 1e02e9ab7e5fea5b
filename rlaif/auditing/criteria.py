"""The inverse constitution: which simple criteria explain the labels beside the principles in force.

Strengths of preference are regressed on what each answer looked like alone, principle by principle, and on criteria
that nobody wrote down. What a criterion still explains then is not asked for by any principle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.intervals import around
from rlaif.auditing.pointwise import CLEAR
from rlaif.auditing.resample import Estimate, Tally, share
from rlaif.auditing.surface import CRITERIA, asked_for
from rlaif.auditing.verdicts import Verdicts, gaps, logit, pointwise_table

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats, Ints

RIDGE = 1e-6
MIN_DIFFERENT = 30
"""Twos of answers that differ in a criterion before it is looked at."""
MAX_PHRASES = 400
MAX_PAIRS = 40_000
"""Twos of answers that are looked at, evenly over the file: more move no figure."""
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz'")
_BLANKED = bytes(each if each in _LETTERS else 32 for each in range(256))


class CriterionEffect(NamedTuple):
    """A criterion beside the principles: how much stronger a preference is, in its own standard deviations."""

    effect: Estimate
    """Per standard deviation of the criterion's difference."""
    agree: float
    """Share of labels that it alone would give right, of those that differ in it."""
    differ: int
    in_force: bool
    """Whether a principle's text speaks of it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preferences:
    """Pairs of answers, and how strongly the first one is preferred."""

    one: Ints
    other: Ints
    prompt: Ints
    odds: Floats


def preferences(evidence: Evidence, whole: Verdicts) -> Preferences:
    """Comparisons in both orders, or where there are none the labels of the pairs; of answers that there are."""
    import numpy as np

    both, answered = whole.both, evidence.texts.answered
    known = ~np.isnan(both) & answered[whole.one] & answered[whole.other]
    if known.any():
        kept = _evenly(np.flatnonzero(known))
        return Preferences(
            one=whole.one[kept], other=whole.other[kept], prompt=whole.prompt[kept], odds=both[kept]
        )
    labels = evidence.labels
    # which side stands first must not be the label, or every constant would explain it
    turned = labels.chosen > labels.rejected
    odds = np.where(turned, -1.0, 1.0) * logit(labels.probability)
    one = np.where(turned, labels.rejected, labels.chosen)
    other = np.where(turned, labels.chosen, labels.rejected)
    prompt = evidence.texts.prompt[one] if len(one) else one
    kept = _evenly(np.flatnonzero(answered[one] & answered[other]))
    return Preferences(one=one[kept], other=other[kept], prompt=prompt[kept], odds=odds[kept])


def _size(column: Floats) -> float:
    """Standard deviation about zero: which answer stands first is arbitrary, and may be the longer one in all."""
    import numpy as np

    return float(np.sqrt(np.mean(np.square(column)))) if len(column) else 0.0


def _evenly(places: Ints) -> Ints:
    import numpy as np

    if len(places) <= MAX_PAIRS:
        return places
    return np.asarray(places[np.linspace(0, len(places) - 1, MAX_PAIRS).astype(int)])


def label_shares(evidence: Evidence, surface: Mapping[str, Floats]) -> dict[str, Tally]:
    """Of pairs that differ in a criterion, those whose chosen side has more of it: what a trivial judge would score."""
    import numpy as np

    labels = evidence.labels
    prompt = evidence.texts.prompt[labels.chosen] if len(labels.chosen) else labels.chosen
    found = {}
    for name, values in surface.items():
        apart = values[labels.chosen] - values[labels.rejected]
        more = np.where(np.isnan(apart) | (apart == 0), np.nan, (apart > 0).astype(float))
        found[f"chosen_more:{name}"] = share(prompt, len(evidence.prompts.ids), more)
    return found


def explain(
    evidence: Evidence, said: Preferences, surface: Mapping[str, Floats]
) -> dict[str, CriterionEffect]:
    """Every criterion that enough pairs differ in, `own` (the judge's own policy) and recurring words among them."""
    import numpy as np

    controls = _controls(evidence, said)
    columns = _criteria(evidence, said, surface)
    usable = {name: each for name, each in columns.items() if np.count_nonzero(each) >= MIN_DIFFERENT}
    if len(said.odds) < 2 * MIN_DIFFERENT or not _size(said.odds) > 0:
        return {}
    found = {
        name: _explained(evidence, said, effect, usable[name], name)
        for name, effect in _regressed(said, controls, usable).items()
    }
    phrases = _phrases(evidence, said)
    held = np.concatenate([controls, *(each[:, None] for each in usable.values())], axis=1)
    for name, effect in _one_by_one(said, held, phrases).items():
        found[f"word {name!r}"] = _explained(evidence, said, effect, phrases[name], name)
    return found


def explain_principles(evidence: Evidence, said: Preferences) -> dict[str, CriterionEffect]:
    """The principles and propositions with pointwise judgments, each controlling for all others.

    Those behind the constitution's own are propositions that some judge was asked and no principle names.
    """
    import numpy as np

    table = pointwise_table(evidence)
    if len(said.odds) < 2 * MIN_DIFFERENT or not _size(said.odds) > 0 or np.isnan(table).all():
        return {}
    apart = np.nan_to_num(table[said.one] - table[said.other])
    columns = {
        name: apart[:, place]
        for place, name in enumerate(evidence.principles)
        if np.count_nonzero(np.abs(apart[:, place]) > CLEAR) >= MIN_DIFFERENT
    }
    in_force = set(evidence.principles[: len(evidence.principle_texts)])
    effects = _regressed(said, np.zeros((len(said.odds), 0)), columns)
    return {
        name: _explained(
            evidence, said, effect, np.where(np.abs(columns[name]) > CLEAR, columns[name], 0.0), name
        )._replace(in_force=name in in_force)
        for name, effect in effects.items()
    }


def _controls(evidence: Evidence, said: Preferences) -> Floats:
    """(n, principles) difference of the pointwise scores; unknown counts as 0."""
    import numpy as np

    table = pointwise_table(evidence)
    if np.isnan(table).all():
        return np.zeros((len(said.odds), 0))
    apart = np.nan_to_num(table[said.one] - table[said.other])
    whole = np.nan_to_num(gaps(evidence, table, said.one, said.other))
    return np.concatenate([apart, whole[:, None]], axis=1)


def _criteria(evidence: Evidence, said: Preferences, surface: Mapping[str, Floats]) -> dict[str, Floats]:
    import numpy as np

    found = {}
    for name, values in surface.items():
        apart = values[said.one] - values[said.other]
        spread = _size(apart)
        # ten words more of two hundred are nothing, and two thousand more are not ten times as much as two hundred
        found[name] = np.tanh(apart / spread) if spread > 0 else apart
    own = evidence.own.astype(float)[evidence.texts.policy]
    found["own"] = own[said.one] - own[said.other]
    return found


def _regressed(said: Preferences, controls: Floats, columns: Mapping[str, Floats]) -> dict[str, Estimate]:
    """Least squares without an intercept (one and other may be exchanged), errors clustered by prompt."""
    import numpy as np

    if not columns:
        return {}
    table = np.concatenate([controls, *(each[:, None] for each in columns.values())], axis=1)
    solved, errors = _least_squares(table, said.odds, said.prompt)
    unit = _size(said.odds)
    first = controls.shape[1]
    found = {}
    for place, (name, column) in enumerate(columns.items(), first):
        scale = _size(column) / unit
        found[name] = _estimate(solved[place] * scale, errors[place] * scale, _prompts(said, column))
    return found


def _one_by_one(said: Preferences, held: Floats, columns: Mapping[str, Floats]) -> dict[str, Estimate]:
    """Each of many columns beside `held`, by the part of it that `held` does not explain (Frisch-Waugh-Lovell)."""
    import numpy as np

    if not columns:
        return {}
    table = np.stack(list(columns.values()), axis=1)
    rest, left = table, said.odds
    if held.shape[1]:
        basis = np.linalg.qr(held + 0.0)[0]
        rest = table - basis @ (basis.T @ table)
        left = said.odds - basis @ (basis.T @ said.odds)
    unit = _size(said.odds)
    found = {}
    for place, (name, column) in enumerate(columns.items()):
        own = rest[:, place]
        power = float(own @ own)
        if power < 1e-9 * max(1.0, float(column @ column)):
            continue
        slope = float(own @ left) / power
        scores = np.bincount(said.prompt, own * (left - slope * own))
        error = float(np.sqrt(scores @ scores)) / power * _few(said.prompt)
        scale = _size(column) / unit
        found[name] = _estimate(slope * scale, error * scale, _prompts(said, column))
    return found


def _least_squares(table: Floats, odds: Floats, cluster: Ints) -> tuple[Floats, Floats]:
    """Coefficients and their cluster-robust errors (a sandwich of scores summed by prompt)."""
    import numpy as np

    scale = np.maximum((table**2).sum(axis=0), 1.0)
    inverse = np.linalg.pinv(table.T @ table + RIDGE * np.diag(scale))
    solved = inverse @ (table.T @ odds)
    scores = table * (odds - table @ solved)[:, None]
    summed = np.stack([np.bincount(cluster, column) for column in scores.T], axis=1)
    cover = inverse @ (summed.T @ summed) @ inverse
    return solved, np.sqrt(np.maximum(np.diag(cover), 0.0)) * _few(cluster)


def _few(cluster: Ints) -> float:
    """Residuals are smaller than errors: G / (G - 1) for G clusters (Cameron and Miller, 2015)."""
    import numpy as np

    count = len(np.unique(cluster))
    return float(np.sqrt(count / max(1, count - 1)))


def _phrases(evidence: Evidence, said: Preferences) -> dict[str, Floats]:
    """Words that some answers have and others have not: one column a word, of the most frequent ones."""
    import numpy as np

    places = np.unique(np.concatenate([said.one, said.other])).tolist()
    held = [_words(evidence.texts.texts[place]) for place in places]
    counts: Counter[str] = Counter()
    for each in held:
        counts.update(each)
    asked = {word for text in evidence.principle_texts for word in _words(text)}
    named = [
        word
        for word, count in counts.most_common()
        if 0.05 * len(held) <= count <= 0.95 * len(held) and word not in asked and len(word) > 1
    ]
    having: dict[str, list[int]] = {word: [] for word in named[:MAX_PHRASES]}
    for place, each in zip(places, held, strict=True):
        for word in each & having.keys():
            having[word].append(place)
    found = {}
    for word, where in having.items():
        has = np.zeros(len(evidence.texts.texts))
        has[where] = 1.0
        apart = has[said.one] - has[said.other]
        if np.count_nonzero(apart) >= MIN_DIFFERENT:
            found[word] = apart
    return found


def _words(text: str) -> frozenset[str]:
    # bytes, for an expression over all texts would cost more than the rest of the audit
    return frozenset(text.lower().encode("ascii", "replace").translate(_BLANKED).decode().split())


def _explained(
    evidence: Evidence, said: Preferences, effect: Estimate, column: Floats, name: str
) -> CriterionEffect:
    import numpy as np

    differ = (column != 0) & (said.odds != 0)
    right = np.sign(column[differ]) == np.sign(said.odds[differ])
    criterion = CRITERIA.get(name)
    return CriterionEffect(
        effect=effect,
        agree=float(right.mean()) if len(right) else float("nan"),
        differ=int(differ.sum()),
        in_force=criterion is not None and asked_for(criterion, evidence.principle_texts),
    )


def _estimate(value: float, error: float, count: int) -> Estimate:
    return Estimate(*around(value, error, float(count), None), error, float(count))


def _prompts(said: Preferences, column: Floats) -> int:
    import numpy as np

    return len(np.unique(said.prompt[column != 0]))
