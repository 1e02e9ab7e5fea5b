"""A pair's origin is said by names; digests stand behind them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rlaif.review.provenance import model_names, provenance_rows
from tests.review.test_app import PAIRS
from tests.review.view import projects


def test_models_and_constitution_are_named_and_no_value_is_a_python_dict(tmp_path: Path) -> None:
    names = model_names(projects.generated(tmp_path / "gen"))
    origin = {
        "constitution": {"name": "house", "version": "1.1.0", "digest": "b2:rules"},
        "judge": "b2:judge",
        "policy": [projects.FIRST, "b2:stranger"],
        "templates": {"compare": "b2:template"},
        "seed": 0,
        "calls": ["b2:call"],
    }
    rows = {each.name: each for each in provenance_rows(replace(PAIRS[0], provenance=origin), names)}
    assert {name: each.said for name, each in rows.items()} == {
        "constitution": "house 1.1.0",
        "judge": "org/judge",
        "policy": "org/small, a model that the run does not name",
        "templates": "compare",
        "seed": "0",
    }
    assert rows["judge"].digest == "b2:judge"


def test_a_run_that_cannot_be_read_names_nothing(tmp_path: Path) -> None:
    assert model_names(tmp_path) == {}
