"""The HTML page of a lab: whether more of the proxy cost gold, where, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.review.environment import PAGES, page_environment
from rlaif.review.lab_panels import lab_panels
from rlaif.review.numbers import figure
from rlaif.review.panels import all_inline
from rlaif.review.view.overview import Doubt, Tile

Grid = tuple[str, Sequence[str], Sequence[Sequence[Any]]]
"""Title, head and rows of a table."""


def write_lab(lab: Mapping[str, Any], grids: Sequence[Grid], target: Path, *, full: bool = False) -> Path:
    """Write the page of a lab to a file; says where it is.

    Args:
        lab: What `rlaif lab overoptimize` wrote into its `lab.json`.
        grids: Its tables.
        target: The file.
        full: Whether printing it gives everything.
    """
    write_text(target, render_lab(lab, grids, full=full))
    return target


def render_lab(lab: Mapping[str, Any], grids: Sequence[Grid], *, full: bool = False) -> str:
    """The page as text. Everything that a file says is escaped."""
    return (
        page_environment()
        .get_template("lab.html.j2")
        .render(
            style=(PAGES / "review.css").read_text(encoding="utf-8"),
            full=full,
            gold_by=lab["gold_by"],
            verdict=lab_verdict(lab),
            tiles=_tiles(lab),
            doubts_of=lab_doubts(lab),
            panels=all_inline(lab_panels(lab)),
            grids=grids,
        )
    )


def falls(group: Mapping[str, Any]) -> bool:
    """Whether a cell's fitted gold has its peak, by its whole interval, within what was measured: then it falls."""
    fit = group["fit"]
    peak = None if fit is None else fit["peak_distance"]
    return peak is not None and peak[2] < group["distance_last"]


def lab_verdict(lab: Mapping[str, Any]) -> tuple[str, str]:
    """`worse` or `unclear`, with a sentence: in how many cells gold falls for sure, and where most."""
    fitted = [each for each in lab["groups"] if each["fit"] is not None]
    if not fitted:
        return "unclear", "No cell has points enough for a curve."
    over = [each for each in fitted if falls(each)]
    if not over:
        return "unclear", f"Not for sure: in none of {len(fitted)} cells, as far as they were optimised."
    most = max(over, key=_lost)
    return "worse", (
        f"Yes, in {len(over)} of {len(fitted)} cells: the peak of the fitted gold lies, with its interval, within what "
        f"was measured; most is lost in {most['group']}, from {figure(most['gold_best'])} to "
        f"{figure(most['gold_last'])}, at sqrt(KL) {figure(most['distance_last'])} from the first policy."
    )


def lab_doubts(lab: Mapping[str, Any]) -> list[Doubt]:
    """Why the figures of a lab are not to be relied on."""
    groups, said = lab["groups"], []
    if lab.get("quick"):
        said.append(Doubt(says="The quick form shows that each way runs; its figures say nothing."))
    if groups and max(len(each["seeds"]) for each in groups) == 1:
        said.append(Doubt(says="One seed: intervals are over prompts alone.", remedy="`--seeds 3`"))
    if unfitted := [each["group"] for each in groups if each["fit"] is None]:
        said.append(
            Doubt(
                says=f"Too few points for a curve in {len(unfitted)} cells, the first of them {unfitted[0]}."
            )
        )
    return said


def _tiles(lab: Mapping[str, Any]) -> list[Tile]:
    groups = lab["groups"]
    best, last = max(each["gold_best"] for each in groups), min(each["gold_last"] for each in groups)
    seeds = {seed for each in groups for seed in each["seeds"]}
    return [
        Tile("Settings", figure(len(groups)), f"{len(seeds)} seed{'' if len(seeds) == 1 else 's'}"),
        Tile("First gold", figure(groups[0]["gold_first"]), "before any training"),
        Tile("Best gold", figure(best), "of any setting, on its way"),
        Tile("Lowest end", figure(last), "of any setting"),
        Tile("Farthest", figure(max(each["distance_last"] for each in groups)), "sqrt(KL), nats"),
    ]


def _lost(group: Mapping[str, Any]) -> float:
    return float(group["gold_best"]) - float(group["gold_last"])
