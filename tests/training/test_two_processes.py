"""Two processes (gloo, CPU) take the steps of one: as copies and as parts of one model, launched as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.exchange.pairs import write_pairs
from rlaif.records import Message

from .builders import make_examples, make_pairs, read_weights
from .conftest import MakeDirectory

pytestmark = pytest.mark.heavy
TESTS = Path(__file__).resolve().parent
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m"]
ACCELERATE = [
    str(Path(sys.executable).with_name("accelerate")), "launch", "--cpu", "--num_processes", "2",
    "--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "-m",
]  # fmt: skip
UNLIKE = {"seconds", "padding_ratio"}
"""Figures of the layout, which another split of the rows changes."""
OWN = ("base", "ema")
"""Teachers of a distillation, which reads whole weights: it is refused in parts."""


def train(policy: Path, out: Path, parallel: str) -> None:
    """Seven pairs in threes: the last step has one pair, no replay, and nothing for the second process."""
    from rlaif.training import (
        DistillConfig,
        DPOConfig,
        RewardConfig,
        train_distill,
        train_dpo,
        train_reward,
    )

    shared = {"batch_size": 3, "learning_rate": 1e-3, "batch_tokens": 60, "parallel": parallel}
    train_dpo(
        DPOConfig(nll=0.1, replay={"judge": 0.25}, **shared),
        make_pairs(7),
        policy=policy,
        reference="previous",
        out=out / "dpo",
        replay=make_examples(5),
    )
    train_reward(RewardConfig(**shared), make_pairs(7), base=policy, out=out / "reward")
    # the look at held-out pairs after the last step is the last that the model does before it is saved
    train_dpo(
        DPOConfig(held_out=0.25, steps=3, **shared),
        make_pairs(12),
        policy=policy,
        reference="init",
        out=out / "held",
    )
    train_dpo(
        DPOConfig(lora=2, **shared), make_pairs(7), policy=policy, reference="previous", out=out / "lora"
    )
    told = Message(role="system", content="be brief")
    taught = [replace(each, teacher=(told, *each.messages[:-1])) for each in make_examples(7)]
    # the mean of the weights is a teacher that every process must follow alike
    for teacher in OWN if parallel == "ddp" else ():
        config = DistillConfig(form="full", teacher=teacher, **shared)
        train_distill(config, taught, policy=policy, out=out / f"distill-{teacher}")


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def launch(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=TESTS.parents[1])
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def assert_alike(one: Path, two: Path, tolerance: float) -> None:
    first, second = history(one), history(two)
    assert len(first) == len(second) > 1
    for mine, theirs in zip(first, second, strict=True):
        for name in mine.keys() - UNLIKE:
            assert theirs[name] == pytest.approx(mine[name], rel=tolerance, abs=1e-4), name
    before, after = (read_weights(side) for side in (one, two))
    assert before.keys() == after.keys()
    for name, each in before.items():
        assert each.shape == after[name].shape
        assert (each - after[name]).abs().max() < 1e-4, name


# the curve of losses: 1e-5 as copies, 1e-4 in parts, whose sums are taken in another order
@pytest.mark.parametrize(("parallel", "tolerance"), [("ddp", 1e-5), ("fully_shard", 1e-4)])
def test_two_processes_take_the_steps_of_one(
    parallel: str, tolerance: float, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    train(model_dir(), tmp_path / "one", "ddp")
    module = f"{TESTS.name}.{Path(__file__).stem}"
    launch([*TORCHRUN, module, str(model_dir()), str(tmp_path / "two"), parallel])
    taught = [f"distill-{each}" for each in OWN] if parallel == "ddp" else []
    for method in ("dpo", "reward", "lora", "held", *taught):
        one, two = history(tmp_path / "one" / method), history(tmp_path / "two" / method)
        assert len(one) == len(two) == 3
        for first, second in zip(one, two, strict=True):
            assert second["loss"] == pytest.approx(first["loss"], rel=tolerance), method
        # other figures are differences of nearly equal numbers, or follow weights that Adam moves by signs
        assert_alike(tmp_path / "one" / method, tmp_path / "two" / method, 1e-4)
    shards = sorted((tmp_path / "two").glob("shards-*.json"))
    found = [json.loads(path.read_text()) for path in shards]
    assert len(found) == 2
    assert all(each["sharded"] == (each["parameters"] if parallel == "fully_shard" else 0) for each in found)


@pytest.mark.parametrize("launcher", [TORCHRUN, ACCELERATE], ids=["torchrun", "accelerate"])
def test_a_launcher_runs_the_command(launcher: list[str], model_dir: MakeDirectory, tmp_path: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", make_pairs(6))
    options = ["train", str(tmp_path / "pairs.jsonl"), "--policy", str(model_dir()), "--steps", "2"]
    options += ["--batch-size", "4", "--learning-rate", "1e-3", "--json"]
    launch([sys.executable, "-m", "rlaif", *options, "--out", str(tmp_path / "one")])
    done = launch(
        [*launcher, "rlaif", *options, "--out", str(tmp_path / "two"), "--loop", "parallel=fully_shard"]
    )
    # the first process speaks, the second does not
    assert json.loads(done.stdout)["steps"] == 2
    assert_alike(tmp_path / "one", tmp_path / "two", 1e-4)


def _note_shards(out: Path) -> None:
    """Count, as training starts to take steps, which parameters are in parts."""
    from torch.distributed.tensor import DTensor

    from rlaif.training import loop

    step = loop._step

    def noting(number: int, job: loop.LoopJob, *rest: object) -> dict[str, float]:
        parameters = list(job.scorer.parameters())
        sharded = [each for each in parameters if isinstance(each, DTensor)]
        assert all(each.to_local().numel() < each.numel() for each in sharded if each.shape[0] > 1)
        note = {"sharded": len(sharded), "parameters": len(parameters)}
        out.mkdir(parents=True, exist_ok=True)
        (out / f"shards-{os.environ['RANK']}.json").write_text(json.dumps(note))
        return step(number, job, *rest)  # type: ignore[arg-type]

    loop._step = noting  # type: ignore[assignment]


if __name__ == "__main__":
    _note_shards(Path(sys.argv[2]))
    train(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
