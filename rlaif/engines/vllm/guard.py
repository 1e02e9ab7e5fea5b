"""Runs a command and ends it, with all that it has started, as soon as nobody holds this script's standard input.

A server that a training started must end with the training, however that ends: a killed process closes its pipes. Run
as a script, by any Python: it imports nothing of this project.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

PATIENCE_S = 10.0
"""How long a server may take to end of itself."""


def main(command: list[str]) -> int:
    """Run the command in a session of its own; gives its exit status."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
    return process.wait()


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    # not by `sys.stdin`, whose lock a thread that waits would hold while the interpreter ends
    while os.read(0, 4096):
        pass
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            return
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
