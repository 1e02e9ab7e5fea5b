"""A command that asks a server is interrupted: once it stops cleanly, twice at once; and the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlaif.store import Store
from tests.engines.openai.faulty_server import MODEL, FaultyServer

PROMPTS, DRAWS = 40, 4
SERVED = 60
"""Right answers that the server gives before the interrupt."""


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer(share=0.3, faults=["hang", "drip", "500", "429-after", "cut"]) as one:
        one.holds = lambda: sum(one.served.values()) >= SERVED
        yield one


def command(server: FaultyServer, place: Path) -> list[str]:
    (place / "prompts.txt").write_text("".join(f"text {n}\n" for n in range(PROMPTS)))
    (place / "rules.yaml").write_text(
        "name: r\nversion: 1.0.0\ntitle: t\nprinciples:\n  - {id: brief, text: The response is brief.}\n"
    )
    name = f"openai:{server.url}?at_once=8&total=3&wait=0.02&tries=30#{MODEL}@1"
    return [
        sys.executable, "-m", "rlaif", "generate", "--policy", name, "--judge", name, "--n", str(DRAWS),
        "--prompts", str(place / "prompts.txt"), "--constitution", str(place / "rules.yaml"),
        "--no-critique", "--drift", "0", "--min-pair-share", "0", "--out", str(place / "r"), "--json",
    ]  # fmt: skip


def kept_calls(place: Path) -> int:
    """Right answers in the store."""
    if not (place / ".rlaif/store.sqlite").is_file():
        return 0
    with Store.open(place / ".rlaif/store.sqlite") as store:
        counts = store.counts()
        return counts["calls"] - counts["failed_calls"]


def interrupted(server: FaultyServer, place: Path, times: int) -> tuple[int, str]:
    """Exit code and messages of a command that is interrupted when some answers are kept, and others will not come."""
    process = subprocess.Popen(
        command(server, place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    while not (server.holds() and kept_calls(place) > 0) and process.poll() is None:
        time.sleep(0.05)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    _, messages = process.communicate(timeout=600)
    return process.returncode, messages


@pytest.mark.heavy
@pytest.mark.timing
@pytest.mark.parametrize(("times", "said"), [(1, "interrupted"), (2, "")])
def test_an_interrupted_command_exits_130_and_goes_on_with_the_rest(
    server: FaultyServer, tmp_path: Path, times: int, said: str
) -> None:
    status, messages = interrupted(server, tmp_path, times)
    assert status == 130, messages
    assert "Traceback" not in messages
    assert said in messages
    assert not (tmp_path / "r/run.json").exists()
    kept = kept_calls(tmp_path)
    assert 0 < kept < PROMPTS * DRAWS
    server.share, server.holds = 0.0, lambda: False
    done = subprocess.run(command(server, tmp_path), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    # equal draws of a prompt are one text, so that each of them is asked about once
    assert made["calls"]["reused"] == kept
    assert made["calls"]["new"] == PROMPTS * DRAWS - kept + PROMPTS
    assert (made["funnel"]["prompts"], made["funnel"]["completions"]) == (PROMPTS, PROMPTS * DRAWS)
    assert made["calls"]["failed"] == 0
