"""The recipe of docs/scaling.md, typed with the Ray that is pinned: two nodes of this machine, and equal bytes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.heavy
PAGE = Path(__file__).parents[3] / "docs/scaling.md"
BIN = Path(sys.executable).parent
RLAIF = [sys.executable, "-m", "rlaif"]
RAY = [sys.executable, "-c", "from ray.scripts.scripts import main; main()"]


def recipe() -> str:
    """The block of the page that begins a cluster."""
    text = PAGE.read_text(encoding="utf-8")
    return next(each for each in re.findall(r"```\n(.*?)```", text, re.DOTALL) if "ray start --head" in each)


@pytest.fixture(params=[False, True], ids=["first-time", "after-a-local-run"])
def environment(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A home of its own; an earlier local run may have left its token. What Ray starts ends with the test."""
    pytest.importorskip("ray")
    home = tmp_path / "home"
    (home / ".ray").mkdir(parents=True)
    if request.param:
        (home / ".ray" / "auth_token").write_text("0123456789abcdef" * 4)
    dropped = ("RAY_", "RLAIF_")
    kept = {name: text for name, text in os.environ.items() if not name.startswith(dropped)}
    mark = f"rlaif-recipe-{os.getpid()}-{request.param}"
    yield {**kept, "HOME": str(home), "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1", "RECIPE": mark}
    _end(f"RECIPE={mark}".encode())


def _end(mark: bytes) -> None:
    """End every process that carries the mark, this test's own."""
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (proc / "environ").read_bytes().split(b"\0") and int(proc.name) != os.getpid():
                os.kill(int(proc.name), signal.SIGKILL)
        except (OSError, ProcessLookupError):
            continue


def typed(words: list[str], environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, (words, done.stdout[-2000:], done.stderr[-2000:])
    return done


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found by /proc")
def test_the_recipe_of_the_page_runs_and_its_bytes_are_those_of_a_local_run(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    text = recipe()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in re.findall(r"^export (\w+)=(\S+)", text, re.MULTILINE):
        environment[name] = value
    nodes = []
    for line in re.findall(r"^ray (.*?)(?:\s+#.*)?$", text, re.MULTILINE):
        words = line.replace("<first node>:6379", f"127.0.0.1:{port}").replace("6379", str(port)).split()
        # two small nodes of one machine
        further = ["--num-cpus", "1", "--include-dashboard", "false"] if "--head" in words else []
        further = further or (["--num-cpus", "1"] if "start" in words else [])
        nodes.append(typed([*RAY, *words, *further], environment, tmp_path))
        time.sleep(1)
    assert len(nodes) == 3
    asked = ["generate", "--limit", "3", "--n", "2", "--no-critique", "--drift", "0"]
    joined = {**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"}
    made = typed(
        [*RLAIF, *asked, "--on", "ray", "--out", "there", "--store", "there.sqlite"], joined, tmp_path
    )
    assert "2 of 2 workers are ready" in made.stderr
    typed([*RLAIF, *asked, "--out", "here", "--store", "here.sqlite"], environment, tmp_path)
    for name in ("pairs.jsonl", "completions.jsonl", "judgments.jsonl", "comparisons.jsonl"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
