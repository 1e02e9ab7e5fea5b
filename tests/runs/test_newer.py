"""A run of a later version, or one that was not finished, is said to be one, with the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.runs.newer import newer, unfinished


@pytest.mark.parametrize(
    ("version", "told"), [("0.0.9", False), ("0.1.0", False), ("99.0.0", True), ("0.99.1rc1", True)]
)
def test_only_a_later_version_is_told(version: str, told: bool, tmp_path: Path) -> None:
    (tmp_path / "claim.json").write_text(f'{{"versions": {{"rlaif": "{version}"}}}}')
    assert bool(newer(tmp_path)) is told


def test_a_run_that_says_no_version_is_no_newer_one(tmp_path: Path) -> None:
    assert newer(tmp_path) == ""


def test_what_was_begun_and_has_no_end_is_unfinished(tmp_path: Path) -> None:
    assert unfinished(tmp_path) == ""
    (tmp_path / "claim.json").write_text("{}")
    assert "the command that began it goes on" in unfinished(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    assert unfinished(tmp_path) == ""
