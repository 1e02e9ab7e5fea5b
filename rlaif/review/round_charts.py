"""The curves of a recipe's rounds, for pages and reports: gold and judge, KL, length, pairs, acceptance, time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.review import charts
from rlaif.runs.layout import files_in, round_number, rounds, step_notes
from rlaif.runs.record_files import FUNNEL_SCHEMA, NOTE_SCHEMA, read_record, read_record_if_there

Rows = Sequence[Mapping[str, Any]]


def round_charts(run: Path, rows: Rows) -> list[str]:
    """Every curve of which something is known."""
    if not rows:
        return []
    gaps = [row.get("gap") or {} for row in rows]
    won = [(row.get("against") or {}).get("initial") or {} for row in rows]
    shares, seconds = acceptance(run), step_seconds(run)
    tokens, paid = step_spending(run, "tokens"), step_spending(run, "money")
    numbers = [row["round"] for row in rows]
    drawn = [
        _lines(
            "gold and judge, on held-out prompts",
            _series(rows, {"gold_mean": "gold", "gold_greedy": "gold, temperature 0", "judge_mean": "judge"}),
        ),
        _lines("win rate against the first policy", {"win rate": [each.get("win_rate") for each in won]}),
        _lines("KL from the start, nats per completion", _series(rows, {"kl": "KL"})),
        _lines("words of an answer", _series(rows, {"length_mean": "words"})),
        _lines(
            "the judge, on the policy's own texts",
            _series(
                rows, {"judge_accuracy_on_policy": "accuracy", "pair_precision": "pairs that gold confirms"}
            ),
        ),
        _lines("pairs of a round", {"pairs": [row.get("pairs") if row["round"] else None for row in rows]}),
        _lines("acceptance: prompts that gave a pair", {"share": [shares.get(each) for each in numbers]}),
        _lines(
            "gold of the draws, before the round",
            {
                words: [each.get(name) for each in gaps]
                for name, words in (
                    ("mean", "mean"),
                    ("judge_best", "judge's best"),
                    ("oracle_best", "oracle's best"),
                )
            },
        ),
        _lines("time of a round, seconds", {"seconds": [seconds.get(each) for each in numbers]}),
        _lines("tokens of a round, sent and written", {"tokens": [tokens.get(each) for each in numbers]}),
        _lines(
            "cost of a round", {"cost": [paid.get(each) for each in numbers]} if any(paid.values()) else {}
        ),
    ]
    return [each for each in drawn if each]


def _lines(title: str, series: Mapping[str, Sequence[float | None]]) -> str:
    """A curve of what is known of two rounds at least: one point is a figure, and no curve."""
    told = {name: values for name, values in series.items() if sum(each is not None for each in values) > 1}
    return charts.lines(title, told)


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


def _series(rows: Rows, names: Mapping[str, str]) -> dict[str, list[float | None]]:
    held = {words: [row.get(name) for row in rows] for name, words in names.items()}
    return {words: values for words, values in held.items() if any(each is not None for each in values)}


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
