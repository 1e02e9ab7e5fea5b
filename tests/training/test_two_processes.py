"""Two processes (gloo, CPU) take the steps of one: the same losses, an idle process at a short last step included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .builders import make_examples, make_pairs, read_weights
from .conftest import MakeDirectory

pytestmark = pytest.mark.heavy
TESTS = Path(__file__).resolve().parent


def train(policy: Path, out: Path) -> None:
    """Seven pairs in threes: the last step has one pair, no replay, and nothing for the second process."""
    from rlaif.training import DPOConfig, RewardConfig, train_dpo, train_reward

    shared = {"batch_size": 3, "learning_rate": 1e-3, "batch_tokens": 60}
    train_dpo(
        DPOConfig(nll=0.1, replay={"judge": 0.25}, **shared),
        make_pairs(7),
        policy=policy,
        reference="previous",
        out=out / "dpo",
        replay=make_examples(5),
    )
    train_reward(RewardConfig(**shared), make_pairs(7), base=policy, out=out / "reward")


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_take_the_steps_of_one(model_dir: MakeDirectory, tmp_path: Path) -> None:
    train(model_dir(), tmp_path / "one")
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
    command = [*launch, f"{TESTS.name}.{Path(__file__).stem}", str(model_dir()), str(tmp_path / "two")]
    subprocess.run(command, check=True, env=environment, cwd=TESTS.parents[1])
    for method in ("dpo", "reward"):
        one, two = history(tmp_path / "one" / method), history(tmp_path / "two" / method)
        assert len(one) == len(two) == 3
        for first, second in zip(one, two, strict=True):
            for name in first.keys() - {"seconds", "padding_ratio"}:
                assert second[name] == pytest.approx(first[name], rel=1e-4, abs=1e-5), name
        before, after = (read_weights(tmp_path / side / method) for side in ("one", "two"))
        for name, each in before.items():
            assert (each - after[name]).abs().max() < 1e-4, name


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
