"""What an audit finds and what it does not: faults planted at three strengths, and clean runs.

    python benchmarks/planted_faults.py [--runs 20] [--clean 100] [--prompts 500] [--kept FILE] [--json]

Of each kind of fault at each strength: the share of runs in which it is named. Of clean runs: the share with any alarm
(family-wise). With `--kept`, results are added to that file as they come, and the same command goes on.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlaif.auditing.audit import audit
from rlaif.auditing.intervals import wilson
from rlaif.auditing.planted import Planted, planted_run
from rlaif.auditing.planted_kinds import STRENGTHS, cases
from rlaif.review.tables import table


def jobs(runs: int, clean: int) -> Iterator[tuple[str, str, Planted, int]]:
    """Name, strength, fault and seed of every run; clean ones have no name."""
    for seed in range(clean):
        yield "", "", Planted(), seed
    for seed in range(runs):
        for kind, strength, planted in cases():
            yield kind.fault, strength, planted, seed


def measured(args: argparse.Namespace) -> dict[str, list[str]]:
    """By `fault/strength/seed`: what the audit named."""
    found: dict[str, list[str]] = {}
    if args.kept and args.kept.is_file():
        found = {row["key"]: row["named"] for row in map(json.loads, args.kept.read_text().splitlines())}
    for fault, strength, planted, seed in jobs(args.runs, args.clean):
        key = f"{args.prompts}/{fault}/{strength}/{seed}"
        if key not in found:
            run = planted_run(planted, prompts=args.prompts, seed=seed)
            found[key] = sorted({each.fault for each in audit(run).findings})
            if args.kept:
                with args.kept.open("a") as stream:
                    stream.write(json.dumps({"key": key, "named": found[key]}) + "\n")
    return found


def rows(args: argparse.Namespace, found: dict[str, list[str]]) -> list[dict[str, Any]]:
    """One row a kind of fault, and one of clean runs."""
    listed = []
    for kind, _, _ in list(cases())[:: len(STRENGTHS)]:
        row: dict[str, Any] = {"fault": kind.fault, "unit": kind.unit}
        for strength, size in zip(STRENGTHS, kind.strengths, strict=True):
            keys = [f"{args.prompts}/{kind.fault}/{strength}/{seed}" for seed in range(args.runs)]
            row |= {
                f"{strength}_at": size,
                strength: sum(kind.fault in found[key] for key in keys) / args.runs,
            }
        listed.append(row)
    alarms = sum(bool(found[f"{args.prompts}///{seed}"]) for seed in range(args.clean))
    span = wilson(alarms, args.clean)
    listed.append(
        {"fault": "(clean)", "runs": args.clean, "alarms": alarms, "high": span.high if span else None}
    )
    return listed


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--clean", type=int, default=100)
    parser.add_argument("--prompts", type=int, default=500)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    listed = rows(args, measured(args))
    if args.json:
        print(json.dumps({"rows": listed}))
        return
    head = ["fault", "strength counts", *(f"{name} at" for name in STRENGTHS), *STRENGTHS]
    body = [
        [
            row["fault"],
            row["unit"],
            *(f"{row[f'{name}_at']:g}" for name in STRENGTHS),
            *(row[name] for name in STRENGTHS),
        ]
        for row in listed[:-1]
    ]
    print(table(head, body))
    clean = listed[-1]
    print(
        f"\nclean runs with any alarm: {clean['alarms']} of {clean['runs']} (95 % at most {clean['high']:.3f})"
    )


if __name__ == "__main__":
    main()
