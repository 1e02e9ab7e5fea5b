"""The tables of the lab, as Markdown and for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.review.lab_report import Grid

HEAD = ["cell", "accuracy", "gold first", "best", "last", "sqrt(KL)", "alpha", "beta", "peak at", "R2"]


def fits(result: Mapping[str, Any]) -> list[list[str]]:
    """A row for each cell, its seeds together."""
    return [_row(each) for each in result["groups"]]


_EXACT = 1e-9
"""Where nothing ties, formula and draws agree but for rounding."""
KL_HEAD = ["proxy", "n", "formula", "by the draws", "95 %", "within"]


def best_of_n_kl(result: Mapping[str, Any]) -> list[list[str]]:
    """The formula beside the draws' own KL: the mean over reward models, and in how many it lies in the interval."""
    by: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for each in result["best_of_n_kl"]:
        by.setdefault((each["by"], each["n"]), []).append(each)
    rows = []
    for (name, n), own in sorted(by.items()):
        value, low, high = (sum(each["measured"][place] for each in own) / len(own) for place in range(3))
        held = sum(
            each["measured"][1] - _EXACT <= each["formula"] <= each["measured"][2] + _EXACT for each in own
        )
        label = "reward model" if name == "proxy" else "gold, with ties"
        rows.append(
            [
                label,
                str(n),
                f"{own[0]['formula']:.3f}",
                f"{value:.3f}",
                f"{low:.3f} to {high:.3f}",
                f"{held} of {len(own)}",
            ]
        )
    return rows


SHOWN = 7
"""Cells that an ending shows."""


def ending(result: Mapping[str, Any]) -> list[str]:
    """In short: how many cells over-optimise, and a line for each of the first few."""
    groups = result["groups"]
    falls = sum(each["gold_last"] < each["gold_best"] for each in groups)
    fitted = [each for each in groups if each["fit"] is not None and each["fit"]["peak_distance"] is not None]
    lines = [
        f"{len(groups)} cells: gold fell from its best in {falls}; the fitted curve has a peak in {len(fitted)}"
    ]
    for each in groups[:SHOWN]:
        told = f"{each['gold_first']:.3f} -> {each['gold_best']:.3f} -> {each['gold_last']:.3f}"
        lines.append(
            f"  {each['group']}: gold first, best, last {told}; sqrt(KL) {each['distance_last']:.2f}"
        )
    return [*lines, *([f"and {len(groups) - SHOWN} cells more: --full"] if len(groups) > SHOWN else [])]


def grids(result: Mapping[str, Any]) -> list[Grid]:
    """The tables of the lab's page, those that have rows."""
    found: list[Grid] = [("Cells, and the curves that fit them", HEAD, fits(result))]
    if rows := best_of_n_kl(result):
        found.append(("The KL of best-of-n, by its formula and by the draws", KL_HEAD, rows))
    return found


def markdown(result: Mapping[str, Any], command: str) -> str:
    """Both tables as a page."""
    parts = [
        "# Over-optimisation",
        "",
        f"{result['gold_by'].capitalize()}; made by `{command}`.",
        "",
        "R(d) is the gold gained at d = sqrt(KL): d (alpha - beta d) of best-of-n, d (alpha - beta log d) of training.",
        "Intervals (95 %) are of the bootstrap over seeds and prompts.",
        "",
        *_grid(HEAD, fits(result)),
        "",
        "## The KL of best-of-n",
        "",
        "log n - (n - 1) / n is met where no two draws have one reward; ties make it less.",
        "",
        *_grid(KL_HEAD, best_of_n_kl(result)),
    ]
    return "\n".join(parts) + "\n"


def _row(each: Mapping[str, Any]) -> list[str]:
    fit = each["fit"]
    told = [
        each["group"],
        f"{each['accuracy']:.3f}",
        f"{each['gold_first']:.3f}",
        f"{each['gold_best']:.3f}",
        f"{each['gold_last']:.3f}",
        f"{each['distance_last']:.2f}",
    ]
    if fit is None:
        return [*told, "-", "-", "-", "-"]
    return [*told, _told(fit["alpha"]), _told(fit["beta"]), _told(fit["peak_distance"]), f"{fit['r2']:.2f}"]


def _told(interval: Sequence[float] | None) -> str:
    if interval is None:
        return "none"
    value, low, high = interval
    return f"{value:.3g} ({low:.3g} to {high:.3g})"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(each)} |" for each in (head, ["---"] * len(head), *rows)]
