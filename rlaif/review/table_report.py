"""The HTML page of a lab's table: which recipes beat their start, under which judge, and at which price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.review.environment import PAGES, page_environment
from rlaif.review.lab_report import Grid
from rlaif.review.numbers import figure
from rlaif.review.panels import all_inline
from rlaif.review.table_panels import table_panels
from rlaif.review.view.overview import Doubt, Tile


def write_table(found: Mapping[str, Any], grids: Sequence[Grid], target: Path, *, full: bool = False) -> Path:
    """Write the page of a table to a file; says where it is.

    Args:
        found: What `rlaif lab table` wrote into its `table.json`.
        grids: Its tables.
        target: The file.
        full: Whether printing it gives everything.
    """
    write_text(
        target,
        page_environment()
        .get_template("table.html.j2")
        .render(
            style=(PAGES / "review.css").read_text(encoding="utf-8"),
            full=full,
            verdict=table_verdict(found),
            tiles=list(_tiles(found)),
            doubts_of=list(_doubts(found)),
            panels=all_inline(list(table_panels(found))),
            grids=grids,
        ),
    )
    return target


def table_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """`better` or `unclear`, with a sentence: how many recipes beat their start in each column."""
    told = []
    for each in found["columns"]:
        policies = [row for row in each["rows"] if not row["baseline"] and row["measures"] == "gold"]
        told.append(f"{each['column']}: {len(found['beat'][each['column']])} of {len(policies)}")
    if not told:
        return "unclear", "Nothing is played yet."
    verdict = "better" if any(found["beat"].values()) else "unclear"
    return verdict, f"Recipes whose policy beats its start, after Holm, by judge: {'; '.join(told)}."


def _doubts(found: Mapping[str, Any]) -> Iterator[Doubt]:
    if found["quick"]:
        yield Doubt(says="The quick form shows that each recipe runs; its figures say nothing.")
    few = [each["column"] for each in found["columns"] if max(len(row["seeds"]) for row in each["rows"]) < 2]
    if few:
        yield Doubt(
            says=f"One seed in {', '.join(few)}: intervals are over prompts alone.",
            remedy="the same command with more `--seeds`",
        )
    failed = sum(len(row["failed"]) for each in found["columns"] for row in each["rows"])
    if failed:
        yield Doubt(says=f"{failed} cell{'s' if failed > 1 else ''} failed; a table below says why.")


def _tiles(found: Mapping[str, Any]) -> Iterator[Tile]:
    rows = [row for each in found["columns"] for row in each["rows"]]
    yield Tile(
        "Recipes", figure(len({row["recipe"] for row in rows if not row["baseline"]})), "of the package"
    )
    yield Tile(
        "Judges", figure(len(found["columns"])), ", ".join(each["column"] for each in found["columns"])
    )
    yield Tile(
        "Cells", figure(sum(len(row["seeds"]) + len(row["failed"]) for row in rows)), "recipe, judge, seed"
    )
    seconds = sum((row["seconds"] or 0.0) * (len(row["seeds"]) + len(row["failed"])) for row in rows)
    yield Tile("Processor time", f"{seconds / 3600:.1f} h", "of one core")
