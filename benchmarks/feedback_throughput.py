"""Pairs judged a second through one local server: ours, distilabel, bespokelabs-curator, a bare saturating client.

    make bench-env vllm
    python benchmarks/feedback_throughput.py [--pairs 2000] [--server simulated vllm] [--json]

Each pair is asked about in both orders, so 2,000 pairs are 4,000 calls of one token with its candidates. The clock runs
from the first question that reaches the server to the last answer that leaves it: what a contestant needs to start,
which is seconds of imports for some, is told apart as `seconds_before`. `ratio` is the contestant's calls a second over
the bare client's; `ours_over` is ours over it. CPU seconds are those of the contestant's processes in that time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from feedback_clients import AT_ONCE, CLIENTS
from feedback_servers import ROOT, Clock, Relay, Waiting, vllm

OURS = Path(sys.executable)
RIVALS = ROOT / ".venv-bench/bin/python"
CLIENT = Path(__file__).with_name("feedback_clients.py")
RULE = "The response tells the steps in their order."
LIMIT, LATENCY = 32, (0.02, 0.2)
EVERY_S = 0.05
AIMS = {"bare": 0.95, "distilabel": 2.0}
"""What `ours_over` is to reach."""


def questions(count: int) -> list[dict[str, str]]:
    """The pairs, each in both orders, as the judge of `rlaif` words them."""
    from rlaif.exchange.prompts import read_prompts
    from rlaif.judging import ModelJudge
    from rlaif.records import Completion, Principle

    prompts, rows = read_prompts("micro:train"), []
    judge, rule = ModelJudge(_Nobody()), Principle(id="rule", text=RULE)
    for number in range(count):
        prompt = prompts[number % len(prompts)]
        said = [f"{prompts[(number + step) % len(prompts)].text} Number {number}." for step in (1, 7)]
        texts = [Completion(prompt_id=prompt.id, text=each, policy="bench") for each in said]
        for asked in judge.both_orders("compare", [(prompt, texts[0], texts[1])], [rule]):
            rows.append({"text": asked.text, "prompt": prompt.text, "a": said[0], "b": said[1], "rule": RULE})
    return rows


class _Nobody:
    """An engine of which only the name is wanted."""

    name = fingerprint = "nobody"

    def generate(self, requests: Any) -> Any:
        return iter(())

    def score(self, requests: Any) -> Any:
        return iter(())


@dataclass
class Spent:
    """CPU seconds of a process and all below it, over time."""

    pid: int
    seen: dict[int, float] = field(default_factory=dict)
    samples: list[tuple[float, float]] = field(default_factory=list)

    async def watch(self) -> None:
        """Sample until cancelled."""
        while True:
            self.sample()
            await asyncio.sleep(EVERY_S)

    def sample(self) -> None:
        """Of one that has ended, what was seen last counts on."""
        try:
            whole = psutil.Process(self.pid)
            for each in [whole, *whole.children(recursive=True)]:
                used = each.cpu_times()
                self.seen[each.pid] = used.user + used.system
        except psutil.Error:
            return
        self.samples.append((time.monotonic(), sum(self.seen.values())))

    def between(self, start: float, end: float) -> float:
        """CPU seconds from the last sample before `start` to the first after `end`."""
        before = [used for at, used in self.samples if at <= start] or [0.0]
        after = [used for at, used in self.samples if at >= end] or [self.samples[-1][1]]
        return after[0] - before[-1]


async def contest(name: str, server: Waiting | Relay, asked: Path, count: int) -> dict[str, Any]:
    """One contestant against one server."""
    python = OURS if name in ("bare", "rlaif") else RIVALS
    async with server.serving() as url:
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                str(python), str(CLIENT), name, url, str(asked), cwd=folder,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": folder},
            )  # fmt: skip
            spent = Spent(process.pid)
            watching = asyncio.create_task(spent.watch())
            out, err = await process.communicate()
            watching.cancel()
    if process.returncode != 0:
        raise SystemExit(f"{name} failed:\n{err.decode()[-3000:]}")
    answers = json.loads(out.decode().strip().splitlines()[-1])["answers"]
    assert answers == count, f"{name}: {answers} of {count} answers"
    return _row(name, server.clock, spent, count, started)


def _row(name: str, clock: Clock, spent: Spent, count: int, started: float) -> dict[str, Any]:
    seconds = clock.last - clock.first
    return {
        "rival": name,
        "calls": count,
        "seconds": seconds,
        "calls_per_second": count / seconds,
        "cpu_seconds_per_1000_calls": 1000 * spent.between(clock.first, clock.last) / count,
        "seconds_before": clock.first - started,
    }


def against(server: str, names: Sequence[str], asked: Path, count: int, limit: int) -> list[dict[str, Any]]:
    """All contestants against one server, one after the other."""
    rows = []
    with vllm(AT_ONCE) if server == "vllm" else nullcontext(0) as port:
        make: Callable[[], Waiting | Relay] = (
            (lambda: Relay(port)) if port else (lambda: Waiting(limit, LATENCY))
        )
        for name in names:
            rows.append({"server": server, **asyncio.run(contest(name, make(), asked, count))})
            print(rows[-1], file=sys.stderr)
    rate = {row["rival"]: row["calls_per_second"] for row in rows}
    for row in rows:
        row["ratio"] = row["calls_per_second"] / rate["bare"]
        row["ours_over"] = rate["rlaif"] / row["calls_per_second"]
        row["aim"] = AIMS.get(row["rival"])
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--server", nargs="+", choices=["simulated", "vllm"], default=["simulated", "vllm"])
    parser.add_argument("--rival", nargs="+", choices=list(CLIENTS), default=list(CLIENTS))
    parser.add_argument(
        "--limit", type=int, default=LIMIT, help="calls that the simulated server does at a time"
    )
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    names = list(dict.fromkeys(["bare", "rlaif", *chosen.rival]))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder, "questions.jsonl")
        asked.write_text("".join(json.dumps(row) + "\n" for row in questions(chosen.pairs)), encoding="utf-8")
        for server in chosen.server:
            rows += against(server, names, asked, 2 * chosen.pairs, chosen.limit)
    if chosen.json:
        print(json.dumps({"rows": rows}, indent=1))
        return 0
    for row in rows:
        print("  ".join(f"{name} {value:.3g}" if isinstance(value, float) else f"{name} {value}"
                        for name, value in row.items()))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
