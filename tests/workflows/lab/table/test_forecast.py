from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.lab.table.forecast import TablePace, total_seconds
from rlaif.workflows.lab.table.grid import cells
from rlaif.workflows.lab.table.settings import table_settings


def test_the_whole_table_takes_six_hours_of_a_core_at_most() -> None:
    assert total_seconds(list(cells(TableConfig(out=Path("t")))), quick=False) <= 6 * 3600


def test_what_is_left_is_told_by_what_the_others_took() -> None:
    listed = [TableCell(recipe="ai-feedback", column="good", seed=seed) for seed in range(3)]
    usual = table_settings().played["ai-feedback"].seconds
    pace = TablePace(left=list(listed), quick=False)
    assert pace.seconds_left == pytest.approx(3 * usual)
    assert "of one core" in pace.sentence
    pace.after(listed[0], 2 * usual)
    assert pace.seconds_left == pytest.approx(4 * usual)
    assert pace.sentence.startswith("2 cells")
    assert "by what the others took" in pace.sentence
