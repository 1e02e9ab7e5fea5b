"""An interruption ends a command with one line, in its first second too, whoever sends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rlaif.cli.interrupts import SAID, Interruption

pytestmark = pytest.mark.timing
LATE = """
import sys, time
from rlaif.cli import main
sys.argv = ["rlaif", "constitution", "check", "micro-default"]
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            print("here", flush=True)
            try:
                time.sleep(60)
            except BaseException as problem:
                raise {raised} from problem
        return None
sys.meta_path.insert(0, Slow())
sys.exit(main.main())
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", ["rlaif.terminal", "click", "rlaif.cli.commands", "rlaif.constitution"])
@pytest.mark.parametrize("raised", ["problem", "ImportError('no')"])
def test_a_signal_while_something_is_imported_is_one_line(
    number: int, name: str, raised: str, tmp_path: Path
) -> None:
    code = LATE.format(name=name, raised=raised)
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    time.sleep(0.05)
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    # click ends the line that a terminal shows ^C in
    assert (process.returncode, told.removeprefix("\n")) == (130, SAID + "\n")


def test_afterwards_a_signal_is_handled_as_before() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert interruption.come
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_that_is_ignored_stays_so() -> None:
    code = "import sys; from rlaif.cli.main import main; main(); import os; os.kill(os.getpid(), 1); print('alive')"
    done = subprocess.run(
        ["nohup", sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True
    )
    assert "alive" in done.stdout
