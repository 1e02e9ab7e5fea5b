"""How a run stands now, from the files that it writes: asked each second by a page, never locked."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rlaif.errors import RlaifError
from rlaif.hashing import digest
from rlaif.review.lines import file_stamp
from rlaif.review.numbers import figure, span
from rlaif.review.training_charts import trainings
from rlaif.review.view.catalogue import RunCard, stamp_of
from rlaif.runs.layout import METRICS, PROGRESS, TRAINING
from rlaif.runs.record_files import PROGRESS_SCHEMA, read_record_if_there

FRESH_S = 2.0
SHORT = {"rewards/margins": "margin", "rewards/accuracies": "accuracy", "kl": "KL"}
"""What figures of a training are called in a line."""
ITEMS = 4096
"""Bytes at the end of a growing file that are read for its last line."""


def standing(card: RunCard) -> dict[str, Any]:
    """What a live page shows: texts by name, the share that is done, and a stamp that changes with what is drawn."""
    told = progress(card.path)
    shown = {
        "where": _where(told),
        "done": _done(told),
        "spent": _spent(told),
        "left": _left(told),
        "elapsed": span(time.time() - card.started) if card.started else "",
        "training": _training(card.path),
        "age": _age(told),
    }
    done, total = told.get("done"), told.get("total")
    return {
        "running": card.status == "running",
        "shown": shown,
        "percent": round(100 * min(1.0, done / total), 1) if done is not None and total else 0,
        "stamp": drawn_stamp(card.path),
    }


def list_stamp(cards: Sequence[RunCard]) -> str:
    """Changes when the list of runs does: one came, went, ended, or has another result."""
    told = [[each.name, each.status, each.finished or 0.0, each.headline.short] for each in cards]
    return digest("runs", told).partition(":")[2]


def came_to(card: RunCard) -> str:
    """How far an unfinished run came, in words: `round 1 of 2, judge (step 2 of 5), 48 of about 56 calls`."""
    told = progress(card.path)
    said = ", ".join(filter(None, (_where(told) if told else "", _done(told))))
    return said or "nothing was counted yet"


def progress(run: Path) -> Mapping[str, Any]:
    """`progress.json`, or nothing while there is none that can be read."""
    own, training = run / PROGRESS, run / TRAINING / PROGRESS
    try:
        found: Mapping[str, Any] = (
            read_record_if_there(training if training.exists() else own, PROGRESS_SCHEMA) or {}
        )
    except RlaifError:
        return {}
    return found


def drawn_stamp(run: Path) -> str:
    """Changes when what a page draws of a run has changed: its rows of rounds, its end, a step of a training."""
    times = list(stamp_of(run))
    del times[3]  # progress.json, whose figures are shown without drawing anything anew
    grown = [file_stamp(each / METRICS).size for each in trainings(run)]
    return digest("standing", times, grown)


def _where(told: Mapping[str, Any]) -> str:
    parts = []
    if "round" in told:
        parts.append(f"round {told['round']} of {told.get('of', '?')}")
    if told.get("step") or told.get("what"):
        of = f" (step {told['number']} of {told['steps']})" if "number" in told and "steps" in told else ""
        parts.append(f"{told.get('step') or told['what']}{of}")
    return ", ".join(parts) or "at work"


def _left(told: Mapping[str, Any]) -> str:
    """What is left by now; the file says it of the moment when it was written."""
    left, at = told.get("left_s"), told.get("at")
    if left is None:
        return ""
    since = max(0.0, time.time() - at) if isinstance(at, int | float) else 0.0
    return f"about {span(max(0.0, left - since))} left"


def _done(told: Mapping[str, Any]) -> str:
    done, total, unit = told.get("done"), told.get("total"), str(told.get("unit") or "call")
    if done is None:
        return ""
    return f"{figure(int(done))}{f' of about {int(total):,}' if total else ''} {unit}s"


def _spent(told: Mapping[str, Any]) -> str:
    """Tokens, money and failures so far."""
    parts = [f"{figure(int(told['tokens']))} tokens"] if told.get("tokens") is not None else []
    if told.get("money"):
        parts.append(f"{told['money']:,.2f} spent")
    parts += [
        f"{figure(int(told[key]))} {words}"
        for key, words in (("failed", "failed"), ("cut_off", "cut off"))
        if told.get(key)
    ]
    return ", ".join(parts)


def _training(run: Path) -> str:
    """The figures of the newest step of a training."""
    newest = max(trainings(run), key=lambda each: file_stamp(each / METRICS).changed, default=None)
    row = last_row(newest / METRICS) if newest is not None else {}
    names = ("loss", "rewards/margins", "rewards/accuracies", "reward", "kl")
    told = [
        f"{SHORT.get(name, name)} {figure(float(row[name]))}"
        for name in names
        if isinstance(row.get(name), int | float)
    ]
    return f"step {row['step']}: {', '.join(told)}" if told and "step" in row else ""


def last_row(path: Path) -> Mapping[str, Any]:
    """The last whole row of a file of JSON lines, read from its end."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - ITEMS * 4))
            lines = stream.read().splitlines()
    except OSError:
        return {}
    for raw in reversed(lines):
        try:
            row = json.loads(raw)
        except ValueError:
            continue
        return row if isinstance(row, dict) else {}
    return {}


def _age(told: Mapping[str, Any]) -> str:
    at = told.get("at")
    if not isinstance(at, int | float):
        return ""
    since = max(0.0, time.time() - at)
    # older figures are no stale ones: what the run counts is written at once, and a model that loads counts nothing
    return f"as of {span(since)} ago" if since <= FRESH_S else f"nothing new for {span(since)}"
