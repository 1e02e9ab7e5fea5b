"""The notebooks of docs/notebooks/: made of the cells of docs/make_notebooks.py, small, and every cell of them runs."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import script

ROOT = Path(__file__).resolve().parents[1]
MOST_BYTES = 200_000


MAKER = script(ROOT / "docs" / "make_notebooks.py")


def written(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "docs" / "notebooks" / f"{name}.ipynb").read_text())
    return found


def test_there_is_a_notebook_for_each_main_job_and_no_other() -> None:
    assert {each.stem for each in (ROOT / "docs" / "notebooks").glob("*.ipynb")} == set(MAKER.CELLS)


@pytest.mark.parametrize("name", MAKER.CELLS)
def test_a_notebook_has_the_cells_that_its_maker_writes(name: str) -> None:
    cells = [(each["cell_type"], "".join(each["source"])) for each in written(name)["cells"]]
    assert cells == [tuple(each) for each in MAKER.CELLS[name]]


@pytest.mark.parametrize("name", MAKER.CELLS)
def test_a_notebook_was_executed_from_top_to_bottom_without_an_error_and_is_small(name: str) -> None:
    code = [each for each in written(name)["cells"] if each["cell_type"] == "code"]
    assert [each["execution_count"] for each in code] == list(range(1, len(code) + 1))
    outputs = [output for each in code for output in each["outputs"]]
    assert outputs
    assert {output["output_type"] for output in outputs} <= {"stream", "execute_result", "display_data"}
    text = (ROOT / "docs" / "notebooks" / f"{name}.ipynb").read_text()
    assert len(text.encode()) < MOST_BYTES
    assert "<script" not in text
    assert "/tmp/" not in text


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Future[str]]:
    """All notebooks, executed two at a time: each waits for kernels more than for a processor."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return {
            name: pool.submit(MAKER.executed, name, tmp_path_factory.mktemp(name)) for name in MAKER.CELLS
        }


@pytest.mark.heavy
@pytest.mark.parametrize("name", MAKER.CELLS)
def test_every_cell_of_a_notebook_runs(name: str, executed: dict[str, Future[str]]) -> None:
    made = json.loads(executed[name].result())  # raises what a cell raised
    code = [each for each in made["cells"] if each["cell_type"] == "code"]
    assert [each["execution_count"] for each in code] == list(range(1, len(code) + 1))
