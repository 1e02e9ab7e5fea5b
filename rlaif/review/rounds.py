"""The tables of rounds: which columns, in which order, how each value is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.review.tables import shown

REACHED = {
    "round": "round",
    "gold_mean": "gold",
    "gold_greedy": "gold T=0",
    "judge_mean": "judge",
    "judge_accuracy_on_policy": "accuracy",
    "kl": "KL",
    "length_mean": "words",
    "against.initial.win_rate": "beats first",
    "against.previous.win_rate": "beats last",
}
"""What the policy is worth after a round, on held-out prompts."""
MADE_OF = {
    "round": "round",
    "gap.mean": "draws' gold",
    "gap.judge_best": "judge's best",
    "gap.oracle_best": "oracle's best",
    "pairs": "pairs",
    "pair_precision": "precision",
    "replay_share": "replay",
}
"""What a round was trained on; round 0 on nothing."""


REVISED = {
    "completions": "texts",
    "changed": "revised",
    "whole.confirmed": "confirmed",
    "whole.missed": "missed",
    "whole.fixed": "fixed",
    "whole.broke": "broke",
    "gold_first": "gold 0",
    "gold_last": "gold n",
    "judge_gain.value": "judge +",
}
"""What critique and revision did: how many texts they changed, and of critiques and revisions what gold confirms."""


WIDTH = 80
"""Characters of a line of a terminal."""
FURTHER = "further_columns"
"""In the summary of a run: the columns of its rounds that not every recipe has."""


def tables(
    rows: Sequence[Mapping[str, Any]], further: Sequence[str] = ()
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, head and rows of the tables, each narrow enough for a terminal of 80 columns.

    `further` are columns that not every recipe has; they stand in a table of their own.
    """
    made = [row for row in rows if row["round"]]
    shown_tables = [
        ("after each round, on held-out prompts", REACHED, rows),
        ("what each round was trained on", MADE_OF, made),
    ]
    found = [
        (title, list(columns.values()), [[cell(row, column) for column in columns] for row in shown_rows])
        for title, columns, shown_rows in shown_tables
        if shown_rows
    ]
    return [
        *found,
        *_against_rounds(made),
        *_strengths(made),
        *_behaviours(rows),
        *_further(made, further),
        *revision_tables(made),
    ]


def _against_rounds(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str], list[list[str]]]]:
    """The win rate of each round's policy against that of every earlier round, and the same at equal lengths."""
    told = [(row, number, won) for row in rows for number, won in (row.get("rounds") or {}).items()]
    if not told:
        return []
    head = ["round", "against", "wins", "from", "to", "equal length", "from", "to"]
    body = [
        [
            str(row["round"]),
            f"round {number}",
            *(cell(won, name) for name in ("win_rate", "low", "high")),
            *(cell(won, f"length_controlled.{name}") for name in ("value", "low", "high")),
        ]
        for row, number, won in told
    ]
    return [("win rate against every earlier round", head, body)]


def _strengths(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str], list[list[str]]]]:
    """The newest Bradley-Terry table: log-odds against round 0, at the lengths that are and at equal lengths."""
    told = next((row["strengths"] for row in reversed(rows) if row.get("strengths")), None)
    if told is None:
        return []
    head = ["round", "log-odds", "from", "to", "Elo", "equal length", "from", "to"]
    keys = ("round", "value", "low", "high", "elo", "at_equal_length", "equal_low", "equal_high")
    return [
        (
            "rounds by strength (Bradley-Terry, round 0 is 0)",
            head,
            [[cell(row, key) for key in keys] for row in told],
        )
    ]


def _behaviours(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str], list[list[str]]]]:
    """What the first and the last policy show that was measured, each with its interval."""
    told = [row for row in rows if row.get("behaviours")]
    if not told:
        return []
    first, last = told[0], told[-1]
    names = [name for name in last["behaviours"] if name in first["behaviours"]]
    body = [
        [
            name,
            *(
                shown(row["behaviours"][name][key])
                for row in (first, last)
                for key in ("share", "low", "high")
            ),
        ]
        for name in names
    ]
    head = [
        "answers that show",
        *(f"round {first['round']}", "from", "to"),
        *(f"round {last['round']}", "from", "to"),
    ]
    return [("what answers show, on held-out prompts", head, body)]


def _further(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> list[tuple[str, list[str], list[list[str]]]]:
    """The further columns; a line for each where side by side they are too wide for a terminal."""
    if not rows or not names:
        return []
    head = ["round", *names]
    body = [[cell(row, column) for column in head] for row in rows]
    widths = [max(len(line[place]) for line in (head, *body)) for place in range(len(head))]
    if sum(widths) + 2 * (len(widths) - 1) > WIDTH:
        lines = [[line[0], name, value] for line in body for name, value in zip(names, line[1:], strict=True)]
        head, body = ["round", "figure", "value"], lines
    return [("further figures", head, body)]


def revision_tables(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[str], list[list[str]]]]:
    """What critique and revision did in each round, and what came of each stage; nothing where nothing was revised."""
    told = [(str(row["round"]), name, figures) for row in rows for name, figures in _revisions(row)]
    if not told:
        return []
    whole = [[number, *(cell(figures, column) for column in REVISED)] for number, _, figures in told]
    stages = [
        [number, name, str(each["stage"]), reason, str(count)]
        for number, name, figures in told
        for each in figures["stages"]
        for reason, count in each["outcomes"].items()
    ]
    return [
        ("what revising did, by gold and judge", ["round", *REVISED.values()], whole),
        ("what came of each critique and revision", ["round", "step", "stage", "outcome", "texts"], stages),
    ]


def _revisions(row: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The figures of each step of a round that revised, by the step's name, where a round has several."""
    held = row.get("revision") or {}
    return [("", held)] if "stages" in held else list(held.items())


HEADS_IN_WORDS = {
    "gold T=0": "gold, temperature 0",
    "accuracy": "judge's accuracy",
    "beats first": "wins against the first",
    "beats last": "wins against the last",
    "draws' gold": "gold of the draws",
    "judge's best": "of the judge's best draws",
    "oracle's best": "of the best draws",
    "precision": "pairs that gold confirms",
    "replay": "share replayed",
    "gold 0": "gold before",
    "gold n": "gold after",
    "judge +": "gain by the judge",
}
"""Heads that are short for a terminal, as a page says them."""


def heads_in_words(head: Sequence[str]) -> list[str]:
    """The head of a table of rounds for a page, which has more room than a terminal."""
    return [HEADS_IN_WORDS.get(each, each) for each in head]


def cell(row: Mapping[str, Any], column: str) -> str:
    """One value of a row as text; a dot leads into nested values: `gap.mean`."""
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return shown(value)
