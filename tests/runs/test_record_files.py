"""The JSON files of a run are checked at every depth that somebody reads; what is not as it was written is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RunError
from rlaif.runs.record_files import (
    ARTEFACTS_SCHEMA,
    FUNNEL_SCHEMA,
    NOTE_SCHEMA,
    PROGRESS_SCHEMA,
    ROUNDS_SCHEMA,
    RUN_SCHEMA,
    judge_of,
    read_record,
    read_record_if_there,
)

FIXTURE = Path(__file__).parents[1] / "fixtures" / "53e3bbf" / "runs"


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("r1/run.json", RUN_SCHEMA),
        ("r1/claim.json", RUN_SCHEMA),
        ("loop/claim.json", RUN_SCHEMA),
        ("loop/rounds.json", ROUNDS_SCHEMA),
        ("loop/progress.json", PROGRESS_SCHEMA),
        ("loop/steps/round-1/sample.json", NOTE_SCHEMA),
    ],
)
def test_files_of_earlier_runs_are_as_their_schemas_say(name: str, rules: Any) -> None:
    assert read_record(FIXTURE / name, rules) == json.loads((FIXTURE / name).read_text())


@pytest.mark.parametrize(
    ("rules", "value", "said"),
    [
        (RUN_SCHEMA, {"command": "run"}, "lacks 'config'"),
        (RUN_SCHEMA, {"command": "run", "config": {}, "started": 1e300}, "started"),
        (
            RUN_SCHEMA,
            {"command": "run", "config": {"policies": [{"name": "m"}]}},
            r"config.policies\[0\] lacks",
        ),
        (
            RUN_SCHEMA,
            {"command": "run", "config": {}, "summary": {"warnings": [5]}},
            r"summary.warnings\[0\]",
        ),
        (
            RUN_SCHEMA,
            {
                "command": "run",
                "config": {},
                "summary": {"costs": {"currency": "USD", "models": {"m": {"calls": "x"}}}},
            },
            "summary.costs",
        ),
        (ROUNDS_SCHEMA, {"round": 1}, "must be a list"),
        (ROUNDS_SCHEMA, [{"round": 0, "gold_mean": "high"}], r"\[0\].gold_mean must be"),
        (ROUNDS_SCHEMA, [{"round": 0, "gold_mean": 10**400}], r"\[0\].gold_mean"),
        (FUNNEL_SCHEMA, {"pairs": "3"}, "pairs must be a whole number"),
        (ARTEFACTS_SCHEMA, [{"path": "x"}], r"\[0\] lacks 'kind'"),
        (PROGRESS_SCHEMA, {"round": "1", "of": 2}, "round"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_its_key(
    tmp_path: Path, rules: Any, value: Any, said: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(value))
    with pytest.raises(RunError, match=rf"x\.json: .*{said}"):
        read_record(path, rules)


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_record_if_there(tmp_path / "x.json", FUNNEL_SCHEMA) is None


@pytest.mark.parametrize("judge", [None, "micro", {}])
def test_a_judge_without_a_fingerprint_is_none(judge: Any) -> None:
    assert judge_of({"config": {"judge": judge}}) == {}
    assert judge_of({}) == {}
