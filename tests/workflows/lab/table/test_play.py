from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.lab.table.play import SECONDS, _overspent, counted_seconds, key_of


def test_seconds_of_a_command_that_was_interrupted_count_too(tmp_path: Path) -> None:
    work = tmp_path / "work" / "cell"
    with pytest.raises(KeyboardInterrupt), counted_seconds(work):
        raise KeyboardInterrupt
    (work / SECONDS).write_text("40.0")
    with counted_seconds(work) as seconds:
        assert seconds() >= 40.0


def test_what_is_spent_beyond_the_budget_fails_by_its_name() -> None:
    assert _overspent({"answers": 500, "judge_calls": 0, "tokens": 0}) == {}
    found = _overspent({"answers": 501, "judge_calls": 9000, "tokens": 0})
    assert found == {"failed": "it spent 501 answers of 500, 9,000 judge calls of 8,000"}


def test_another_judge_seed_or_number_of_prompts_is_another_cell() -> None:
    config, other = TableConfig(out=Path("t")), TableConfig(out=Path("t"), measured=9)
    cells = [
        TableCell(recipe="ai-feedback", column=column, seed=seed)
        for column in ("good", "noisy")
        for seed in (0, 1)
    ]
    keys = {key_of(each, config) for each in cells} | {key_of(cells[0], other)}
    assert len(keys) == 5
