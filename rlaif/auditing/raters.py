"""How far people agree with labels and with each other, as figures of sums over prompts, so that all have intervals.

Sides are named by the order of ids, for a rater who always says `chosen` would else be beyond all chance.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rlaif.auditing.resample import Tally

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats

SAID = dict[int, dict[str, bool]]
"""By pair and person: whether the side whose id comes first is better."""


def first_chosen(evidence: Evidence, pair: int) -> bool:
    """Whether the chosen side's id comes first."""
    ids, labels = evidence.texts.ids, evidence.labels
    return bool(ids[labels.chosen[pair]] < ids[labels.rejected[pair]])


def said_by_people(evidence: Evidence) -> SAID:
    """The newest vote of each person on each pair."""
    found: SAID = defaultdict(dict)
    for each in evidence.votes:
        found[each.pair][each.by] = each.agrees == first_chosen(evidence, each.pair)
    return found


def rater_figures(evidence: Evidence) -> dict[str, Tally]:
    """`kappa:NAME` (Cohen's, of a person with the labels), `fleiss` and `krippendorff` (of all people)."""
    said = said_by_people(evidence)
    if not said:
        return {}
    found = {
        f"kappa:{name or 'people'}": _tally(evidence, rows, cohen_of)
        for name, rows in _with_labels(evidence, said).items()
    }
    shared = [
        (pair, sum(votes.values()), len(votes)) for pair, votes in sorted(said.items()) if len(votes) > 1
    ]
    alike = {
        pair: [(ones * (ones - 1) + (all_ - ones) * (all_ - ones - 1)) / (all_ * (all_ - 1)), 1.0, ones, all_]
        for pair, ones, all_ in shared
    }
    apart = {pair: [2 * ones * (all_ - ones) / (all_ - 1), ones, all_] for pair, ones, all_ in shared}
    if shared:
        found["fleiss"] = _tally(evidence, alike, fleiss_of)
        found["krippendorff"] = _tally(evidence, apart, krippendorff_of)
    return found


def cohen_of(sums: Floats) -> Floats:
    """(..., 4) counts of both say first, only the one, only the other, neither, to kappa."""
    import numpy as np

    both, one, other, none = (sums[..., place] for place in range(4))
    count = both + one + other + none
    with np.errstate(divide="ignore", invalid="ignore"):
        agreed = (both + none) / count
        chance = ((both + one) * (both + other) + (none + one) * (none + other)) / count**2
        return np.asarray(np.where(chance < 1 - 1e-12, (agreed - chance) / (1 - chance), np.nan))


def fleiss_of(sums: Floats) -> Floats:
    """(..., 4): agreement summed over items, items, votes for the first, votes."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        agreed, first = sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3]
        chance = first**2 + (1 - first) ** 2
        return np.asarray(np.where(chance < 1 - 1e-12, (agreed - chance) / (1 - chance), np.nan))


def krippendorff_of(sums: Floats) -> Floats:
    """(..., 3): disagreement summed over items, votes for the first, votes; nominal, two values."""
    import numpy as np

    apart, ones, count = (sums[..., place] for place in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = 2 * ones * (count - ones) / (count - 1)
        return np.asarray(np.where(expected > 1e-12, 1 - apart / expected, np.nan))


def _with_labels(evidence: Evidence, said: SAID) -> dict[str, dict[int, list[float]]]:
    """By person and pair: one count, in the cell of what the person and the label say."""
    found: dict[str, dict[int, list[float]]] = {}
    for pair, votes in said.items():
        label = first_chosen(evidence, pair)
        for name, vote in votes.items():
            cells = [vote and label, vote and not label, label and not vote, not vote and not label]
            found.setdefault(name, {})[pair] = [float(each) for each in cells]
    return found


def _tally(evidence: Evidence, rows: dict[int, list[float]], figure: Any) -> Tally:
    import numpy as np

    clusters = len(evidence.prompts.ids)
    pairs = np.asarray(list(rows), dtype=int)
    prompt = evidence.texts.prompt[evidence.labels.chosen[pairs]]
    table = np.asarray(list(rows.values()), dtype=float)
    sums = np.stack([np.bincount(prompt, column, clusters) for column in table.T], axis=1).astype(float)
    return Tally(sums, figure, float(len(np.unique(prompt))))
