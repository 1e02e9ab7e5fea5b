"""The table from the command: what it refuses, what it keeps, and a tiny one from end to end."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from rlaif.cli.commands import cli
from rlaif.errors import DiskError
from rlaif.workflows.lab.table import run as workflow
from rlaif.workflows.lab.table import settings
from rlaif.workflows.lab.table.cell import TableCell
from rlaif.workflows.lab.table.config import TableConfig
from rlaif.workflows.report import report

TINY = """
budget: {answers: 60, judge_calls: 4000, tokens: 400000}
recipes:
  smoke:
    measures: policy
    judge: {role: judge}
    set: {models.judge: micro, round.sample.prompts: 5, round.sample.n: 2, round.train.steps: 1,
      round.train.batch_size: 2}
    tried: ["seed 100: these"]
  reward-model:
    measures: reward
    judge: {role: judge}
    set: {round.sample.prompts: 8, round.sample.n: 2, round.train.epochs: 1}
  rlcd:
    measures: policy
    judge: {none: contrasts}
    set: {}
baselines: {}
"""


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "settings.yaml"
    file.write_text(TINY)
    monkeypatch.setattr(settings, "FILE", file)
    monkeypatch.chdir(tmp_path)
    settings.table_settings.cache_clear()
    yield tmp_path
    settings.table_settings.cache_clear()


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(cli, ["lab", "table", *words])
    return found.exit_code, found.output + str(found.exception or "")


def kept(cell: TableCell, *_: object) -> dict[str, object]:
    """What playing gives, without playing."""
    gold = {f"p{n}": 0.5 + n / 100 for n in range(6)}
    spent = {"answers": 1, "judge_calls": 2, "tokens": 3}
    return {"figure": "gold", "by_prompt": gold, "start": gold, "won": gold, "spent": spent, "seconds": 1.0}


def test_a_dry_run_says_cells_reasons_tries_and_how_long_and_writes_nothing(tiny: Path) -> None:
    code, said = run("--dry-run", "--out", "t", "--columns", "good,noisy", "--seeds", "1")
    assert code == 0
    assert "cell: noisy_smoke_seed0" in said
    assert "n/a: noisy, rlcd: contrasts" in said
    assert "tried: smoke: seed 100: these" in said
    assert "forecast: 5 cells" in said
    assert not (tiny / "t").exists()


def test_a_table_begun_with_other_settings_is_refused_and_more_cells_are_not(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "play", kept)
    assert run("--out", "t", "--columns", "good", "--seeds", "1", "--recipes", "smoke")[0] == 0
    code, said = run("--out", "t", "--columns", "good", "--measured", "9")
    assert code != 0
    assert "measured" in said
    assert "Traceback" not in said
    code, said = run("--out", "t", "--columns", "good,weak", "--seeds", "1", "--recipes", "smoke,rlcd")
    assert code == 0, said
    assert len(list((tiny / "t" / "cells").iterdir())) == 3


def test_the_page_of_a_table_can_be_written_again(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "play", kept)
    assert run("--out", "t", "--columns", "good", "--seeds", "1", "--recipes", "smoke")[0] == 0
    page = tiny / "t" / "report.html"
    before = page.read_text()
    page.unlink()
    assert report(tiny / "t") == tiny / "t" / "report.html"
    assert page.read_text() == before


def test_what_is_finished_is_kept_where_the_disk_is_full_and_the_same_command_goes_on(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played: list[str] = []

    def full(cell: TableCell, *more: object) -> dict[str, object]:
        if len(played) == 1:
            raise DiskError("t/work", "No space left on device")
        played.append(cell.name)
        return kept(cell, *more)

    monkeypatch.setattr(workflow, "play", full)
    code, said = run("--out", "t", "--columns", "good", "--seeds", "1")
    assert code != 0
    assert "No space left" in said or str(errno.ENOSPC) in said
    assert json.loads((tiny / "t" / "table.json").read_text())["columns"][0]["rows"][0]["recipe"] == "smoke"
    monkeypatch.setattr(workflow, "play", kept)
    assert run("--out", "t", "--columns", "good", "--seeds", "1")[0] == 0
    assert len(list((tiny / "t" / "cells").iterdir())) == 3


def test_a_record_of_other_sizes_is_made_again(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "play", kept)
    words = ("--out", "t", "--columns", "good", "--seeds", "1", "--recipes", "smoke")
    assert run(*words)[0] == 0
    (tiny / "settings.yaml").write_text(TINY.replace("round.sample.n: 2", "round.sample.n: 3", 1))
    settings.table_settings.cache_clear()
    cells, _ = workflow.plan(TableConfig(out=Path("t"), columns=("good",), seeds=1, recipes=("smoke",)))
    assert "cell: good_smoke_seed0" in cells


@pytest.mark.heavy
def test_a_tiny_table_is_whole_and_goes_on_where_it_was(tiny: Path) -> None:
    words = [
        "--out",
        "t",
        "--columns",
        "good,noisy",
        "--seeds",
        "1",
        "--recipes",
        "smoke,reward-model",
        "--measured",
        "6",
        "--draws",
        "1",
    ]
    code, said = run(*words)
    assert code == 0, said
    found = json.loads((tiny / "t" / "table.json").read_text())
    rows = {(each["column"], row["recipe"]): row for each in found["columns"] for row in each["rows"]}
    assert set(rows) == {(c, r) for c in ("good", "noisy") for r in ("smoke", "reward-model")}
    assert all(not row["failed"] for row in rows.values()), rows
    assert rows["good", "smoke"]["judge_calls"] > 0
    assert rows["good", "smoke"]["measures"] == "gold"
    assert rows["good", "reward-model"]["start"] == 0.5
    assert rows["good", "smoke"]["dealt"] is None
    assert 0 < rows["noisy", "reward-model"]["dealt"] < 0.5
    assert (tiny / "t" / "report.html").read_text().count("<svg") >= 2
    assert not any((tiny / "t" / "work").iterdir())
    before = (tiny / "t" / "cells" / "good_smoke_seed0.json").read_bytes()
    (tiny / "t" / "cells" / "noisy_smoke_seed0.json").unlink()
    code, said = run(*words)
    assert code == 0, said
    assert (tiny / "t" / "cells" / "good_smoke_seed0.json").read_bytes() == before
    assert (tiny / "t" / "cells" / "noisy_smoke_seed0.json").is_file()
