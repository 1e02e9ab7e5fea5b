"""A project and its runs: init, status, report, pack."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import StoreError
from rlaif.store import Store
from rlaif.workflows.generate import generate
from rlaif.workflows.pack import STORE_INSIDE, pack, referred

from .conftest import Configured


def test_init_writes_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "p")]) == 0
    written = capsys.readouterr().out.split()
    assert all(Path(path).exists() for path in written)
    assert main(["init", str(tmp_path / "p")]) == 2


def test_status_says_where_a_run_stands(configured: Configured, capsys: pytest.CaptureFixture[str]) -> None:
    made = generate(configured())
    assert main(["status", str(made.run), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["pairs"], shown["command"]) == ("done", 8, "generate")
    (made.run / "run.json").unlink()
    assert main(["status", str(made.run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "interrupted"


def test_report_can_be_written_elsewhere(
    configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = generate(configured())
    assert main(["report", str(made.run), "--out", str(tmp_path / "page.html")]) == 0
    assert "8 pairs" in (tmp_path / "page.html").read_text()


def test_a_packed_run_needs_no_store(configured: Configured, tmp_path: Path) -> None:
    made = generate(configured())
    archive = pack(made.run)
    (tmp_path / ".rlaif" / "store.sqlite").unlink()
    with tarfile.open(archive) as inside:
        inside.extractall(tmp_path / "elsewhere", filter="data")
    unpacked = tmp_path / "elsewhere" / "run"
    assert (unpacked / "pairs.jsonl").read_bytes() == (made.run / "pairs.jsonl").read_bytes()
    keys = set(referred(unpacked))
    assert keys
    with Store.open(unpacked / STORE_INSIDE) as store:
        for key in keys:
            call = store.call(key)
            assert call is not None
            assert call.reply is not None
    assert not (unpacked / "run.lock").exists()


def test_a_run_whose_calls_are_gone_is_not_packed(configured: Configured, tmp_path: Path) -> None:
    made = generate(configured())
    with Store.open(tmp_path / "empty.sqlite"):
        pass
    with pytest.raises(StoreError, match="not the store that this run used"):
        pack(made.run, store=tmp_path / "empty.sqlite")
    assert not (tmp_path / "run.tar.gz").exists()
