"""What commit 53e3bbf left is used by today's code: judged again, audited, reviewed, trained on, resumed.

`tests/fixtures/make_53e3bbf.sh` made it. Nothing that was paid then is paid again.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.exchange.pairs import read_pairs
from rlaif.workflows.datasets.review import AGAINST, as_reviewed, decisions_of

KEPT = Path(__file__).parent.parent / "fixtures" / "53e3bbf"
STORE = ".rlaif/store.sqlite"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "project"
    shutil.copytree(KEPT, copy)
    monkeypatch.chdir(copy)
    monkeypatch.delenv("RLAIF_STORE", raising=False)
    return copy


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What a command says as JSON."""
    capsys.readouterr()
    code = main([*words, "--json"])
    out, err = capsys.readouterr()
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def calls(store: Path) -> dict[str, tuple[int, float]]:
    """Tries and time of every finished call."""
    with closing(sqlite3.connect(store)) as held:
        rows = held.execute("SELECT key, tries, at FROM calls WHERE reply IS NOT NULL").fetchall()
    return {key: (tries, at) for key, tries, at in rows}


@pytest.mark.parametrize(("run", "rules"), [("r1", "house.yaml"), ("r1-edited", "house-edited.yaml")])
def test_judging_again_asks_nothing_and_says_the_same(
    project: Path, run: str, rules: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = calls(Path(STORE))
    words = ["--judge", "micro", "--constitution", rules, "--out", "runs/again", "--min-pair-share", "0"]
    made = said(capsys, "judge", f"runs/{run}", *words)
    assert made["calls"]["new"] == 0
    assert calls(Path(STORE)) == before
    old, new = (read_pairs(Path("runs") / name / "pairs.jsonl") for name in (run, "again"))
    assert [(each.id, each.label_prob) for each in new] == [(each.id, each.label_prob) for each in old]


def test_runs_are_audited_and_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = said(capsys, "audit", "runs/r1")
    assert found["counts"]["completions"] == 18
    pair = read_pairs(Path("runs/r1/pairs.jsonl"))[0]
    assert main(["audit", "show", pair.id, "--run", "runs/r1"]) == 0
    assert main(["status", "runs/r1"]) == 0
    assert main(["audit", "compare", "runs/r1", "runs/r1-edited"]) == 0


def test_decisions_of_people_stand(project: Path) -> None:
    run = Path("runs/r1")
    pairs = read_pairs(run / "pairs.jsonl")
    assert len(decisions_of(run, None, pairs)) == 4
    kept, counts = as_reviewed(run, None, pairs, "turn")
    assert counts == {"tie": 1, AGAINST: 1}
    assert kept[0].chosen == pairs[0].rejected


def test_pairs_are_trained_on(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = calls(Path(STORE))
    made = said(capsys, "train", "runs/r1", "--steps", "1", "--batch-size", "2", "--out", "models/r1")
    assert made["steps"] == 1
    assert calls(Path(STORE)) == before


def test_an_archive_needs_no_store(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tarfile.open("r1.tar.gz") as archive:
        archive.extractall(tmp_path / "elsewhere", filter="data")
    run = tmp_path / "elsewhere" / "r1"
    assert said(capsys, "audit", str(run))["counts"]["pairs"] == 3
    # critiques are in its pairs, and the calls behind them not in the archive
    words = ["--judge", "micro", "--constitution", "house.yaml", "--out", "runs/again", "--no-critique"]
    made = said(capsys, "judge", str(run), *words, "--store", str(run / STORE))
    assert made["calls"]["new"] == 0


def test_a_recipe_that_was_stopped_goes_on(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What this version asks of the first model is what that one would have asked; what was paid stays."""
    before = calls(Path(STORE))
    sampled = Path("runs/loop/round-1/completions.jsonl").read_bytes()
    found = said(capsys, "run", "loop.yaml", "--out", "runs/loop")
    assert [row["round"] for row in found["rounds"]] == [0, 1, 2]
    assert Path("runs/loop/round-1/completions.jsonl").read_bytes() == sampled
    after = calls(Path(STORE))
    assert {key: after[key] for key in before} == before
    assert set(json.loads(Path("expected.json").read_text())["keys"]) <= after.keys()
