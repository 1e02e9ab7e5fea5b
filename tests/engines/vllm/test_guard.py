"""A server that a training started ends with the training, however that ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from rlaif.engines.vllm import guard
from tests.pids import runs

WAITING = "import os, subprocess, sys, time; {more} open(sys.argv[1], 'w').write('%d ' % os.getpid()); time.sleep(600)"
CHILD = (
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
    "open(sys.argv[2], 'w').write(str(c.pid));"
)


def started(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, guard.__file__, *words], stdin=subprocess.PIPE)


def awaited(path: Path) -> int:
    while not (path.is_file() and path.read_text().strip()):
        time.sleep(0.05)
    return int(path.read_text())


def wait_gone(pid: int) -> None:
    while runs(pid):
        time.sleep(0.05)


def test_its_status_is_the_commands() -> None:
    process = started(sys.executable, "-c", "raise SystemExit(7)")
    assert process.wait() == 7
    assert process.stdin is not None
    process.stdin.close()


def test_when_nobody_holds_its_input_the_command_and_its_children_end(tmp_path: Path) -> None:
    own, child = tmp_path / "own", tmp_path / "child"
    script = WAITING.format(more=CHILD)
    process = started(sys.executable, "-c", script, str(own), str(child))
    pids = [awaited(own), awaited(child)]
    assert all(map(runs, pids))
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
    for each in pids:
        wait_gone(each)


def test_a_training_that_is_killed_takes_its_server_along(tmp_path: Path) -> None:
    own = tmp_path / "own"
    holder = (
        "import subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, {guard.__file__!r}, sys.executable, '-c', {WAITING.format(more='')!r}, "
        f"{str(own)!r}], stdin=subprocess.PIPE); time.sleep(600)"
    )
    training = subprocess.Popen([sys.executable, "-c", holder])
    pid = awaited(own)
    training.kill()
    training.wait()
    wait_gone(pid)
