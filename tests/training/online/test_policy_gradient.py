"""A whole step against TRL's trainer: rollouts, rewards, reference, update."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[3] / "benchmarks" / "rl_vs_trl.py"


@pytest.mark.heavy
def test_steps_of_grpo_on_the_same_completions_are_trls_in_loss_and_gradient() -> None:
    pytest.importorskip("trl")
    small = ["--case", "small", "--half", "--layers", "2", "--steps", "2", "--threads", "1"]
    done = subprocess.run(
        [sys.executable, str(BENCH), *small, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)["rows"]
    assert row["loss_difference"] < 1e-5
    assert row["grad_norm_difference"] < 1e-4
    assert row["grad_norm"] > 0.1
