"""Judgments are read as they were written, and a value of another kind is refused with its line, at every depth."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RunError
from rlaif.exchange.judgments import read_judgments, write_judgments
from rlaif.records import Judgment, State

GOOD = Judgment(
    protocol="compare",
    judge="j",
    prompt_id="b2:1",
    completion_ids=("b2:2", "b2:3"),
    principle_id="kind",
    state=State.PREFERENCE,
    value=0.25,
    calls=("b2:4",),
)


def test_judgments_come_back_as_they_were_written(tmp_path: Path) -> None:
    steps = (
        {"step": 1, "turn": 1, "state": "score", "p": 0.25},
        {"step": 2, "turn": 3, "state": "unreadable"},
    )
    rows = [GOOD, replace(GOOD, steps=steps), GOOD]
    write_judgments(tmp_path / "j.jsonl", rows)
    assert read_judgments(tmp_path / "j.jsonl") == rows


def test_a_judgment_without_steps_is_written_as_before_there_were_any(tmp_path: Path) -> None:
    write_judgments(tmp_path / "j.jsonl", [GOOD])
    assert "steps" not in json.loads((tmp_path / "j.jsonl").read_text())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("principle_id", ["kind"]),
        ("prompt_id", 5),
        ("completion_ids", ["a", None]),
        ("completion_ids", "ab"),
        ("calls", [1]),
        ("calls", None),
        ("votes", ["x"]),
        ("steps", ["x"]),
        ("value", "0.5"),
        ("value", True),
        ("value", 10**400),
        ("state", {}),
        ("state", "unheard of"),
        ("detail", 5),
        ("further", 1),
    ],
)
def test_a_value_of_another_kind_is_refused_with_its_line(tmp_path: Path, name: str, value: Any) -> None:
    row = json.loads(json.dumps(asdict(GOOD)))
    (tmp_path / "j.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {name: value}) + "\n")
    with pytest.raises(RunError, match=r"j\.jsonl:2: is no judgment of ours"):
        read_judgments(tmp_path / "j.jsonl")
