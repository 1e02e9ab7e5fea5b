"""`rlaif generate --dry-run`: the plan is told, and nothing is opened or written."""

from __future__ import annotations

from pathlib import Path

from rlaif.workflows.dry_run.generate import plan
from tests.workflows.conftest import Configured


def test_a_plan_touches_nothing(configured: Configured, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert "8 prompts" in plan(configured()).text
    assert sorted(tmp_path.iterdir()) == before
