"""A disk that takes no more at some moment: one sentence, exit 1, and the same command then ends as if undisturbed."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fuzz.fuzzing import cases
from tests.fuzz.test_store import ran, standing_in

pytestmark = pytest.mark.heavy
RUN = ["generate", "--limit", "2", "--n", "2", "--out", "runs/r"]
COMMANDS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "generate": (RUN, ("runs/r/pairs.jsonl", "runs/r/judgments.jsonl", "runs/r/completions.jsonl")),
    "judge": (
        ["judge", "runs/r", "--judge", "micro:weak", "--out", "runs/j"],
        ("runs/j/judgments.jsonl",),
    ),
    "evaluate": (
        ["evaluate", "--policy", "micro", "--against", "micro:weak", "--judge", "micro", "--prompts",
         "micro:held-out", "--limit", "2", "--out", "runs/e"],
        ("runs/e/completions.jsonl",),
    ),
    "import": (["import", "runs/r/pairs.jsonl", "--out", "runs/i"], ("runs/i/pairs.jsonl",)),
    "export": (["export", "runs/r", "--out", "ex"], ("ex/train.jsonl",)),
    "pack": (["pack", "runs/r", "--out", "p.tar.gz"], ()),
    "report": (["report", "runs/r", "--out", "r.html"], ()),
    "audit": (["audit", "runs/r", "--html", "a.html"], ()),
    "init": (["init", "sub"], ("sub/prompts/sets/mine.jsonl", "sub/constitutions/house.yaml")),
    **{
        f"train {method}": (
            ["train", "runs/r", "--method", method, "--out", "m", "--steps", "4", "--loop", "checkpoint_every=2"],
            ("m/model.safetensors", "m/used_pairs.jsonl"),
        )
        for method in ("dpo", "reward", "sft")
    },
}  # fmt: skip


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes; whoever writes is told so, in Python, C and Rust."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    with standing_in(folder):
        assert ran(RUN)[0] in (0, 3)
    return folder


def undisturbed(project: Path, folder: Path, name: str) -> dict[str, bytes]:
    """What a command makes when nothing disturbs it."""
    command, files = COMMANDS[name]
    with standing_in(copied(project, folder, name)):
        code, _, told = ran(command)
        assert code in (0, 3), f"{name}: {told}"
        return {file: Path(file).read_bytes() for file in files if Path(file).is_file()}


def copied(project: Path, folder: Path, name: str) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    if name in ("generate", "init"):
        folder.mkdir(parents=True)
    else:
        shutil.copytree(project, folder)
    return folder


def test_a_disk_that_takes_no_more_is_one_sentence_and_costs_nothing_that_was_done(
    project: Path, tmp_path: Path
) -> None:
    whole: dict[str, dict[str, bytes]] = {}
    for number, rng in cases():
        name = rng.choice(list(COMMANDS))
        if name not in whole:
            whole[name] = undisturbed(project, tmp_path / "whole", name)
        size = int(2 ** rng.uniform(0, 22))
        folder = copied(project, tmp_path / "copy", name)
        command, _ = COMMANDS[name]
        with standing_in(folder):
            with files_up_to(size):
                code, _, told = ran(command)
            assert code in (0, 1, 3), f"case {number}: {name}, {size} bytes: {code}: {told[-3000:]}"
            if code == 1:
                last = told.strip().splitlines()[-1]
                assert last.startswith("error: "), f"case {number}: {name}, {size} bytes: {last}"
                assert "goes on" in last or "make room" in last, (
                    f"case {number}: {name}, {size} bytes: {last}"
                )
                code, _, told = ran(command)
            assert code in (0, 3), f"case {number}: {name} after {size} bytes: {told[-3000:]}"
            for file, data in whole[name].items():
                assert Path(file).read_bytes() == data, f"case {number}: {name} after {size} bytes: {file}"
            drafts = [each for each in folder.rglob("*draft*") if each.is_file()]
            assert drafts == [], f"case {number}: {name} after {size} bytes"
