"""How long the command line takes to say something: median of several fresh processes, in seconds.

    python benchmarks/startup.py [--json]

`seconds` is wall-clock time and `cpu_seconds` what the process used of the machine; where other work runs, trust the
second. The bare interpreter stands beside it. A plan that counts a local model's tokens needs its tokenizer, which is
most of what it takes; a plan of models behind a server needs none.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIMITS = {"rlaif --help": 0.5}
"""CPU seconds that a row may take."""
RATIOS = {"rlaif generate --dry-run (micro, 100 prompts)": 22.0}
"""How many times the CPU seconds of `rlaif --help` a row may take, on whatever machine."""
TIMES = 3
MAIN = "import sys; from rlaif.cli.main import main; sys.exit(main(sys.argv[1:]))"
SERVER = "openai:http://127.0.0.1:9/v1#m@1"


def calls(folder: Path) -> dict[str, list[str]]:
    """What is run, by the name of its row."""
    prompts = folder / "prompts.txt"
    prompts.write_text("".join(f"What is {n} plus 2?\n" for n in range(100)), encoding="utf-8")
    plan = ["generate", "--dry-run", "--limit", "100", "--out", str(folder / "r")]
    served = [
        "--policy",
        SERVER,
        "--judge",
        SERVER,
        "--prompts",
        str(prompts),
        "--constitution",
        "micro-default",
    ]
    return {
        "python -c pass": ["-c", "pass"],
        "import rlaif": ["-c", "import rlaif"],
        "rlaif --help": ["-c", MAIN, "--help"],
        "rlaif generate --help": ["-c", MAIN, "generate", "--help"],
        "rlaif constitution check micro-default": ["-c", MAIN, "constitution", "check", "micro-default"],
        "rlaif generate --dry-run (server, 100 prompts)": ["-c", MAIN, *plan, *served],
        "rlaif generate --dry-run (micro, 100 prompts)": ["-c", MAIN, *plan],
    }


def timed(call: list[str]) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one process."""
    start = time.perf_counter()
    process = os.posix_spawn(
        sys.executable,
        [sys.executable, *call],
        dict(os.environ),
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _, status, used = os.wait4(process, 0)
    assert status == 0, call
    return time.perf_counter() - start, used.ru_utime + used.ru_stime


def measure() -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, call in calls(Path(folder)).items():
            taken = [timed(call) for _ in range(TIMES)]
            wall, cpu = (statistics.median(each) for each in zip(*taken, strict=True))
            rows.append({"call": name, "seconds": wall, "cpu_seconds": cpu, "limit": LIMITS.get(name)})
    [base] = (row["cpu_seconds"] for row in rows if row["call"] == "rlaif --help")
    for row in rows:
        if row["call"] in RATIOS:
            row |= {"ratio": row["cpu_seconds"] / base, "limit": RATIOS[row["call"]] * base}
    return rows


def main() -> int:
    """Print a row a call; fail when one takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = measure()
    machine: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.processor() or platform.machine(),
    }
    machine |= {"cpus": os.cpu_count(), "torch": version("torch"), "transformers": version("transformers")}
    if chosen.json:
        print(json.dumps({"rows": rows, "machine": machine}, indent=1))
    else:
        for row in rows:
            ratio = f", {row['ratio']:.1f} times `rlaif --help`" if "ratio" in row else ""
            print(f"{row['call']:<50} {row['seconds']:.3f} s  {row['cpu_seconds']:.3f} s of CPU{ratio}")
    return int(any(row["limit"] is not None and row["cpu_seconds"] > row["limit"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
