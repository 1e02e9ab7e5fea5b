"""Position bias and order consistency: both orders of every comparison, side by side (the swap test)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlaif.auditing.resample import Tally, share
from rlaif.auditing.verdicts import Verdicts, verdicts

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Bools, Evidence, Floats, Ints


FIRM = 1.0
"""Log-odds (p = .73) that one order must reach before the other is held against it, principle by principle."""


def order_figures(evidence: Evidence, whole: Verdicts) -> dict[str, Tally]:
    """Measure position bias, order consistency and transitivity.

    `first_slot`: share of verdicts, over both orders, for the answer shown first (0.5 is unbiased).
    `order_disagreement`: of comparisons with both orders, the share whose orders prefer different answers;
    `order_disagreement:PRINCIPLE` is the same of one principle. `cyclic`: of three answers that were all compared, the
    share whose preferences are circular (a quarter for random verdicts).
    """
    import numpy as np

    clusters = len(evidence.prompts.ids)
    both = ~(_none(whole.forward) | _none(whole.swapped))
    prompt, forward, swapped = whole.prompt[both], whole.forward[both], whole.swapped[both]
    found = {
        "first_slot": _first_slot(prompt, clusters, forward, swapped),
        "order_disagreement": share(prompt, clusters, _of(forward, swapped, (forward > 0) != (swapped > 0))),
        "cyclic": _cyclic(whole, clusters),
    }
    for place, name in enumerate(evidence.principles):
        said = verdicts(evidence, place)
        # of two answers that are alike in a principle a judge may say anything, faintly
        firm = np.maximum(np.abs(said.forward), np.abs(said.swapped)) > FIRM
        disagree = _of(said.forward, said.swapped, (said.forward > 0) != (said.swapped > 0))
        disagree = np.where(firm, disagree, np.nan)
        found[f"order_disagreement:{name}"] = share(said.prompt, clusters, disagree)
    return found


def _none(values: Floats) -> Bools:
    import numpy as np

    return np.asarray(np.isnan(values))


def _of(one: Floats, other: Floats, what: Bools) -> Floats:
    """`what` as numbers; NaN where one of the two is no verdict."""
    import numpy as np

    silent = np.isnan(one) | np.isnan(other) | (one == 0) | (other == 0)
    return np.where(silent, np.nan, what.astype(float))


def _first_slot(prompt: Ints, clusters: int, forward: Floats, swapped: Floats) -> Tally:
    import numpy as np

    # log-odds speak of `one`, which the swapped order shows second
    won = np.concatenate([_of(forward, forward, forward > 0), _of(swapped, swapped, swapped < 0)])
    return share(np.concatenate([prompt, prompt]), clusters, won)


def _cyclic(whole: Verdicts, clusters: int) -> Tally:
    import numpy as np

    beats: dict[int, dict[tuple[int, int], bool]] = {}
    known = np.flatnonzero(~np.isnan(whole.both) & (whole.both != 0))
    for row in known:
        held = beats.setdefault(int(whole.prompt[row]), {})
        held[int(whole.one[row]), int(whole.other[row])] = bool(whole.both[row] > 0)
    where, cyclic = [], []
    for prompt, held in beats.items():
        if len(held) < 3:
            continue
        for a, b, c in _threes(held):
            # a beats b, b beats c and c beats a, or all the other way round
            cyclic.append(float(held[a, b] == held[b, c] != held[a, c]))
            where.append(prompt)
    return share(np.asarray(where, dtype=int), clusters, np.asarray(cyclic))


def _threes(held: dict[tuple[int, int], bool]) -> list[tuple[int, int, int]]:
    after: dict[int, list[int]] = {}
    for one, other in held:
        after.setdefault(one, []).append(other)
    return [
        (one, two, three)
        for one, others in after.items()
        for two in others
        for three in after.get(two, ())
        if (one, three) in held
    ]
