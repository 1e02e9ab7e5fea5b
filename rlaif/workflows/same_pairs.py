"""Which two completions a run compared: another judge that compares the same ones can be compared with its judge."""

from __future__ import annotations

import json
from pathlib import Path

from rlaif.exchange.judgments import read_judgments
from rlaif.exchange.pairs import read_pairs
from rlaif.runs.layout import CLAIM, COMPARISONS, PAIRS

Twos = frozenset[frozenset[str]]
"""Each two completions that are compared, by their ids."""


def compared_in(run: Path) -> Twos:
    """The two completions of each comparison of a run; where it asked none, those of its pairs."""
    path = run / COMPARISONS
    asked = {frozenset(each.completion_ids) for each in read_judgments(path)} if path.is_file() else set()
    asked = {each for each in asked if len(each) == 2}
    if not asked and (run / PAIRS).is_file():
        asked = {frozenset(pair.completion_ids) for pair in read_pairs(run / PAIRS)}
    return frozenset(asked)


def compares(run: Path) -> bool:
    """Whether a directory holds comparisons or pairs, to be compared again."""
    held = (run / name for name in (COMPARISONS, PAIRS))
    return any(path.is_file() and path.stat().st_size > 0 for path in held)


def claimed_pairing(out: Path) -> str | None:
    """The pairing with which a directory was begun; None where it is new. What was begun goes on as it began."""
    try:
        held = json.loads((out / CLAIM).read_text(encoding="utf-8"))
        found = held["config"]["pairing"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None  # `claim` says what is wrong with it
    return found if isinstance(found, str) else None
