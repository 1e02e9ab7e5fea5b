"""The HTML page of the over-optimisation lab: whether gold falls while the proxy rises, pictures, tables."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.atomic import write_text
from rlaif.review.environment import PAGES, page_environment
from rlaif.review.numbers import figure
from rlaif.review.view.overview import Doubt, Tile


class LabTable(NamedTuple):
    """A table of the page."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


class LabPicture(NamedTuple):
    """A picture of the page: an SVG file, which the page then holds itself."""

    title: str
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPage:
    """What the page shows beside the result."""

    command: str
    """That made it."""
    tables: Sequence[LabTable]
    pictures: Sequence[LabPicture]
    doubts: Sequence[str] = ()


def write_lab(result: Mapping[str, Any], page: LabPage, target: Path) -> Path:
    """Write the page of a lab to a file; says where it is.

    Args:
        result: As `lab.json` has it.
        page: What is shown beside it.
        target: The file.
    """
    write_text(target, render_lab(result, page))
    return target


def render_lab(result: Mapping[str, Any], page: LabPage) -> str:
    """The page as text. Everything that a model, a file or a user wrote is escaped."""
    groups = result["groups"]
    return (
        page_environment()
        .get_template("lab.html.j2")
        .render(
            style=(PAGES / "review.css").read_text(encoding="utf-8"),
            title="rlaif lab overoptimize",
            gold_by=result["gold_by"],
            command=page.command,
            verdict=_verdict(groups),
            tiles=_tiles(groups),
            doubts_of=[Doubt(says=each) for each in (*page.doubts, *_doubts(groups))],
            pictures=[(each.title, _embedded(each.file)) for each in page.pictures],
            tables=[each for each in page.tables if each.rows],
        )
    )


def falls(group: Mapping[str, Any]) -> bool:
    """Whether a cell's fitted gold has its peak, by its whole interval, within what was measured: then it falls."""
    fit = group["fit"]
    peak = None if fit is None else fit["peak_distance"]
    return peak is not None and peak[2] < group["distance_last"]


def _verdict(groups: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """`worse` or `unclear`, with a sentence."""
    fitted = [each for each in groups if each["fit"] is not None]
    if not fitted:
        return "unclear", "No cell has points enough for a curve."
    over = [each for each in fitted if falls(each)]
    if not over:
        return "unclear", f"Not for sure: in none of {len(fitted)} cells, as far as they were optimised."
    return (
        "worse",
        f"Yes, in {len(over)} of {len(fitted)} cells: the peak of the fitted gold lies, with its interval, within what "
        "was measured.",
    )


def _tiles(groups: Sequence[Mapping[str, Any]]) -> list[Tile]:
    lost = max(groups, key=lambda each: each["gold_best"] - each["gold_last"], default=None)
    seeds = {seed for each in groups for seed in each["seeds"]}
    found = [Tile("cells", str(len(groups))), Tile("seeds", str(len(seeds)))]
    if lost is not None:
        found.append(Tile("most gold lost", figure(lost["gold_best"] - lost["gold_last"]), lost["group"]))
        far = max(groups, key=lambda each: each["distance_last"])
        found.append(Tile("furthest, sqrt(KL)", figure(far["distance_last"]), far["group"]))
    return found


def _doubts(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    said = []
    if groups and max(len(each["seeds"]) for each in groups) == 1:
        said.append("One seed: intervals are over prompts alone (`--seeds 3` has several).")
    if unfitted := [each["group"] for each in groups if each["fit"] is None]:
        said.append(f"Too few points for a curve in {len(unfitted)} cells, the first of them {unfitted[0]}.")
    return said


def _embedded(file: Path) -> str:
    """A picture as an address, so that the page is one file."""
    return "data:image/svg+xml;base64," + base64.b64encode(file.read_bytes()).decode("ascii")
