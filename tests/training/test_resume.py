"""kill -9 anywhere, then the same call: the weights of a run that was never killed, to the bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .builders import same_weights
from .conftest import MakeDirectory
from .kill_child import train

pytestmark = pytest.mark.timing
TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parents[1]
CONTENT = ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json")


Kill = Callable[[str, str, int, Path, Path], None]


@pytest.fixture(scope="module")
def kill() -> Iterator[Kill]:
    """Runs a training in a process that ends itself at a given place."""
    command = [sys.executable, "-m", f"{TESTS.name}.kill_child"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS.parent)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=ROOT) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def killed(place: str, method: str, lora: int, policy: Path, out: Path) -> None:
            server.stdin.write(json.dumps([place, method, lora, str(policy), str(out)]) + "\n")
            server.stdin.flush()
            assert int(server.stdout.readline()) == signal.SIGKILL

        yield killed
        server.stdin.close()


def metrics(out: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def assert_equal(one: Path, other: Path) -> None:
    assert same_weights(one, other)
    assert metrics(one) == metrics(other)
    for name in CONTENT:
        if (one / name).is_file():
            assert (one / name).read_bytes() == (other / name).read_bytes(), name
    records = [json.loads((each / "train.json").read_text()) for each in (one, other)]
    for record in records:
        del record["seconds"]
        for line in record["history"]:
            del line["seconds"]
    assert records[0] == records[1]
    assert not [path.name for path in other.iterdir() if path.name.startswith(".")]


@pytest.fixture(scope="module")
def whole(model_dir: MakeDirectory, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody killed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    train("dpo", 0, model_dir(), out)
    return out


@pytest.mark.parametrize(
    "place",
    [
        "reference",
        "step:1",
        "step:4",
        "step:6",
        "step:11",
        "checkpoint:2",
        "checkpoint:3",
        "export",
        "record",
    ],
)
def test_a_killed_run_goes_on_to_the_same_weights(
    place: str, whole: Path, model_dir: MakeDirectory, tmp_path: Path, kill: Kill
) -> None:
    kill(place, "dpo", 0, model_dir(), tmp_path / "out")
    assert not (tmp_path / "out/train.json").exists()
    train("dpo", 0, model_dir(), tmp_path / "out")
    assert_equal(whole, tmp_path / "out")


def test_a_run_killed_again_and_again_arrives(
    whole: Path, model_dir: MakeDirectory, tmp_path: Path, kill: Kill
) -> None:
    for place in ("checkpoint:2", "step:4", "step:8", "record"):
        kill(place, "dpo", 0, model_dir(), tmp_path / "out")
    train("dpo", 0, model_dir(), tmp_path / "out")
    assert_equal(whole, tmp_path / "out")


def test_a_run_killed_after_its_record_is_done(
    whole: Path, model_dir: MakeDirectory, tmp_path: Path, kill: Kill
) -> None:
    kill("cleanup", "dpo", 0, model_dir(), tmp_path / "out")
    assert (tmp_path / "out/train.json").exists()
    train("dpo", 0, model_dir(), tmp_path / "out")
    assert_equal(whole, tmp_path / "out")


@pytest.mark.parametrize(
    ("method", "lora", "place"),
    [
        ("reward", 0, "step:5"),
        ("dpo", 2, "step:5"),
        ("reward", 2, "step:5"),
        ("dropout", 2, "step:8"),  # accumulation, wsd and what is left out at random
        ("evaluated", 0, "step:5"),
        ("evaluated", 0, "step:8"),
        ("evaluated", 0, "record"),
    ],
)
def test_every_method_resumes(
    method: str, lora: int, place: str, model_dir: MakeDirectory, tmp_path: Path, kill: Kill
) -> None:
    train(method, lora, model_dir(), tmp_path / "whole")
    kill(place, method, lora, model_dir(), tmp_path / "out")
    train(method, lora, model_dir(), tmp_path / "out")
    assert_equal(tmp_path / "whole", tmp_path / "out")


def test_a_finished_run_is_only_read(model_dir: MakeDirectory, tmp_path: Path) -> None:
    train("dpo", 0, model_dir(), tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()}
    train(
        "dpo", 0, model_dir(), tmp_path / "out", progress=lambda *_: pytest.fail("a finished run took a step")
    )
    assert before == {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
