"""The page about Python runs as it stands, block after block, and prints what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import blocks, run_python

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
TRAINS = ("Train", "Run a recipe")
"""Sections that take minutes."""


def test_the_page_runs_and_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    slow = {each for section in TRAINS for each in blocks(PAGE, section)}
    run_python(PAGE, [each for each in blocks(PAGE) if each not in slow], {})


@pytest.mark.heavy
def test_its_trainings_run_and_print_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    start = [*blocks(PAGE)[:1], *blocks(PAGE, "Make preference pairs")[:2]]
    run_python(PAGE, [*start, *(each for section in TRAINS for each in blocks(PAGE, section))], {})
