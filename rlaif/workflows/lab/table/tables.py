"""The table as rows: for the terminal, for Markdown, and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlaif.review.lab_report import Grid
from rlaif.review.numbers import NONE, figure
from rlaif.workflows.lab.table.columns import GOOD
from rlaif.workflows.lab.table.settings import table_settings

HEAD = [
    "recipe",
    "seeds",
    "start",
    "gold",
    "gain",
    "p, Holm",
    "verdict",
    "won",
    "KL",
    "words",
    "answers",
    "judge calls",
    "tokens",
    "seconds",
    "wrong labels",
    "dealt",
]
BESIDE = "less under this judge"
Row = Mapping[str, Any]


def rows_of(column: Row) -> list[list[str]]:
    """A row for each recipe of a column, the highest gain first, then baselines."""
    rows = sorted(
        column["rows"], key=lambda each: (each["baseline"], -(each["gain"] or {"value": -2})["value"])
    )
    return [
        [*_row(each), *([] if column["column"] == GOOD else [_gain(each.get("against_good"))])]
        for each in rows
    ]


SHOWN = 6
"""Recipes that an ending names."""


def ending(result: Row) -> list[str]:
    """In short: of each column how many recipes were played, and of the first those that gained most."""
    columns = result["columns"]
    counted = ", ".join(
        f"{each['column']} {sum(not row['baseline'] for row in each['rows'])}" for each in columns
    )
    lines = [f"recipes played, by judge: {counted}"]
    if not columns:
        return lines
    best = [row for row in columns[0]["rows"] if row["gain"]]
    best.sort(key=lambda row: -row["gain"]["value"])
    for row in best[:SHOWN]:
        beside = " (a baseline)" if row["baseline"] else ""
        lines.append(f"  {row['recipe']}{beside}: {_gain(row['gain'])} with the {columns[0]['column']} judge")
    return [*lines, *([f"and {len(best) - SHOWN} more: --full"] if len(best) > SHOWN else [])]


def head_of(column: Row) -> list[str]:
    """What stands above them."""
    return HEAD if column["column"] == GOOD else [*HEAD, BESIDE]


def across(result: Row) -> tuple[list[str], list[list[str]]]:
    """Gain by recipe and judge, side by side; `n/a` where no outside judge labels anything."""
    columns = result["columns"]
    by = {(each["column"], row["recipe"]): row for each in columns for row in each["rows"]}
    found = []
    for name, played in table_settings().played.items():
        if not any((each["column"], name) in by for each in columns):
            continue
        cells = []
        for each in columns:
            row = by.get((each["column"], name))
            none = "n/a" if each["column"] != GOOD and played.judge_role is None else NONE
            cells.append(none if row is None else _failed(row) or _gain(row["gain"]))
        found.append([name, *cells])
    return ["recipe", *(f"{each['column']}: {each['judge']}" for each in columns)], found


def reasons(result: Row) -> list[list[str]]:
    """Why cells are `n/a`, and why cells failed."""
    played = {row["recipe"] for each in result["columns"] for row in each["rows"]}
    none = {
        name: why
        for each in result["columns"]
        if each["column"] != GOOD
        for name, why in each["not_played"].items()
        if name in played
    }
    failed = [
        [row["recipe"], f"{each['column']}, seed {seed}: {why}"]
        for each in result["columns"]
        for row in each["rows"]
        for seed, why in row["failed"].items()
    ]
    return [*([name, f"n/a: {why}"] for name, why in none.items()), *failed]


def tried(result: Row) -> list[list[str]]:
    """What was tried before the sizes of a recipe were chosen."""
    played = {row["recipe"] for each in result["columns"] for row in each["rows"]}
    return [
        [each.name, told]
        for each in table_settings().played.values()
        if each.name in played
        for told in each.tried
    ]


def grids(result: Row) -> list[Grid]:
    """All tables that have rows."""
    found: list[Grid] = []
    if len(result["columns"]) > 1:
        found.append(("Gain under each judge", *across(result)))
    for each in result["columns"]:
        found.append((f"{each['column']}: {each['judge']}, {each['says']}", head_of(each), rows_of(each)))
    if rows := reasons(result):
        found.append(("Why there is no figure", ["recipe", "reason"], rows))
    if rows := tried(result):
        found.append(("What was tried on seeds 100 to 102", ["recipe", "tried"], rows))
    return found


def markdown(result: Row) -> str:
    """The same as a page."""
    lines = ["# Every recipe in the microworld", "", *(f"{each}" for each in _about(result)), ""]
    for title, head, rows in grids(result):
        lines += [f"## {title}", "", *_grid(head, rows), ""]
    return "\n".join(lines)


def _about(result: Row) -> Iterator[str]:
    limits = ", ".join(f"{most:,} {name.replace('_', ' ')}" for name, most in result["budget"].items())
    yield f"Made by `rlaif lab table{' --quick' if result['quick'] else ''}`. Budget of a recipe: {limits}."
    yield (
        f"Gold (of judges and reward models: accuracy) on {result['measured']} held-out prompts; `won` is the share "
        "against the start's answers, by gold. Intervals are 95 %, over prompts and seeds."
    )


def _row(row: Row) -> list[str]:
    return [
        row["recipe"],
        str(len(row["seeds"])),
        figure(row["start"]),
        _interval(row["value"]),
        _gain(row["gain"]),
        figure(row["chance"]),
        _failed(row) or row["verdict"] + ("" if row["measures"] == "gold" else " (accuracy)"),
        _interval(row["won"]),
        figure(row["kl"]),
        _words(row),
        _count(row["answers"]),
        _count(row["judge_calls"]),
        _count(row["tokens"]),
        figure(row["seconds"]),
        figure(row["label_error"]),
        figure(row["dealt"]),
    ]


def _failed(row: Row) -> str:
    return "failed" if row["gain"] is None and row["failed"] else ""


def _gain(found: Row | None) -> str:
    if found is None:
        return NONE
    return f"{found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"


def _interval(found: Sequence[float] | None) -> str:
    return NONE if found is None else f"{found[0]:.3f} ({found[1]:.3f} to {found[2]:.3f})"


def _words(row: Row) -> str:
    return NONE if row["words"] is None else f"{row['words']:.0f} ({row['words'] - row['start_words']:+.0f})"


def _count(value: float | None) -> str:
    return NONE if value is None else f"{round(value):,}"


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(each)} |" for each in (head, ["---"] * len(head), *rows)]
