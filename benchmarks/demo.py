"""`make demo` with one process and with two: seconds of the clock and of each process, and whether bytes differ.

The bound is what idle cores leave: training, which is one process's, and the rest of one process's seconds shared out
evenly. It is counted in seconds of a core, which other work on the machine changes less than the clock.
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
    train_share: float
    """Of the time of all steps."""


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
    notes = {path: json.loads(path.read_text())["seconds"] for path in out.glob("steps/round-*/*.json")}
    trained = sum(seconds for path, seconds in notes.items() if path.stem == "train")
    return Played(out, wall_s, own_s, sum(seen.values()), trained / sum(notes.values()))


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
    rows = [[count, each.wall_s, each.own_s, each.others_s] for count, each in runs.items()]
    head = ["workers", "wall", "own CPU", "others' CPU"]
    print(table(head, [[row[0], *(f"{value:.0f} s" for value in row[1:])] for row in rows]))
    first, last = next(iter(runs.values())), list(runs)[-1]
    if next(iter(runs)) == 1:
        trained_s = first.own_s * first.train_share
        bound_s = trained_s + (first.own_s - trained_s) / last
        print(f"training: {trained_s:.0f} s of CPU; bound of {last} workers: {bound_s:.0f} s")
        print(f"{last} workers take {runs[last].wall_s / first.wall_s:.2f} of the time of one")
        print(
            f"and {runs[last].wall_s / bound_s:.2f} of their bound, which holds where nobody else uses the cores"
        )
    for count, each in runs.items():
        for other in [runs[last].out] if each is not runs[last] else [against] if against is not None else []:
            found = differences(each.out, other)
            print(f"workers {count} and {other}: {'the same bytes' if not found else ', '.join(found)}")
    rounds = json.loads((runs[last].out / "rounds.json").read_text())
    print("gold", [round(row["gold_mean"], 3) for row in rounds if row["gold_mean"] is not None])


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
