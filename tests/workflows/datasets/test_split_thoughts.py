"""Thoughts between marks in texts of other people stay text, are told of, and are taken out where that is asked for."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from rlaif.exchange.completions import read_completions
from rlaif.exchange.pairs import read_pairs
from rlaif.workflows.datasets.import_preferences import ImportConfig, import_preferences

ROW = {
    "prompt": "2 + 2?",
    "chosen": "<think>\nTwo and two.\n</think>\n\n4",
    "rejected": "The mark <think> begins a thought, </think> ends it.",
}


def brought(folder: Path, **more: bool) -> Path:
    (folder / "rows.jsonl").write_text(json.dumps(ROW) + "\n")
    return import_preferences(ImportConfig(source=str(folder / "rows.jsonl"), out=folder / "run", **more)).run


def test_marked_thoughts_stay_text_and_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run = brought(tmp_path)
    (pair,) = read_pairs(run / "pairs.jsonl")
    assert pair.chosen[0].content == ROW["chosen"]
    assert "1 answers begin with a thought between marks, which stays text; --split-thoughts" in caplog.text


def test_on_demand_they_are_thoughts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = brought(tmp_path, split_thoughts=True)
    (pair,) = read_pairs(run / "pairs.jsonl")
    assert (pair.chosen[0].thought, pair.chosen[0].content) == ("Two and two.", "4")
    assert (pair.rejected[0].thought, pair.rejected[0].content) == ("", ROW["rejected"])
    sides = {said.id: said for _, said in read_completions(run / "completions.jsonl")}
    assert [sides[each].thought for each in pair.completion_ids] == ["Two and two.", ""]
    assert "--split-thoughts" not in caplog.text
