"""Pointwise judgments: do they agree with pairwise ones, and do they depend on the answer at all?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.intervals import Limits, beyond_chance, effective
from rlaif.auditing.resample import Tally, share
from rlaif.auditing.verdicts import Verdicts, gaps, pointwise_table, verdicts

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats, Ints

CLEAR = 0.2
"""Difference of two scores, from 0 to 1, from which a comparison of one principle is held against them."""
SHIFTS = (-3, -2, -1, 1, 2, 3)
PARTS = 5


def pointwise_figures(evidence: Evidence, whole: Verdicts) -> dict[str, Tally]:
    """Compare scores of single answers with verdicts between two, and answers of one prompt with each other.

    `looks_agree`: of pairs whose scores differ, the share whose pairwise verdict is for the higher score;
    `looks_agree:PRINCIPLE` is the same of one principle. `prompt_decides`: how alike all answers to one prompt are
    graded, beyond what their principle and the kind of prompt explain (an intraclass kappa; a judge that grades the
    prompt has 1).
    """
    clusters = len(evidence.prompts.ids)
    table = pointwise_table(evidence)
    found = {
        "looks_agree": _agree(whole, gaps(evidence, table, whole.one, whole.other), clusters, 0.0),
        "prompt_decides": _prompt_decides(evidence, table, clusters),
    }
    for place, name in enumerate(evidence.principles):
        said = verdicts(evidence, place)
        apart = table[said.one, place] - table[said.other, place]
        found[f"looks_agree:{name}"] = _agree(said, apart, clusters, CLEAR)
    return found


def _agree(said: Verdicts, gap: Floats, clusters: int, clear: float) -> Tally:
    import numpy as np

    both = said.both
    known = ~np.isnan(gap) & ~np.isnan(both) & (np.abs(gap) > clear) & (both != 0)
    return share(said.prompt[known], clusters, ((gap[known] > 0) == (both[known] > 0)).astype(float))


def _prompt_decides(evidence: Evidence, table: Floats, clusters: int) -> Tally:
    import numpy as np

    prompt = evidence.texts.prompt
    kinds = {tags: place for place, tags in enumerate(dict.fromkeys(evidence.prompts.tags))}
    kind = np.asarray([kinds[evidence.prompts.tags[each]] for each in prompt], dtype=int)
    agreed, expected, seen = (np.zeros(clusters) for _ in range(3))
    for place in range(table.shape[1]):
        known = ~np.isnan(table[:, place])
        yes = (table[known, place] > 0.5).astype(float)
        where = prompt[known]
        size, hits = np.bincount(where, minlength=clusters), np.bincount(where, yes, clusters)
        pairs = size * (size - 1) / 2
        alike = hits * (hits - 1) / 2 + (size - hits) * (size - hits - 1) / 2
        rate = np.bincount(kind[known], yes, len(kinds)) / np.maximum(
            1, np.bincount(kind[known], minlength=len(kinds))
        )
        by_kind = rate**2 + (1 - rate) ** 2
        # every prompt has one kind, that of any of its answers
        kind_of = np.zeros(clusters, dtype=int)
        kind_of[prompt] = kind
        agreed += alike
        expected += pairs * by_kind[kind_of]
        seen += pairs
    prompts = float(np.count_nonzero(seen))
    sums = np.stack([agreed, expected, seen], axis=1)
    return Tally(sums, _kappa, prompts, _kappa_limits, effective(seen) if prompts else None)


def _kappa(sums: Floats) -> Floats:
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        room = sums[..., 2] - sums[..., 1]
        return np.asarray(np.where(room > 1e-9, (sums[..., 0] - sums[..., 1]) / room, np.nan))


def _kappa_limits(sums: Floats) -> Limits:
    return beyond_chance(float(sums[..., 1] / sums[..., 2]))


class Shift(NamedTuple):
    """Rows from `start` (a share of the file) on seem to hold what belongs `rows` further up or down."""

    rows: int
    start: float
    tally: Tally
    """Of comparisons from there on, those that the shifted reading agrees with."""


def best_shift(evidence: Evidence, whole: Verdicts) -> Shift | None:
    """The shift of rows that comparisons support most clearly, or None where they support none.

    A dropped row moves all rows after it, so that every fifth of the file is looked at as a possible beginning.
    """
    import numpy as np

    clusters, size = len(evidence.prompts.ids), len(evidence.texts.ids)
    table = pointwise_table(evidence)
    now = _speaks(gaps(evidence, table, whole.one, whole.other), whole)
    best: tuple[float, Shift] | None = None
    for rows in SHIFTS:
        moved = _speaks(gaps(evidence, pointwise_table(evidence, rows), whole.one, whole.other), whole)
        for part in range(PARTS):
            kept = ~np.isnan(now) & ~np.isnan(moved) & (whole.one >= part * size // PARTS)
            count, hits = int(kept.sum()), float(moved[kept].sum())
            # scores upside down lend their neighbours a little agreement: a slip must beat that reading too
            own = float(now[kept].sum())
            if not count or hits <= max(own, count - own):
                continue
            surprise = (hits - count / 2) / np.sqrt(count / 4)
            if best is None or surprise > best[0]:
                tally = share(whole.prompt[kept], clusters, moved[kept])
                best = (float(surprise), Shift(rows, part / PARTS, tally))
    return None if best is None else best[1]


def _speaks(gap: Floats, whole: Verdicts) -> Floats:
    """Whether each pairwise verdict is for the answer with the higher score; NaN where one of them says nothing."""
    import numpy as np

    both = whole.both
    silent = np.isnan(gap) | np.isnan(both) | (gap == 0) | (both == 0)
    return np.where(silent, np.nan, (np.sign(gap) == np.sign(both)).astype(float))


def opposed(evidence: Evidence) -> Tally:
    """Of pairs with scores, those whose chosen side has the lower one."""
    import numpy as np

    labels = evidence.labels
    gap = labels.chosen_score - labels.rejected_score
    value = np.where(np.isnan(gap) | (gap == 0), np.nan, (gap < 0).astype(float))
    return share(prompts_of(evidence, labels.chosen), len(evidence.prompts.ids), value)


def prompts_of(evidence: Evidence, completions: Ints) -> Ints:
    """The prompts of completions."""
    return evidence.texts.prompt[completions] if len(completions) else completions
