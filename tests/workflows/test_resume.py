"""kill -9 anywhere, then the same command: nothing finished is repeated, and the results are those of a whole run."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.workflows.recipe.test_run import RECIPE

from .conftest import CONSTITUTION, GREETS, SILENT, asked, judge_rows

pytestmark = pytest.mark.timing
ROOT = Path(__file__).resolve().parents[2]
KILLED = -signal.SIGKILL
Kill = Callable[[int | str, list[str]], int]


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    """Runs a command line that dies after keeping so many things; its exit code."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.workflows.kill_child"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def ask(last: int | str, arguments: list[str]) -> int:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps([last, arguments]) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    yield ask
    assert server.stdin is not None
    server.stdin.close()
    server.wait()


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The files of the world of two texts."""

    def rows(name: str, values: list[dict[str, object]]) -> None:
        (tmp_path / name).write_text("".join(json.dumps(value) + "\n" for value in values))

    rows("policy.jsonl", [{"contains": [], "texts": [GREETS, SILENT]}])
    rows("judge.jsonl", judge_rows())
    rows("prompts.jsonl", [{"prompt": asked(n), "tags": ["sum"], "gold": "micro"} for n in range(8)])
    (tmp_path / "tiny.yaml").write_text(CONSTITUTION)
    return tmp_path


def generate(world: Path, place: str) -> list[str]:
    return [
        "generate", "--policy", f"script:{world}/policy.jsonl", "--judge", f"script:{world}/judge.jsonl",
        "--prompts", f"{world}/prompts.jsonl", "--constitution", f"{world}/tiny.yaml", "--n", "2",
        "--out", f"{world}/{place}/run", "--store", f"{world}/{place}/store.sqlite",
    ]  # fmt: skip


def calls(store: Path) -> list[tuple[str, int]]:
    """Key and number of tries of every call, which must be one: a finished call is never made again."""
    with sqlite3.connect(store) as connection:
        return connection.execute("SELECT key, tries FROM calls ORDER BY key").fetchall()


@pytest.mark.parametrize("last", [1, 2, 5, 9, 14, 18, 22])
def test_generate_killed_anywhere_ends_like_an_unbroken_one(kill: Kill, world: Path, last: int) -> None:
    assert kill(0, generate(world, "whole")) == 0
    assert kill(last, generate(world, "killed")) == KILLED
    assert kill(0, generate(world, "killed")) == 0
    for name in ("pairs.jsonl", "completions.jsonl", "judgments.jsonl"):
        assert (world / "killed/run" / name).read_bytes() == (world / "whole/run" / name).read_bytes()
    assert calls(world / "killed/store.sqlite") == calls(world / "whole/store.sqlite")


@pytest.mark.parametrize("last", [1, 3, 6, 9, 12])
def test_judge_killed_anywhere_ends_like_an_unbroken_one(kill: Kill, world: Path, last: int) -> None:
    assert kill(0, generate(world, "source")) == 0

    def judge(place: str) -> list[str]:
        judged = ["judge", f"{world}/source/run", "--judge", f"script:{world}/judge.jsonl"]
        return [*judged, "--out", f"{world}/{place}/run", "--store", f"{world}/{place}/store.sqlite"]

    assert kill(0, judge("whole")) == 0
    assert kill(last, judge("killed")) == KILLED
    assert kill(0, judge("killed")) == 0
    assert (world / "killed/run/pairs.jsonl").read_bytes() == (world / "whole/run/pairs.jsonl").read_bytes()
    assert calls(world / "killed/store.sqlite") == calls(world / "whole/store.sqlite")


def _recipe(world: Path, mini: Path) -> Path:
    path = world / "recipe.yaml"
    judge = f"script:{world}/judge.jsonl"
    text = RECIPE.format(
        policy=mini, judge=judge, constitution=world / "tiny.yaml", prompts=world / "prompts.jsonl"
    )
    path.write_text(text.replace("rounds: 2", "rounds: 1"))
    return path


def _loop(world: Path, recipe: Path, place: str) -> list[str]:
    return ["run", str(recipe), "--out", f"{world}/{place}/run", "--store", f"{world}/{place}/store.sqlite"]


LOOP_POINTS = {
    "measuring": 4,
    "drawing": 20,
    "judging": 30,
    "comparing": 37,
    "last step of the training": 46,
    "training done, round not": 48,
    "measuring again": 60,
}
QUICK = ("judging", "last step of the training")


@pytest.mark.parametrize(
    "last",
    [
        pytest.param(place, id=name, marks=() if name in QUICK else pytest.mark.heavy)
        for name, place in LOOP_POINTS.items()
    ],
)
def test_a_loop_killed_anywhere_ends_like_an_unbroken_one(
    kill: Kill, world: Path, mini: Path, last: int
) -> None:
    recipe = _recipe(world, mini)
    assert kill(0, _loop(world, recipe, "whole")) == 0
    assert kill(last, _loop(world, recipe, "killed")) == KILLED
    assert kill(0, _loop(world, recipe, "killed")) == 0
    for name in ("rounds.json", "round-1/pairs.jsonl", "models/round-1/model.safetensors"):
        assert (world / "killed/run" / name).read_bytes() == (world / "whole/run" / name).read_bytes()
    assert calls(world / "killed/store.sqlite") == calls(world / "whole/store.sqlite")


RL_METHODS = {
    "grpo": "--beta 0.04 --iterations 2 --minibatches 2",
    "ppo": "--iterations 2 --kl-target 0.5 --scale-rewards",
    "rloo": "",
}
MOMENTS = ("rollouts:3", "rewards:3", "update:3", "checkpoint:2")
FIRST = {("grpo", "update:3"), ("ppo", "rewards:3")}


def rl(world: Path, mini: Path, method: str, place: str) -> list[str]:
    return [
        "train", method, "--policy", str(mini), "--prompts", f"{world}/prompts.jsonl",
        "--constitution", f"{world}/tiny.yaml", "--reward", f"judge=script:{world}/judge.jsonl",
        "--steps", "3", "--batch-size", "4", "--n", "4", "--max-tokens", "16", "--learning-rate", "5e-3",
        "--loop", "checkpoint_every=1", *RL_METHODS[method].split(),
        "--out", f"{world}/{place}/models/rl", "--store", f"{world}/{place}/store.sqlite",
    ]  # fmt: skip


def trained(folder: Path) -> tuple[bytes, list[dict[str, object]]]:
    """Weights and figures of a training."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        del line["seconds"]
    return (folder / "model.safetensors").read_bytes(), lines


@pytest.mark.parametrize(
    ("method", "moment"),
    [
        pytest.param(method, moment, marks=() if (method, moment) in FIRST else pytest.mark.heavy)
        for method in ("grpo", "ppo")
        for moment in MOMENTS
    ],
)
def test_a_training_on_rollouts_killed_at_any_moment_ends_like_an_unbroken_one(
    kill: Kill, world: Path, mini: Path, method: str, moment: str
) -> None:
    assert kill(0, rl(world, mini, method, "whole")) == 0
    assert kill(moment, rl(world, mini, method, "killed")) == KILLED
    assert kill(0, rl(world, mini, method, "killed")) == 0
    assert trained(world / "killed/models/rl") == trained(world / "whole/models/rl")
    # rewards that were asked for are not asked for again
    assert calls(world / "killed/store.sqlite") == calls(world / "whole/store.sqlite")


RL_RECIPE = """\
name: rl
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {world}/tiny.yaml
prompts: {{train: {world}/prompts.jsonl, held_out: {world}/prompts.jsonl}}
rounds: 1
round:
  - {{step: sample, n: 4, max_tokens: 16}}
  - {{step: judge}}
  - {{step: pairs, then: none}}
  - {{step: train, method: reward, as: rm, trains: rm, steps: 2, batch_size: 2}}
  - {{step: train, as: rl, method: ppo, reward: [{{judge: judge}}, {{model: rm, weight: 0.1}}], steps: 3,
     batch_size: 4, max_tokens: 16, learning_rate: 5.0e-3, n: 4, loop: {{checkpoint_every: 1}}}}
"""


@pytest.mark.heavy
@pytest.mark.parametrize(
    "moment", ["rollouts:3", "update:3", pytest.param(45, id="in the middle of rewards")]
)
def test_a_recipe_killed_inside_of_its_training_on_rollouts_ends_like_an_unbroken_one(
    kill: Kill, world: Path, mini: Path, moment: int | str
) -> None:
    recipe = world / "recipe.yaml"
    recipe.write_text(RL_RECIPE.format(policy=mini, judge=f"script:{world}/judge.jsonl", world=world))
    assert kill(0, _loop(world, recipe, "whole")) == 0
    assert kill(moment, _loop(world, recipe, "killed")) == KILLED
    assert kill(0, _loop(world, recipe, "killed")) == 0
    for place in ("models/round-1-rm/model.safetensors", "models/round-1-rl/model.safetensors"):
        assert (world / "killed/run" / place).read_bytes() == (world / "whole/run" / place).read_bytes()
    assert calls(world / "killed/store.sqlite") == calls(world / "whole/store.sqlite")


def test_a_training_that_failures_ended_goes_on_with_a_higher_limit(
    kill: Kill, world: Path, mini: Path
) -> None:
    # the judge cannot be read where an answer does not greet
    rows = [row for row in judge_rows() if "Response:" in str(row["contains"])]
    rows.append({"contains": ["Does the response"], "labels": {"maybe": 1.0}})
    (world / "judge.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    allowed = [*rl(world, mini, "rloo", "whole"), "--max-failed", "1"]
    assert kill(0, allowed) == 0
    assert kill(0, [*rl(world, mini, "rloo", "stopped"), "--max-failed", "0.1"]) == 3
    assert not (world / "stopped/models/rl/train.json").exists()
    assert kill(0, [*rl(world, mini, "rloo", "stopped"), "--max-failed", "1"]) == 0
    assert trained(world / "stopped/models/rl") == trained(world / "whole/models/rl")
    assert calls(world / "stopped/store.sqlite") == calls(world / "whole/store.sqlite")
