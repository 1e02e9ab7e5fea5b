"""Replies that are JSON: what is asked for, and whether a reply is it. Pure.

The schema goes with the request, where an engine can guide its decoding by it; every reply is checked all the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from rlaif.judging.labels import CallReading
from rlaif.judging.parse import STILL_THINKING, refuses, said
from rlaif.records import State

COMPARED: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reason", "better"],
    "properties": {"reason": {"type": "string"}, "better": {"enum": ["A", "B", "tie"]}},
}
RATED: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["reason", "rating"],
    "properties": {
        "reason": {"type": "string"},
        "rating": {"type": "integer", "minimum": 1, "maximum": 5},
    },
}
_FENCED = re.compile(r"```(?:json)?[ \t]*\n(.*?)\n?```", re.DOTALL | re.IGNORECASE)


class Parsed(NamedTuple):
    """A value that fits its schema, or why there is none."""

    value: Any
    problem: str = ""
    refused: bool = False


def parse_json(text: str, schema: Mapping[str, Any]) -> Parsed:
    """The one JSON value that a text is, fenced or not. Text before or behind it, and two values, are refused."""
    from jsonschema import Draft202012Validator

    text_said = said(text)
    if text_said is None:
        return Parsed(None, STILL_THINKING)
    bare = text_said.strip()
    fenced = _FENCED.fullmatch(bare)
    try:
        value = json.loads(fenced[1] if fenced else bare, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as wrong:
        return Parsed(None, f"is no JSON: {wrong}"[:200], refuses(bare))
    problem = next(iter(Draft202012Validator(schema).iter_errors(value)), None)
    if problem is not None:
        return Parsed(None, f"does not fit its schema: {problem.message}"[:200])
    return Parsed(value)


def read_better(text: str) -> CallReading:
    """A reply that fits `COMPARED`: 1 where A is better, 0 where B is."""
    parsed = parse_json(text, COMPARED)
    if parsed.value is None:
        return _unread(parsed)
    better = parsed.value["better"]
    return CallReading(State.TIE) if better == "tie" else CallReading(State.PREFERENCE, float(better == "A"))


def read_rating(text: str) -> CallReading:
    """A reply that fits `RATED`, its rating as a share of the scale."""
    parsed = parse_json(text, RATED)
    if parsed.value is None:
        return _unread(parsed)
    return CallReading(State.SCORE, (int(parsed.value["rating"]) - 1) / 4)


def _unread(parsed: Parsed) -> CallReading:
    return CallReading(State.JUDGE_REFUSED if parsed.refused else State.UNREADABLE, detail=parsed.problem)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # a verdict given twice is no verdict; Python would keep the last
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
