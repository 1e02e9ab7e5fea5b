"""Principle by principle: how often it is met, wins, decides and conflicts. Redundancy is shown and never decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.verdicts import looks_table, verdicts

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Evidence, Floats

LEANS = 1.0
"""Log-odds (p = .73) from which on a principle takes a side."""
MIN_TOGETHER = 20


class PrincipleRow(NamedTuple):
    """Figures of one principle; None where there is nothing to count."""

    principle: str
    met: float | None
    """Share of completions that meet it, by the judge alone."""
    wins: float | None
    """Share of pairs whose chosen side it prefers, of those in which it takes a side."""
    sides: int
    """Pairs in which it takes a side."""
    read: float | None
    """Share of its judgments that could be read."""


class Together(NamedTuple):
    """Two principles on the same pairs."""

    one: str
    other: str
    agree: float
    """Share of pairs on which they take the same side, of those in which both take one."""
    pairs: int


def principle_rows(evidence: Evidence) -> list[PrincipleRow]:
    """A row for each principle."""
    import numpy as np

    table = looks_table(evidence)
    sides = _sides(evidence)
    looks, said = evidence.looks, evidence.comparisons
    rows = []
    for place, name in enumerate(evidence.principles):
        seen = table[:, place][~np.isnan(table[:, place])]
        own = sides[:, place][np.abs(sides[:, place]) >= LEANS]
        values = np.concatenate([looks.value[looks.principle == place], said.value[said.principle == place]])
        rows.append(
            PrincipleRow(
                principle=name,
                met=float((seen > 0.5).mean()) if len(seen) else None,
                wins=float((own > 0).mean()) if len(own) else None,
                sides=len(own),
                read=float((~np.isnan(values)).mean()) if len(values) else None,
            )
        )
    return rows


def together(evidence: Evidence) -> list[Together]:
    """Every two principles that take sides in enough of the same pairs, most alike first."""
    import numpy as np

    sides = _sides(evidence)
    takes = np.abs(sides) >= LEANS
    found = []
    for one in range(sides.shape[1]):
        for other in range(one + 1, sides.shape[1]):
            both = takes[:, one] & takes[:, other]
            if both.sum() >= MIN_TOGETHER:
                agree = float((np.sign(sides[both, one]) == np.sign(sides[both, other])).mean())
                found.append(
                    Together(evidence.principles[one], evidence.principles[other], agree, int(both.sum()))
                )
    return sorted(found, key=lambda each: -each.agree)


def _sides(evidence: Evidence) -> Floats:
    """(pairs, principles) log-odds for the chosen side; 0 where a principle said nothing in both orders."""
    import numpy as np

    labels, size = evidence.labels, max(1, len(evidence.texts.ids))
    table = np.zeros((len(labels.chosen), len(evidence.principles)))
    if not len(labels.chosen):
        return table
    low, high = np.minimum(labels.chosen, labels.rejected), np.maximum(labels.chosen, labels.rejected)
    keys = low * size + high
    sign = np.where(labels.chosen < labels.rejected, 1.0, -1.0)
    for place in range(len(evidence.principles)):
        said = verdicts(evidence, place)
        if len(said.one):
            known = said.one * size + said.other
            at = np.clip(np.searchsorted(known, keys), 0, len(known) - 1)
            table[:, place] = np.where(known[at] == keys, sign * said.both[at], 0.0)
    return np.nan_to_num(table)
