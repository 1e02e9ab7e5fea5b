"""What each round spent is read from the notes of its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rlaif.review.round_charts import round_panels, step_spending
from tests.review.view.projects import record


def note(run: Path, name: str, **own: Any) -> None:
    record(
        run / "steps" / Path(name).parent,
        f"{Path(name).name}.json",
        {"key": "k", "facts": {}, "outputs": {}, **own},
    )


def test_a_round_spent_what_its_steps_spent_together(tmp_path: Path) -> None:
    note(tmp_path, "round-1/sample", spent={"tokens": 10, "money": 0.5})
    note(tmp_path, "round-1/judge", spent={"tokens": 20, "money": None})
    note(tmp_path, "round-2/judge", spent={"tokens": 5, "money": 0.25})
    assert step_spending(tmp_path, "tokens") == {1: 30, 2: 5}
    assert step_spending(tmp_path, "money") == {2: 0.25}


def test_of_a_step_of_an_older_version_nothing_is_said(tmp_path: Path) -> None:
    note(tmp_path, "round-1/sample", spent={"tokens": 10})
    note(tmp_path, "round-1/judge")
    assert step_spending(tmp_path, "tokens") == {}


def test_the_strength_of_rounds_is_a_curve_once_there_are_two(tmp_path: Path) -> None:
    row = {"value": 0.5, "at_equal_length": 0.25}
    ranked = [{"round": 0, "value": 0.0, "at_equal_length": 0.0}, {"round": 1, **row}]
    [panel] = [
        each
        for each in round_panels(tmp_path, [{"round": 0}, {"round": 1, "strengths": ranked}])
        if each.title.startswith("strength")
    ]
    assert panel.series == {"as they are": [0.0, 0.5], "at equal length": [0.0, 0.25]}
    assert round_panels(tmp_path, [{"round": 0}]) == []
