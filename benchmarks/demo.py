"""`make demo` with one process and with two: seconds of the clock and of each process, and whether bytes differ.

The bound is what two idle cores leave: training, which is one process's, and half of all other seconds of one process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.review.tables import table

SAME = (
    "completions.jsonl",
    "judgments.jsonl",
    "comparisons.jsonl",
    "pairs.jsonl",
    "funnel.json",
    "evaluation.json",
)
TICKS = os.sysconf("SC_CLK_TCK")


class Played(NamedTuple):
    """One run of the demo."""

    out: Path
    wall_s: float
    own_s: float
    """Of a core, in the process that was started."""
    others_s: float
    """In those that it started."""
    train_s: float

    @property
    def cpu_s(self) -> float:
        """Of all processes."""
        return self.own_s + self.others_s


def main() -> None:
    """Play, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="self-rewarding")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--limit", type=int, help="prompts of each set")
    parser.add_argument("--against", type=Path, help="a finished run whose bytes are to be the same")
    parser.add_argument("--keep", type=Path, help="where the runs are to stay")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        place = chosen.keep or Path(scratch)
        runs = {count: play(place / f"workers-{count}", count, chosen) for count in chosen.workers}
        report(runs, chosen.against)


def play(place: Path, workers: int, chosen: Any) -> Played:
    """The demo in an empty place, as the Makefile calls it."""
    place.mkdir(parents=True)
    rlaif = Path(sys.executable).with_name("rlaif")
    command = [rlaif, "run", chosen.recipe, "--out", "runs/demo", "--workers", str(workers)]
    if chosen.limit is not None:
        command += ["--limit", str(chosen.limit)]
    threads = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=place, env=os.environ | threads, stdout=subprocess.DEVNULL) as process:
        seen: dict[int, float] = {}
        while process.poll() is None:
            seen |= cpu_seconds(process.pid)
            time.sleep(0.2)
    wall_s = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(process.returncode)
    own_s = seen.pop(process.pid)
    out = place / "runs" / "demo"
    notes = [json.loads(path.read_text()) for path in out.glob("steps/round-*/train.json")]
    return Played(out, wall_s, own_s, sum(seen.values()), sum(note["seconds"] for note in notes))


def cpu_seconds(root: int) -> dict[int, float]:
    """Seconds of a core that a process and its children have used so far, by process id."""
    found: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid, parent = int(path.parent.name), int(fields[1])
        if root in (pid, parent):
            found[pid] = (int(fields[11]) + int(fields[12])) / TICKS
    return found


def report(runs: dict[int, Played], against: Path | None) -> None:
    """What each took, the bound, and what differs."""
    head = ["workers", "wall", "own CPU", "others' CPU", "training", "bound"]
    bounds = {count: bound(each, count) for count, each in runs.items()}
    rows = [
        [count, each.wall_s, each.own_s, each.others_s, each.train_s, bounds[count]]
        for count, each in runs.items()
    ]
    print(table(head, [[row[0], *(f"{value:.0f} s" for value in row[1:])] for row in rows]))
    first, last = next(iter(runs.values())), list(runs)[-1]
    print(f"{last} workers take {runs[last].wall_s / first.wall_s:.2f} of the time of {next(iter(runs))}")
    print(f"and {runs[last].wall_s / bounds[last]:.2f} of their bound (on two cores that nobody else uses)")
    for count, each in runs.items():
        for other in [runs[last].out] if each is not runs[last] else [against] if against is not None else []:
            found = differences(each.out, other)
            print(f"workers {count} and {other}: {'the same bytes' if not found else ', '.join(found)}")
    rounds = json.loads((runs[last].out / "rounds.json").read_text())
    print("gold", [round(row["gold_mean"], 3) for row in rounds if row["gold_mean"] is not None])


def bound(played: Played, workers: int) -> float:
    """Training, and the rest of all CPU seconds shared out evenly."""
    return played.train_s + max(0.0, played.cpu_s - played.train_s) / workers


def differences(one: Path, other: Path) -> list[str]:
    """Files of two runs that are not the same: texts, judgments, pairs, figures and weights."""
    names = [
        str(path.relative_to(one))
        for path in sorted(one.rglob("*"))
        if path.name in (*SAME, "model.safetensors")
    ]
    return [name for name in [*names, "rounds.json"] if _content(one / name) != _content(other / name)]


def _content(path: Path) -> str | None:
    if not path.is_file():
        return None
    data = path.read_bytes()
    if path.name in ("rounds.json", "evaluation.json"):
        data = json.dumps(json.loads(data), sort_keys=True).encode()
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
