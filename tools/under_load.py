"""Run the tests of time, ports, processes and random text many times over while other processes keep every core busy.

    python tools/under_load.py [--times 100] [--busy 4] [what pytest is to be told ...]

Exits with pytest's own status. `make test-timing` runs it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# ends with whoever started it, should that one be killed
SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(100_000))"


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute."""
    command = [sys.executable, "-c", SPIN, str(os.getpid())]
    busy = [subprocess.Popen(command) for _ in range(processes)]
    try:
        yield
    finally:
        for each in busy:
            each.kill()
            each.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """The tests marked `timing`, unless told otherwise."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--busy", type=int, default=4)
    given, rest = parser.parse_known_args(argv)
    tests = ["-m", "timing and not heavy and not long", f"--repeat={given.times}", *rest]
    with load(given.busy):
        return subprocess.run([sys.executable, "-m", "pytest", *tests], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
