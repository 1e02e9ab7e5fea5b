"""`benchmarks/published_judges.py`: what is recorded is recomputed, and a wrong figure is found."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.exchange.benchmarks import cases

SCRIPT = Path(__file__).parents[1] / "benchmarks/published_judges.py"
SHARED = Path(os.environ.get("RLAIF_REFERENCE_DATA", "../shared/data"))
COLUMNS = "acc_avg,both_correct,consistent,P(first slot),invalid,P(prefers longer)"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script with the folder that the variable names."""
    monkeypatch.setenv("RLAIF_REFERENCE_DATA", str(tmp_path))
    spec = importlib.util.spec_from_file_location("published_judges", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "published_judges", module)
    spec.loader.exec_module(module)
    return module


def plant(folder: Path, **golden: Any) -> None:
    (folder / "golden_numbers.json").write_text(json.dumps(golden))


def archive(folder: Path) -> None:
    result = folder / "result.json"
    result.write_text(json.dumps(list(cases.LLMBAR_RECORDED)))
    (folder / "llmbar").mkdir()
    with tarfile.open(folder / "llmbar/evaluator_results.tar.gz", "w:gz") as packed:
        packed.add(result, "Natural/evaluators/Some-LM/CoT/result.json")


# right in both orders, then wrong (the text shown first) and unreadable; each time the longer text
RIGHT = [0.5, 0.5, 0.5, 0.667, 1, 1.0]


def test_what_agrees_is_counted(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive(tmp_path)
    block = {"_cols": COLUMNS, "Some-LM/CoT": RIGHT}
    plant(tmp_path, llmbar_recorded_judges_419_items_2_orders=block)
    assert bench.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"compared": 6, "mismatches": []}


@pytest.mark.parametrize("place", range(6))
def test_a_figure_that_differs_in_its_third_decimal_is_found(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    archive(tmp_path)
    wrong = [value + (0.002 if at == place else 0) for at, value in enumerate(RIGHT)]
    plant(tmp_path, llmbar_recorded_judges_419_items_2_orders={"_cols": COLUMNS, "Some-LM/CoT": wrong})
    assert bench.main(["--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["compared"] == 6
    assert [each["expected"] for each in found["mismatches"]] == [wrong[place]]


def test_judgebench_is_compared_where_its_files_are(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    block = {
        "_cols": "official_acc,both_correct,inconsistent,null_pairs",
        "GRM-Gemma-2B": [50.0, 50.0, 50.0, 1],
    }
    plant(tmp_path, judgebench_recomputed=block)
    assert bench.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"compared": 0, "mismatches": []}
    folder = tmp_path / "judgebench/outputs"
    folder.mkdir(parents=True)
    name = "dataset=judgebench,response_model=gpt-4o-2024-05-13,judge_model=GRM-Gemma-2B.jsonl"
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in cases.JUDGEBENCH))
    assert bench.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["compared"] == 4


def test_no_figures_is_bad_input(bench: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--json"]) == 2
    assert "set RLAIF_REFERENCE_DATA" in capsys.readouterr().err
    assert bench.main(["--jsn"]) == 2


@pytest.mark.skipif(not (SHARED / "golden_numbers.json").is_file(), reason=f"{SHARED} is not there")
def test_every_figure_whose_files_are_there_agrees(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "FOLDER", SHARED)
    assert bench.main(["--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    golden = json.loads((SHARED / "golden_numbers.json").read_text())
    judges = golden["llmbar_recorded_judges_419_items_2_orders"].keys() - {"_cols"}
    models = golden["xstest_kappa"].keys() - {"_cols"}
    counts = sum(len(kind) for part in golden["rbr_gold_class_counts"].values() for kind in part.values())
    reachable = 6 * len(judges) + len(golden["llmbar_shorter_wins_baseline"]) + 3 * len(models) + counts
    assert reachable == 121
    assert found == {"compared": reachable, "mismatches": []}
