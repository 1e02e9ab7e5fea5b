"""Principle by principle: how often it is met, wins, decides and conflicts. Redundancy is shown and never decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rlaif.auditing.resample import Estimate, Tally, share
from rlaif.auditing.verdicts import pointwise_table, verdicts

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Bools, Evidence, Floats

LEANS = 1.0
"""Log-odds (p = .73) from which on a principle takes a side."""
MIN_TOGETHER = 20
AND = " & "


class PrincipleRow(NamedTuple):
    """Figures of one principle; None where there is nothing to count."""

    principle: str
    met: Estimate | None
    """Share of completions that meet it, by the judge alone."""
    wins: Estimate | None
    """Share of pairs whose chosen side it prefers, of those in which it takes a side."""
    sides: int
    """Pairs in which it takes a side."""
    read: Estimate | None
    """Share of its judgments that could be read."""
    looks_agree: Estimate | None
    """Of answers that differ in it alone, comparisons that name the better."""
    order_disagreement: Estimate | None


class PrincipleAgreement(NamedTuple):
    """Two principles on the same pairs."""

    one: str
    other: str
    agree: Estimate
    """Share of pairs on which they take the same side, of those in which both take one."""
    pairs: int


def principle_figures(evidence: Evidence) -> dict[str, Tally]:
    """`met:ID`, `wins:ID`, `read:ID`, and `together:ONE & OTHER` of principles that take sides in enough pairs."""
    import numpy as np

    clusters, texts = len(evidence.prompts.ids), evidence.texts
    table, sides = pointwise_table(evidence), _sides(evidence)
    pointwise, said = evidence.pointwise, evidence.pairwise
    chosen = evidence.labels.chosen
    prompt = texts.prompt[chosen] if len(chosen) else chosen
    found = {}
    for place, name in enumerate(evidence.principles):
        seen, own = table[:, place], sides[:, place]
        found[f"met:{name}"] = share(texts.prompt, clusters, _where(~np.isnan(seen), seen > 0.5))
        found[f"wins:{name}"] = share(prompt, clusters, _where(np.abs(own) >= LEANS, own > 0))
        mine, theirs = pointwise.principle == place, said.principle == place
        asked = np.concatenate([pointwise.completion[mine], said.first[theirs]])
        values = np.concatenate([pointwise.value[mine], said.value[theirs]])
        where = texts.prompt[asked] if len(asked) else asked
        found[f"read:{name}"] = share(where, clusters, (~np.isnan(values)).astype(float))
    takes = np.abs(sides) >= LEANS
    for one in range(sides.shape[1]):
        for other in range(one + 1, sides.shape[1]):
            both = takes[:, one] & takes[:, other]
            if both.sum() >= MIN_TOGETHER:
                same = np.sign(sides[:, one]) == np.sign(sides[:, other])
                name = AND.join((evidence.principles[one], evidence.principles[other]))
                found[f"together:{name}"] = share(prompt, clusters, _where(both, same))
    return found


def principle_rows(evidence: Evidence, figures: Mapping[str, Estimate]) -> list[PrincipleRow]:
    """A row for each principle, from the figures of the audit."""
    import numpy as np

    takes = (np.abs(_sides(evidence)) >= LEANS).sum(axis=0)
    return [
        PrincipleRow(
            principle=name,
            met=figures.get(f"met:{name}"),
            wins=figures.get(f"wins:{name}"),
            sides=int(takes[place]),
            read=figures.get(f"read:{name}"),
            looks_agree=figures.get(f"looks_agree:{name}"),
            order_disagreement=figures.get(f"order_disagreement:{name}"),
        )
        for place, name in enumerate(evidence.principles)
    ]


def together(evidence: Evidence, figures: Mapping[str, Estimate]) -> list[PrincipleAgreement]:
    """Every two principles that take sides in enough of the same pairs, most alike first."""
    import numpy as np

    takes = np.abs(_sides(evidence)) >= LEANS
    places = {name: place for place, name in enumerate(evidence.principles)}
    found = []
    for name, agree in figures.items():
        if name.startswith("together:"):
            one, other = name.removeprefix("together:").split(AND)
            pairs = int((takes[:, places[one]] & takes[:, places[other]]).sum())
            found.append(PrincipleAgreement(one, other, agree, pairs))
    return sorted(found, key=lambda each: -each.agree.value)


def _where(known: Bools, what: Bools) -> Floats:
    import numpy as np

    return np.where(known, what.astype(float), np.nan)


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
