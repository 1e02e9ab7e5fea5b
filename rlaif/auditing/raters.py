"""How far people agree with labels and with each other, as figures of sums over prompts, so that all have intervals.

Sides are named by the order of ids, for a rater who always says `chosen` would else be beyond all chance.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rlaif.auditing.intervals import Limits, beyond_chance, effective
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
        f"kappa:{name or 'people'}": _tally(evidence, rows, cohen_of, cohen_limits)._replace(
            least_error=cohen_error
        )
        for name, rows in _with_labels(evidence, said).items()
    }
    shared = [
        (pair, sum(votes.values()), len(votes)) for pair, votes in sorted(said.items()) if len(votes) > 1
    ]
    alike = {
        pair: [_alike(ones, all_), 1.0, ones, all_, _alike(all_ // 2, all_)] for pair, ones, all_ in shared
    }
    apart = {pair: [_apart(ones, all_), ones, all_, _apart(all_ // 2, all_)] for pair, ones, all_ in shared}
    if shared:
        found["fleiss"] = _tally(evidence, alike, fleiss_of, fleiss_limits)
        found["krippendorff"] = _tally(evidence, apart, krippendorff_of, krippendorff_limits)
    return found


def _alike(ones: int, votes: int) -> float:
    """Share of the pairs of an item's votes that agree; least where half of them are ones."""
    return (ones * (ones - 1) + (votes - ones) * (votes - ones - 1)) / (votes * (votes - 1))


def _apart(ones: int, votes: int) -> float:
    return 2 * ones * (votes - ones) / (votes - 1)


def cohen_of(sums: Floats) -> Floats:
    """(..., 4) counts of both say first, only the one, only the other, neither, to kappa."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        agreed = (sums[..., 0] + sums[..., 3]) / sums.sum(axis=-1)
        chance = _cohen_chance(sums)
        return np.asarray(np.where(chance < 1 - 1e-12, (agreed - chance) / (1 - chance), np.nan))


def cohen_limits(sums: Floats) -> Limits:
    """What kappa could have been, from no agreement to all of it, the shares of both as they are."""
    return beyond_chance(float(_cohen_chance(sums)))


def cohen_error(sums: Floats) -> float:
    """The standard error of kappa by Fleiss, Cohen and Everitt (1969), half a thing more in each cell.

    Of few things some cells are empty, and draws of them say that they always are.
    """
    import numpy as np

    count = float(sums.sum()) + 2
    cells = (np.asarray(sums).reshape(2, 2) + 0.5) / count
    rows, columns = cells.sum(axis=1), cells.sum(axis=0)
    agreed, chance = float(np.trace(cells)), float(rows @ columns)
    own = float(np.diag(cells) @ (rows + columns))
    crossed = float((cells * (columns[:, None] + rows[None, :]) ** 2).sum())
    apart, room = 1 - agreed, 1 - chance
    variance = agreed * apart / room**2 + 2 * apart * (2 * agreed * chance - own) / room**3
    variance += apart**2 * (crossed - 4 * chance**2) / room**4
    return float(np.sqrt(max(0.0, variance) / count))


def _cohen_chance(sums: Floats) -> Floats:
    both, one, other, none = (sums[..., place] for place in range(4))
    marginals = (both + one) * (both + other) + (none + one) * (none + other)
    return marginals / (both + one + other + none) ** 2


def fleiss_of(sums: Floats) -> Floats:
    """(..., 5): agreement summed over items, items, votes for the first, votes, the least agreement."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        agreed, chance = sums[..., 0] / sums[..., 1], _fleiss_chance(sums)
        return np.asarray(np.where(chance < 1 - 1e-12, (agreed - chance) / (1 - chance), np.nan))


def fleiss_limits(sums: Floats) -> Limits:
    """As `cohen_limits`; three votes for one of two sides agree in a third at least."""
    chance, least = float(_fleiss_chance(sums)), float(sums[..., 4] / sums[..., 1])
    return (least - chance) / (1 - chance), 1.0


def _fleiss_chance(sums: Floats) -> Floats:
    first = sums[..., 2] / sums[..., 3]
    return first**2 + (1 - first) ** 2


def krippendorff_of(sums: Floats) -> Floats:
    """(..., 4): disagreement summed over items, votes for the first, votes, the most disagreement; two values."""
    import numpy as np

    apart, ones, count, _ = (sums[..., place] for place in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = 2 * ones * (count - ones) / (count - 1)
        return np.asarray(np.where(expected > 1e-12, 1 - apart / expected, np.nan))


def krippendorff_limits(sums: Floats) -> Limits:
    """What alpha could have been, from votes as far apart as they can be to none apart."""
    ones, count, most = (float(sums[..., place]) for place in (1, 2, 3))
    return 1 - most * (count - 1) / (2 * ones * (count - ones)), 1.0


def _with_labels(evidence: Evidence, said: SAID) -> dict[str, dict[int, list[float]]]:
    """By person and pair: one count, in the cell of what the person and the label say."""
    found: dict[str, dict[int, list[float]]] = {}
    for pair, votes in said.items():
        label = first_chosen(evidence, pair)
        for name, vote in votes.items():
            cells = [vote and label, vote and not label, label and not vote, not vote and not label]
            found.setdefault(name, {})[pair] = [float(each) for each in cells]
    return found


def _tally(evidence: Evidence, rows: dict[int, list[float]], figure: Any, limits: Any) -> Tally:
    import numpy as np

    clusters = len(evidence.prompts.ids)
    pairs = np.asarray(list(rows), dtype=int)
    prompt = evidence.texts.prompt[evidence.labels.chosen[pairs]]
    table = np.asarray(list(rows.values()), dtype=float)
    sums = np.stack([np.bincount(prompt, column, clusters) for column in table.T], axis=1).astype(float)
    sizes = np.bincount(prompt, minlength=clusters)
    return Tally(sums, figure, float(len(np.unique(prompt))), limits, effective(sizes.astype(float)))
