"""The HTML page of a judge check: whether the judge can be trusted, its figures beside trivial judges, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.review import charts
from rlaif.review.environment import PAGES, page_environment
from rlaif.review.numbers import figure, share
from rlaif.review.panels import all_inline, inline
from rlaif.review.position import check_position
from rlaif.review.recorded_check import check_calibration
from rlaif.review.view.overview import Doubt, Tile

MAIN = ("accuracy", "both_correct", "consistency", "label_accuracy", "kappa")
"""Figures that come first, of those that a check has."""


def write_check(told: Mapping[str, Any], target: Path, *, full: bool = False) -> Path:
    """Write the page of a check to a file; says where it is.

    Args:
        told: The check as JSON, as `rlaif judge check --json` prints it.
        target: The file.
        full: Whether printing it gives everything.
    """
    write_text(target, render_check(told, full=full))
    return target


def render_check(told: Mapping[str, Any], *, full: bool = False) -> str:
    """The page as text. Everything that a model, a file or a user wrote is escaped."""
    return (
        page_environment()
        .get_template("check.html.j2")
        .render(
            style=(PAGES / "review.css").read_text(encoding="utf-8"),
            full=full,
            title=f"rlaif judge check: {told['judge']}",
            told=told,
            check=check_shown(told),
        )
    )


def check_shown(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a page shows of a check: verdict, tiles, doubts, pictures, and every figure in tables."""
    figures = {name: each for name, each in told["figures"].items() if each}
    baselines = {f"trivial: {name}": value for name, value in told["baselines"].items()}
    attacked = ["attack", "right before", "flipped", "no verdict", "share flipped"]
    tables = [
        ("Shares", ["figure", "value"], _rows({**told["shares"], **told["official"]})),
        ("Calibration", ["figure", "value"], _rows(told["calibration"], "bins")),
        ("Categories", *_categories(told["categories"])),
        ("Attacks", attacked, _attacks(told["attacks"])),
        ("Verdicts", ["state", "count"], _rows(told["states"])),
        ("Calls", ["calls", "count"], _rows(told["calls"])),
        ("Tokens", ["tokens", "count"], _rows(told["tokens"])),
    ]
    return {
        "verdict": _verdict(told, figures),
        "tiles": [
            Tile(name.replace("_", " "), share(each["value"]), _between(each))
            for name, each in _first(figures)
        ],
        "doubts": _doubts(told),
        "bars": charts.bars(_beside(figures, baselines), names=["share"]) if baselines else "",
        "reliability": inline(check_calibration(told)),
        "positions": all_inline(check_position(told)),
        "figures": [
            [name.replace("_", " "), each["value"], each.get("low"), each.get("high")]
            for name, each in figures.items()
        ],
        "tables": [(title, head, rows) for title, head, rows in tables if rows],
    }


def _rows(values: Mapping[str, Any], *without: str) -> list[list[Any]]:
    return [[name.replace("_", " "), value] for name, value in values.items() if name not in without]


def _attacks(told: Mapping[str, Mapping[str, Any]]) -> list[list[Any]]:
    return [
        [name, row["right"], row["flipped"], row["lost"], (row["share"] or {}).get("value")]
        for name, row in told.items()
    ]


def _first(figures: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    names = [*(each for each in MAIN if each in figures), *(each for each in figures if each not in MAIN)]
    return [(name, figures[name]) for name in names[:8]]


def _verdict(told: Mapping[str, Any], figures: Mapping[str, Mapping[str, Any]]) -> tuple[str, str]:
    """`better`, `worse` or `unclear` with a sentence: the judge beside the best trivial one."""
    name = next((each for each in MAIN if each in figures), None)
    if name is None:
        return "unclear", "No figure could be measured."
    own, trivial = figures[name], max(told["baselines"].values(), default=None)
    said = f"its {name.replace('_', ' ')} is {share(own['value'])} {_between(own)} on {told['count']:,} items"
    if told.get("unmet"):
        return "worse", f"Not as it stands: {told['unmet']}. {said.capitalize()}."
    low = own.get("low")
    if trivial is None or low is None:
        return "unclear", f"{said.capitalize()}."
    beside = f"the best trivial judge has {share(trivial)}"
    if low > trivial:
        return "better", f"Yes: {said}; {beside}."
    return "unclear", f"Unclear: {said}; {beside}, which its interval holds."


def _doubts(told: Mapping[str, Any]) -> list[Doubt]:
    fired = [f"{name}: {flag['why']}" for name, flag in told["flags"].items() if flag["fires"]]
    left = [f"{count} rows left out: {why}" for why, count in told["left_out"].items()]
    return [Doubt(says=each) for each in (*fired, *told["notes"], *left)]


def _beside(
    figures: Mapping[str, Mapping[str, Any]], baselines: Mapping[str, float]
) -> dict[str, Sequence[float | None]]:
    name = next((each for each in MAIN if each in figures), None)
    own: dict[str, Sequence[float | None]] = (
        {} if name is None else {f"this judge: {name}": [figures[name]["value"]]}
    )
    return {**own, **{each: [value] for each, value in baselines.items()}}


def _categories(told: Mapping[str, Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    if len(told) < 2:
        return [], []
    head = [
        name for name, value in next(iter(told.values())).items() if not isinstance(value, Mapping | list)
    ]
    return ["category", *head], [[name, *(row.get(key) for key in head)] for name, row in told.items()]


def _between(each: Mapping[str, Any]) -> str:
    low, high = each.get("low"), each.get("high")
    return "" if None in (low, high) else f"[{figure(low)}, {figure(high)}]"
