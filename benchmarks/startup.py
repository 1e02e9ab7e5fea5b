"""How long the command line takes to say something: median of several fresh processes, in seconds."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

LIMIT_S = 0.5
TIMES = 9
CALLS = (["--help"], ["generate", "--help"], ["--version"], ["constitution", "check", "micro-default"])


def seconds(call: list[str]) -> float:
    """Median over `TIMES` processes."""
    code = "import sys; from rlaif.cli.main import main; sys.exit(main(sys.argv[1:]))"
    taken = []
    for _ in range(TIMES):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code, *call], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> int:
    """Print a line a call; fail when `--help` takes longer than it may."""
    found = {" ".join(call): seconds(call) for call in CALLS}
    for call, taken in found.items():
        print(f"rlaif {call:<36} {taken:.3f} s")
    return int(found["--help"] > LIMIT_S)


if __name__ == "__main__":
    sys.exit(main())
