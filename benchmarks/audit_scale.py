"""An audit of a million judgments: seconds and memory of `rlaif audit` and `rlaif report` on a run of that size.

    python benchmarks/audit_scale.py [--judgments 1000000] [--keep DIR] [--json]

Writes a run as `generate` does (completions, judgments, comparisons, pairs), of prompts with six answers each and eight
principles, then runs both commands as a user would, each in a process of its own, and a plain pass over the same files
with `json.loads` to compare with. `--keep` leaves the run there, and uses what lies there already.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rlaif.auditing.evidence import Evidence
from rlaif.auditing.planted import PRINCIPLES, planted_run
from rlaif.constitution import load_constitution
from rlaif.exchange.completions import write_completions
from rlaif.exchange.pairs import write_pairs
from rlaif.records import Completion, Message, Pair, Prompt
from rlaif.review.tables import table

PER_PROMPT = 6 * PRINCIPLES + 2 * PRINCIPLES
CONSTITUTION = "name: scale\nversion: 1.0.0\ntitle: Eight rules\nprinciples:\n" + "".join(
    f"  - id: rule-{each}\n    text: Rule {each} of the house.\n" for each in range(PRINCIPLES)
)
JUDGE = "b2:" + "0" * 32


def write_run(folder: Path, judgments: int) -> None:
    """A run with that many judgments."""
    evidence = planted_run(prompts=max(1, judgments // PER_PROMPT))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "constitution.yaml").write_text(CONSTITUTION)
    asked = [
        Prompt(messages=(Message(role="user", content=f"{text} ({number})"),))
        for number, text in enumerate(evidence.prompts.texts)
    ]
    said = [
        Completion(prompt_id=asked[prompt].id, text=f"{text} {number}", policy="b2:policy", draw=number % 6)
        for number, (prompt, text) in enumerate(
            zip(evidence.texts.prompt.tolist(), evidence.texts.texts, strict=True)
        )
    ]
    write_completions(
        folder / "completions.jsonl",
        ((asked[prompt], each) for prompt, each in zip(evidence.texts.prompt.tolist(), said, strict=True)),
    )
    ids = [each.id for each in said]
    _write(folder / "judgments.jsonl", _pointwise(evidence, ids))
    _write(folder / "comparisons.jsonl", _comparisons(evidence, ids))
    write_pairs(folder / "pairs.jsonl", _pairs(evidence, asked, said))
    digest = load_constitution(folder / "constitution.yaml").digest
    config = {"judge": {"name": "judge", "fingerprint": JUDGE}, "constitution": {"digest": digest}}
    facts = {"command": "generate", "status": "done", "config": config, "summary": {}}
    (folder / "run.json").write_text(json.dumps(facts))


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    with path.open("w") as stream:
        for row in rows:
            stream.write(json.dumps(row, sort_keys=True) + "\n")


def _row(shown: list[str], principle: int, kind: str, value: float, number: int) -> dict[str, Any]:
    state = kind if value == value else "judge_refused"
    return {
        "calls": [f"b2:{number:032x}"],
        "completion_ids": shown,
        "detail": "",
        "judge": JUDGE,
        "label_mass": 0.99,
        "principle_id": f"rule-{principle}",
        "prompt_id": "",
        "protocol": "checklist" if kind == "score" else "compare",
        "state": state,
        "value": value if value == value else None,
        "votes": [],
    }


def _pointwise(evidence: Evidence, ids: list[str]) -> Iterator[dict[str, Any]]:
    pointwise = evidence.pointwise
    for number, value in enumerate(pointwise.value.tolist()):
        yield _row(
            [ids[pointwise.completion[number]]], int(pointwise.principle[number]), "score", value, number
        )


def _comparisons(evidence: Evidence, ids: list[str]) -> Iterator[dict[str, Any]]:
    said = evidence.pairwise
    for number, value in enumerate(said.value.tolist()):
        shown = [ids[said.first[number]], ids[said.second[number]]]
        yield _row(shown, int(said.principle[number]), "preference", value, number)


def _pairs(evidence: Evidence, asked: list[Prompt], said: list[Completion]) -> Iterator[Pair]:
    labels, prompt = evidence.labels, evidence.texts.prompt
    for chosen, rejected, p in zip(
        labels.chosen.tolist(), labels.rejected.tolist(), labels.probability.tolist(), strict=True
    ):
        sides = [(Message(role="assistant", content=said[each].text),) for each in (chosen, rejected)]
        yield Pair(
            prompt=asked[prompt[chosen]].messages,
            chosen=sides[0],
            rejected=sides[1],
            label_prob=p,
            principles=tuple({"id": f"rule-{each}", "p": 0.8} for each in range(PRINCIPLES)),
        )


def run(*command: str) -> tuple[float, float, float]:
    """Seconds, those of the processor, and peak GiB of one command."""
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "rlaif", *command], stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"rlaif {' '.join(command)} exits {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def plain_pass(folder: Path) -> tuple[float, float, float]:
    """Only to read all rows, one by one, and to keep their numbers."""
    began, busy = time.perf_counter(), time.process_time()
    values = [
        json.loads(line)["value"]
        for name in ("judgments.jsonl", "comparisons.jsonl")
        for line in (folder / name).open()
    ]
    assert np.isfinite([each for each in values if each is not None]).all()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return time.perf_counter() - began, time.process_time() - busy, memory


def measured(folder: Path, judgments: int) -> list[dict[str, Any]]:
    """A row for each command."""
    if not (folder / "run.json").is_file():
        write_run(folder, judgments)
    with (folder / "judgments.jsonl").open() as one, (folder / "comparisons.jsonl").open() as other:
        count = sum(1 for _ in one) + sum(1 for _ in other)
    rows = []
    commands: tuple[tuple[str, Callable[[], tuple[float, float, float]]], ...] = (
        ("rlaif audit --json", lambda: run("audit", str(folder), "--json")),
        ("rlaif audit --html", lambda: run("audit", str(folder), "--html", str(folder / "audit.html"))),
        ("rlaif report", lambda: run("report", str(folder))),
        ("json.loads, line by line", lambda: plain_pass(folder)),
    )
    for name, measure in commands:
        seconds, cpu, memory = measure()
        rows.append({"what": name, "judgments": count, "seconds": seconds, "cpu": cpu, "gib": memory})
    return rows


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--judgments", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(args.keep or Path(folder) / "run", args.judgments)
    if args.json:
        print(json.dumps({"rows": rows}))
        return
    plain = rows[-1]["cpu"]
    body = [
        [r["what"], r["judgments"], *(f"{r[name]:.1f}" for name in ("seconds", "cpu")), f"{r['gib']:.2f}",
         f"{r['cpu'] / plain:.1f}"]
        for r in rows
    ]  # fmt: skip
    print(table(["command", "judgments", "seconds", "of CPU", "peak GiB", "x a plain pass"], body))


if __name__ == "__main__":
    main()
