"""A finished run knows its files by their digests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rlaif.runs.claim import claim
from rlaif.runs.seal import edited, file_digests


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "r"
    with claim(folder, {"seed": 1}, command="generate") as held:
        (folder / "round-1").mkdir()
        for name in ("pairs.jsonl", "round-1/pairs.jsonl", "judgments.jsonl", "completions.jsonl"):
            (folder / name).write_text(f"{name}\n")
        (folder / "comparisons.jsonl").write_text("")
        held.finish({})
    return folder


def test_run_json_holds_the_digest_of_every_file_that_is_read_later(run: Path) -> None:
    sealed = json.loads((run / "run.json").read_text())["files"]
    assert sealed == file_digests(run)
    assert sorted(sealed) == [
        "comparisons.jsonl", "completions.jsonl", "judgments.jsonl", "pairs.jsonl", "round-1/pairs.jsonl",
    ]  # fmt: skip
    assert all(each.startswith("sha256:") for each in sealed.values())


def test_a_file_that_was_changed_is_named_wherever_the_run_lies(run: Path, tmp_path: Path) -> None:
    files = [run / "pairs.jsonl", run / "round-1/pairs.jsonl"]
    assert edited(run, files) == []
    files[1].write_text("changed\n")
    assert edited(run, files) == edited(run / "round-1", files) == edited(files[1], files) == [files[1]]
    moved = shutil.move(run, tmp_path / "moved")
    assert edited(moved, [moved / "round-1/pairs.jsonl"]) == [moved / "round-1/pairs.jsonl"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"files": 5}', '{"files": {"pairs.jsonl": 5}}'])
def test_of_a_run_without_digests_nothing_is_said(run: Path, text: str) -> None:
    (run / "run.json").write_text(text)
    assert edited(run, [run / "pairs.jsonl"]) == ([run / "pairs.jsonl"] if "pairs" in text else [])
    (run / "run.json").unlink()
    assert edited(run, [run / "pairs.jsonl"]) == []


def test_files_outside_of_a_run_are_nobodys(run: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text("x")
    assert edited(tmp_path / "pairs.jsonl", [tmp_path / "pairs.jsonl"]) == []
    assert edited(run, [tmp_path / "pairs.jsonl", run / "gone.jsonl"]) == []
