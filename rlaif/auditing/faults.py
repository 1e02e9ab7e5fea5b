"""Which faults a run has: many figures, one error rate.

A figure speaks of a fault when it lies beyond a limit, and it fires when that could not be chance: one-sided, against
the limit and not against perfection, with Holm's correction over all figures of an audit. So the chance of any false
alarm in an audit is below .05.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rlaif.auditing.fault_table import FAULTS, FaultKind
from rlaif.auditing.resample import Estimate

ALPHA = 0.05
SUSPECT = 0.2
"""Chance of a figure, taken alone, below which it is a doubt."""
MIN_PROMPTS = 20
"""Prompts behind a figure before it says anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedFault:
    """A fault that was found."""

    fault: str
    figure: str
    estimate: Estimate
    p: float
    """Chance of such a figure at the limit, corrected for all figures looked at."""
    says: str
    remedy: str


def named(estimates: Mapping[str, Estimate], fault: FaultKind) -> list[tuple[str, Estimate]]:
    """The figures that speak of a fault, of enough prompts."""
    whole = fault.figure.endswith((":", ":word"))
    return [
        (name, each)
        for name, each in estimates.items()
        if each.prompts >= MIN_PROMPTS and (name.startswith(fault.figure) if whole else name == fault.figure)
    ]


def surprise(fault: FaultKind, each: Estimate) -> float:
    """Chance of a figure this far out if the truth lay at the limit."""
    if fault.side == "off":
        return _tail((abs(each.value - fault.fair) - fault.limit), each.error)
    sign = 1.0 if fault.side == "above" else -1.0
    if not fault.share:
        return _tail(sign * (each.value - fault.limit), each.error)
    # of the special functions alone: all of scipy.stats takes seconds to import
    from scipy.special import bdtr, bdtrc

    # a figure whose prompts count several times is worth as many trials as give its own error: fewer than its rows,
    # and more than its prompts where the rows of one prompt are not all alike
    spread = each.value * (1 - each.value)
    trials = round(spread / each.error**2 if spread > 0 and each.error > 0 else each.prompts)
    hits = round(each.value * trials)
    if fault.side == "above":
        return float(bdtrc(hits - 1, trials, fault.limit)) if hits else 1.0
    return float(bdtr(hits, trials, fault.limit))


def _tail(beyond: float, error: float) -> float:
    if error == 0:
        return float(beyond <= 0)
    return 0.5 * math.erfc(beyond / error / math.sqrt(2))


def find(
    estimates: Mapping[str, Estimate],
    notes: Mapping[str, str] | None = None,
    tries: Mapping[str, int] | None = None,
) -> list[DetectedFault]:
    """The faults whose figures lie beyond their limits, surest first.

    `notes` says more about a figure in its remedy; `tries` says of how many a figure is the most striking one.
    """
    tested = [
        (fault, name, each, min(1.0, surprise(fault, each) * (tries or {}).get(name, 1)))
        for fault in FAULTS
        for name, each in named(estimates, fault)
    ]
    tested.sort(key=lambda row: row[3])
    found: list[DetectedFault] = []
    worst = 0.0
    for place, (fault, name, each, p) in enumerate(tested):
        worst = max(worst, min(1.0, p * (len(tested) - place)))
        if worst >= ALPHA:
            break
        it = (notes or {}).get(name) or name.removeprefix(fault.figure).strip(": ") or name.partition(":")[2]
        says, remedy = fault.sentences(it, each.value)
        found.append(
            DetectedFault(
                fault=fault.name,
                figure=name,
                estimate=each,
                p=worst,
                says=says,
                remedy=remedy,
            )
        )
    return _without_echoes(found)


def suspects(estimates: Mapping[str, Estimate]) -> list[DetectedFault]:
    """Figures beyond their limits that chance alone may explain, the most striking first: doubts, and no findings.

    Of any number of prompts: a figure of few says nothing for sure, but it does not say that all is well. A kind of
    fault is named once, by its most striking figure. `p` is that of the figure alone, not corrected for the others.
    """
    beyond: dict[str, DetectedFault] = {}
    for fault in FAULTS:
        if fault.figure.endswith((":", ":word")):
            continue  # of a family of figures some are always out: only the corrected test says something
        each = estimates.get(fault.figure)
        if each is None or not each.prompts or not _is_beyond(fault, each):
            continue
        says, remedy = fault.sentences("", each.value)
        it = DetectedFault(
            fault=fault.name,
            figure=fault.figure,
            estimate=each,
            p=surprise(fault, each),
            says=says,
            remedy=remedy,
        )
        if it.p < SUSPECT and (fault.name not in beyond or it.p < beyond[fault.name].p):
            beyond[fault.name] = it
    return _without_echoes(sorted(beyond.values(), key=lambda each: each.p))


def _is_beyond(fault: FaultKind, each: Estimate) -> bool:
    if not fault.share and fault.side != "off" and each.low <= fault.limit <= each.high:
        return False  # no share has a bound that keeps it sane on few prompts
    if fault.side == "off":
        return abs(each.value - fault.fair) > fault.limit
    return each.value > fault.limit if fault.side == "above" else each.value < fault.limit


def _without_echoes(found: Iterable[DetectedFault]) -> list[DetectedFault]:
    """A judge whose every score is upside down applies no single principle either: the whole is said once."""
    listed = list(found)
    names = {each.fault for each in listed}
    echo: set[str] = set()
    if "inverted-scores" in names or "shifted-rows" in names:
        echo.add("ignored-principle")
    if "shifted-rows" in names:
        echo.add("inverted-scores")
    if "inconsistent" in names:
        echo.add("unsteady-principle")
    return [each for each in listed if each.fault not in echo]
