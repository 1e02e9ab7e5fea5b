"""`rlaif evaluate --dry-run`: the plan is told, and nothing is opened or written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.errors import ModelError
from rlaif.workflows.configs import EvaluateConfig
from rlaif.workflows.dry_run.evaluation import plan
from rlaif.workflows.models.defaults import choose_evaluate
from tests.workflows.conftest import GREETS, SILENT, Write


@pytest.fixture
def config(tmp_path: Path, script: Write, judge: str, prompts: Path, constitution: Path) -> EvaluateConfig:
    return choose_evaluate(
        EvaluateConfig(
            policy=script("polite", [{"texts": [GREETS]}]),
            against=(script("curt", [{"texts": [SILENT]}]),),
            judge=judge,
            prompts=str(prompts),
            constitution=str(constitution),
            store=tmp_path / "store.sqlite",
        )
    )


def test_a_plan_opens_nothing_and_writes_nothing(config: EvaluateConfig, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert "8 prompts" in plan(config).text
    assert sorted(tmp_path.iterdir()) == before


def test_a_plan_refuses_a_model_that_is_not_there(config: EvaluateConfig) -> None:
    with pytest.raises(ModelError, match="no such model"):
        plan(replace(config, policy="hf:/no/such/model"))
