"""A project and its runs: init, status, report, pack."""

from __future__ import annotations

import json
import re
import tarfile
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import StoreError
from rlaif.runs.claim import claim
from rlaif.store import Store
from rlaif.workflows.datasets.pack import STORE_INSIDE, pack, referred
from rlaif.workflows.generate.run import generate
from tests.workflows.conftest import Configured


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


def test_status_is_a_few_lines_for_people(configured: Configured, capsys: pytest.CaptureFixture[str]) -> None:
    made = generate(configured(min_pair_share=1.0, limit=1, n=2))
    assert main(["status", str(made.run)]) == 0
    shown = capsys.readouterr().out
    assert f"{made.run}: generate, done" in " ".join(shown.split())
    assert re.search(r"started \d{4}-\d\d-\d\d \d\d:", " ".join(shown.split()))
    assert "{" not in shown


def test_a_loop_that_was_stopped_says_how_far_it_got(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"round": 0, "gold_mean": 0.5}, {"round": 1, "gold_mean": None}]
    with claim(tmp_path / "loop", {"rounds": 3}, command="run") as held:
        held.progress(round=2, of=3)
        (tmp_path / "loop/rounds.json").write_text(json.dumps(rows))
        assert main(["status", str(tmp_path / "loop"), "--full"]) == 0
        assert "status: running" in capsys.readouterr().out
    assert main(["status", str(tmp_path / "loop"), "--full"]) == 0
    shown = capsys.readouterr().out
    for line in ("status: interrupted", "round: 2 of 3", "rounds: 1", "gold by round: 0.500, -"):
        assert line in shown.splitlines()


def test_a_run_is_packed_from_inside_it(configured: Configured, monkeypatch: pytest.MonkeyPatch) -> None:
    made = generate(configured())
    monkeypatch.chdir(made.run)
    assert main(["pack", "."]) == 0
    assert (made.run.parent / "run.tar.gz").is_file()


def test_characters_that_end_lines_elsewhere_are_text(
    configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "odd.jsonl"
    odd.write_text(json.dumps({"prompt": "One\u2028two\u0085three\x0cfour"}, ensure_ascii=False) + "\n")
    made = generate(configured(prompts=str(odd)))
    assert main(["status", str(made.run), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 1
    assert main(["report", str(made.run)]) == 0
    assert main(["pack", str(made.run)]) == 0


def test_report_can_be_written_elsewhere(
    configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = generate(configured())
    assert main(["report", str(made.run), "--out", str(tmp_path / "page.html")]) == 0
    assert "8 pairs" in (tmp_path / "page.html").read_text()


def test_a_place_that_cannot_be_is_bad_input(
    configured: Configured, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = generate(configured())
    (tmp_path / "file").write_text("")
    for words in (
        ["init", str(tmp_path / "file" / "project")],
        ["report", str(made.run), "--out", str(tmp_path / "file" / "page.html")],
        ["pack", str(made.run), "--out", str(tmp_path / "file" / "run.tar.gz")],
    ):
        assert main(words) == 2, words
        assert "cannot be written" in capsys.readouterr().err


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "recipe.schema.json").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["schemas"]


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
