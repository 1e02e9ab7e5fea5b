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
from rlaif.review.view.overview import Tile

Grid = tuple[str, Sequence[str], Sequence[Sequence[Any]]]
"""Title, head and rows of a table."""
FELL = 0.02
"""Gold that a policy must have lost since its best, in shares of principles met, to be called worse."""


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
            panels=all_inline(lab_panels(lab)),
            grids=grids,
        )
    )


def lab_verdict(lab: Mapping[str, Any]) -> tuple[str, str]:
    """`worse` or `unclear`, with a sentence: in how many settings gold fell from its best, and where most."""
    groups = lab["groups"]
    fell = [each for each in groups if _lost(each) > FELL]
    if not fell:
        said = f"in none of {len(groups)} settings gold fell more than {FELL} below its best"
        return "unclear", f"Not seen: {said}; longer trainings or a larger planted flaw may show it."
    most = max(fell, key=_lost)
    return "worse", (
        f"Yes: in {len(fell)} of {len(groups)} settings gold fell from its best while the proxy was climbed; most in "
        f"{most['group']}: from {figure(most['gold_best'])} to {figure(most['gold_last'])}, "
        f"at sqrt(KL) {figure(most['distance_last'])} from the first policy."
    )


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
