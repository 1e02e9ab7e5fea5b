"""What a directory is that is no run, and what to call instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.runs.described import no_pairs, what_it_is
from rlaif.runs.layout import CLAIM, PAIRS, TRAIN_RECORD, TRAINING


def _file(path: Path, text: str = "{}") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _run(folder: Path) -> Path:
    _file(folder / CLAIM, json.dumps({"command": "run", "config": {}}))
    return folder


def _export(folder: Path) -> None:
    for name in ("export.json", "train.jsonl"):
        _file(folder / name)


DIRECTORIES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "a model of ours": (lambda at: _file(at / "m" / TRAIN_RECORD), "m", "rlaif status {at}/m"),
    "an unfinished training": (
        lambda at: _file(at / "m" / TRAINING / "x"),
        "m",
        "the same `rlaif train` command",
    ),
    "a model of others": (lambda at: _file(at / "m" / "config.json"), "m", "rlaif evaluate --policy {at}/m"),
    "an adapter": (lambda at: _file(at / "m" / "adapter_config.json"), "m", "is a model directory"),
    "a round": (
        lambda at: _file(_run(at / "r") / "round-1" / PAIRS),
        "r/round-1",
        "a round of the run {at}/r",
    ),
    "models of a run": (
        lambda at: _file(_run(at / "r") / "models" / "dpo" / "x"),
        "r/models",
        "name that, or one of {at}/r/models/dpo",
    ),
    "a folder inside a run": (
        lambda at: _file(_run(at / "r") / "steps" / "x"),
        "r/steps",
        "lies in the run {at}/r",
    ),
    "a folder of runs": (lambda at: _run(at / "runs" / "r1"), "runs", "name one of {at}/runs/r1"),
    "a project with runs": (lambda at: _run(at / "p" / "runs" / "r1"), "p", "name one of {at}/p/runs/r1"),
    "a project without": (lambda at: _file(at / "p" / ".rlaif" / "x"), "p", "rlaif generate --out runs/r1"),
    "an export": (lambda at: _export(at / "d"), "d", "rlaif import {at}/d/train.jsonl --out RUN"),
    "an empty one": (lambda at: (at / "e").mkdir(), "e", "it is empty"),
    "somebody else's": (lambda at: _file(at / "f" / "notes.txt"), "f", "it holds notes.txt"),
    "one that is not there": (lambda at: None, "nothing", "nothing is there"),
}


@pytest.mark.parametrize(("make", "name", "said"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_a_directory_that_is_no_run_is_said_to_be_what_it_is(
    make: Callable[[Path], object], name: str, said: str, tmp_path: Path
) -> None:
    make(tmp_path)
    found = what_it_is(tmp_path / name)
    assert found.startswith(f"{tmp_path / name}: is no run directory: ")
    assert said.format(at=tmp_path) in found


def test_many_runs_are_counted_and_not_all_named(tmp_path: Path) -> None:
    for number in range(7):
        _run(tmp_path / f"r{number}")
    assert "and 2 more" in what_it_is(tmp_path)


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("evaluate", "done", "is an evaluation"),
        ("generate", "interrupted", "the same command goes on"),
        ("generate", "done", "name a run of `generate`"),
    ],
)
def test_a_run_without_pairs_says_what_to_call(command: str, status: str, said: str, tmp_path: Path) -> None:
    assert said in no_pairs(_run(tmp_path / "r"), command, status)


def test_a_file_of_pairs_that_is_empty_points_to_the_funnel(tmp_path: Path) -> None:
    _file(_run(tmp_path / "r") / PAIRS, "")
    assert "its file of pairs is empty" in no_pairs(tmp_path / "r", "generate")
