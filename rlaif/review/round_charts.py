"""The curves of a recipe's rounds, for pages and reports: gold and judge, KL, length, pairs, acceptance, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.review import charts
from rlaif.review.panels import LinePanel, all_inline
from rlaif.runs.layout import ROUNDS, files_in, round_number, rounds, step_notes
from rlaif.runs.record_files import (
    FUNNEL_SCHEMA,
    NOTE_SCHEMA,
    ROUNDS_SCHEMA,
    read_record,
    read_record_if_there,
)

Rows = Sequence[Mapping[str, Any]]


def round_charts(run: Path, rows: Rows) -> list[str]:
    """Every curve of which something is known, as markup."""
    return all_inline(round_panels(run, rows))


def round_panels(run: Path, rows: Rows) -> list[LinePanel]:
    """Every curve of which something is known."""
    if not rows:
        return []
    won = [(row.get("against") or {}).get("initial") or {} for row in rows]
    rates = {"win rate": [each.get("win_rate") for each in won]}
    drawn = [
        _panel(
            rows,
            "gold and judge, on held-out prompts",
            "share of principles met",
            {"gold_mean": "gold", "gold_greedy": "gold, temperature 0", "judge_mean": "judge"},
        ),
        _lines(rows, "win rate against the first policy", "win rate", rates),
        _strengths(rows),
        _panel(rows, "KL from the start, nats per completion", "nats per completion", {"kl": "KL"}),
        _panel(rows, "words of an answer", "words", {"length_mean": "words"}),
        _panel(
            rows,
            "the judge, on the policy's own texts",
            "share",
            {"judge_accuracy_on_policy": "accuracy", "pair_precision": "pairs that gold confirms"},
        ),
        *_of_making(run, rows),
    ]
    return [each for each in drawn if each is not None]


def _strengths(rows: Rows) -> LinePanel | None:
    """The strength of each round's policy in the newest table of all rounds, with and without the length of answers."""
    told: Rows = next((row["strengths"] for row in reversed(rows) if row.get("strengths")), [])
    by_round = {each["round"]: each for each in told}
    names = {"value": "as they are", "at_equal_length": "at equal length"}
    series = {
        said: [by_round.get(row["round"], {}).get(name) for row in rows] for name, said in names.items()
    }
    return _lines(rows, "strength by the first judge, log-odds against round 0", "log-odds", series)


def read_rounds(run: Path) -> Rows:
    """The rows of a run's rounds; none for a run that is not of a recipe."""
    return read_record_if_there(run / ROUNDS, ROUNDS_SCHEMA) or []


def length_by_round(rows: Rows) -> LinePanel | None:
    """Words of an answer, by round; None where they are not known of two rounds."""
    return _panel(rows, "words of an answer, by round", "words", {"length_mean": "words"})


def _of_making(run: Path, rows: Rows) -> list[LinePanel | None]:
    """What a round was made of, and how long that took."""
    numbers, shares, seconds = [row["round"] for row in rows], acceptance(run), step_seconds(run)
    pairs = {"pairs": [row.get("pairs") if row["round"] else None for row in rows]}
    accepted = {"share": [shares.get(each) for each in numbers]}
    gaps = [row.get("gap") or {} for row in rows]
    words = {
        "mean": "all draws",
        "judge_best": "best draws by the judge",
        "oracle_best": "best draws by gold",
    }
    drawn = {said: [each.get(name) for each in gaps] for name, said in words.items()}
    took = {"seconds": [seconds.get(each) for each in numbers]}
    tokens, paid = step_spending(run, "tokens"), step_spending(run, "money")
    sent = {"tokens": [tokens.get(each) for each in numbers]}
    cost = {"cost": [paid.get(each) for each in numbers]} if any(paid.values()) else {}
    return [
        _lines(rows, "pairs of a round", "pairs", pairs),
        _lines(rows, "acceptance: prompts that gave a pair", "share of prompts", accepted),
        _lines(rows, "gold of the draws, before the round", "share of principles met", drawn),
        _lines(rows, "time of a round, seconds", "seconds", took),
        _lines(rows, "tokens of a round, sent and written", "tokens", sent),
        _lines(rows, "cost of a round", "cost", cost),
    ]


def _panel(rows: Rows, title: str, y: str, names: Mapping[str, str]) -> LinePanel | None:
    return _lines(rows, title, y, {words: [row.get(name) for row in rows] for name, words in names.items()})


def _lines(rows: Rows, title: str, y: str, series: Mapping[str, Sequence[float | None]]) -> LinePanel | None:
    """A curve of what is known of two rounds at least: one point is a figure, and no curve."""
    told = {name: values for name, values in series.items() if sum(each is not None for each in values) > 1}
    if not told:
        return None
    return LinePanel(title=title, x="round", y=y, series=told, at=[float(row["round"]) for row in rows])


def acceptance(run: Path) -> dict[int, float]:
    """The share of prompts that gave a pair, by round."""
    found = {}
    for number, folder in rounds(run):
        counts = [read_record(path, FUNNEL_SCHEMA) for path in files_in(folder, "funnel")]
        prompts = sum(each.get("prompts", 0) for each in counts)
        if prompts:
            found[number] = min(1.0, sum(each.get("kept", 0) for each in counts) / prompts)
    return found


def step_seconds(run: Path) -> dict[int, float]:
    """How long the steps of each round took together; a result that was found is as long as its making took."""
    found: dict[int, float] = {}
    for path in step_notes(run):
        number = round_number(path.parent)
        note = read_record_if_there(path, NOTE_SCHEMA) or {}
        if number is not None and "seconds" in note:
            found[number] = found.get(number, 0.0) + float(note["seconds"])
    return found


def step_spending(run: Path, what: str) -> dict[int, float]:
    """What the steps of each round spent together when they were made; nothing of a round where that is not known."""
    found: dict[int, float] = {}
    unknown = set()
    for path in step_notes(run):
        number = round_number(path.parent)
        note = read_record_if_there(path, NOTE_SCHEMA) or {}
        value = (note.get("spent") or {}).get(what)
        if number is None:
            continue
        if value is None:
            unknown.add(number)
        else:
            found[number] = found.get(number, 0.0) + float(value)
    return {number: value for number, value in found.items() if number not in unknown}


def principle_changes(rows: Rows) -> list[charts.PrincipleChange]:
    """Gold by principle, before the first round and after the last; what changed most comes first."""
    known = [row["gold_by_principle"] for row in rows if row.get("gold_by_principle")]
    if len(known) < 2:
        return []
    first, last = known[0], known[-1]
    found = [
        charts.PrincipleChange(name, first.get(name), last.get(name))
        for name in dict.fromkeys([*first, *last])
    ]
    return sorted(found, key=lambda each: -_apart(each))


def _apart(change: charts.PrincipleChange) -> float:
    return -2.0 if None in (change.before, change.after) else (change.after or 0.0) - (change.before or 0.0)
