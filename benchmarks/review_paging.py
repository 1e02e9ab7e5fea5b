"""The local pages over a hundred thousand pairs: milliseconds to open the run, and those of each answer.

    python benchmarks/review_paging.py [--pairs 100000] [--requests 40] [--json]

Every kind of page is asked for over HTTP's own application interface, without a network: the first list, one in the
middle, filters (principle, doubtful, inconsistent, flagged, text), a pair, and a decision with the page that follows.
Then the pages of `rlaif view` over the same run, whose completions are as many: the first page of pairs and of samples
as they are opened, before anything is read ahead, a search in each, one sample, the overview, and how the run stands.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from starlette.testclient import TestClient

from rlaif.exchange.completions import write_completions
from rlaif.exchange.pairs import write_pairs
from rlaif.records import Completion, Message, Pair, Prompt
from rlaif.review.app import Desk, make_app
from rlaif.review.index import PairIndex
from rlaif.review.tables import table
from rlaif.review.view.app import make_view
from rlaif.review.view.viewer import AuditShown, Viewer
from rlaif.store import Store

TEXT = "First mix the flour with water, then wait an hour, then bake it. Mind the hot oven. " * 6


def pair(number: int) -> Pair:
    """A pair of two answers of a hundred words."""
    return Pair(
        prompt=(Message(role="user", content=f"How do I bake bread number {number}?"),),
        chosen=(Message(role="assistant", content=f"Hello. {TEXT} {number}"),),
        rejected=(Message(role="assistant", content=f"{TEXT} You fool. {number}"),),
        label_prob=0.5 + (number % 50) / 100,
        order_consistent=number % 7 != 0,
        principles=tuple({"id": f"rule-{each}", "p": (number + each) % 10 / 10} for each in range(8)),
        round=1 + number % 3,
    )


class Took(NamedTuple):
    """Milliseconds of each answer: by the clock, and of CPU, which what is read ahead beside it has a part in."""

    clock: list[float]
    cpu: list[float]

    def row(self, page: str) -> dict[str, Any]:
        """A row of the table."""
        return {
            "page": page,
            "median_ms": statistics.median(self.clock),
            "worst_ms": max(self.clock),
            "cpu_ms": statistics.median(self.cpu),
        }


def timed(count: int, ask: Callable[[int], Any]) -> Took:
    """What `count` questions took."""
    found = Took([], [])
    for number in range(count):
        began, spent = time.perf_counter(), time.process_time()
        answer = ask(number)
        found.clock.append(1000 * (time.perf_counter() - began))
        found.cpu.append(1000 * (time.process_time() - spent))
        assert answer.status_code == 200, answer.text[:200]
    return found


def measured(pairs: int, requests: int) -> list[dict[str, Any]]:
    """A row for each kind of page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "runs" / "big"
        folder.mkdir(parents=True)
        write_pairs(folder / "pairs.jsonl", map(pair, range(pairs)))
        began, used = time.perf_counter(), time.process_time()
        index = PairIndex(folder)
        opened, spent = time.perf_counter() - began, time.process_time() - used
        with Store.open(folder / "store.sqlite") as store:
            desk = Desk(index=index, store=store, reviewer="bench")
            page = TestClient(make_app(desk), base_url="http://127.0.0.1")
            page.get(f"/?token={desk.token}")
            rows = [Took([1000 * opened], [1000 * spent]).row("open the run and read all of it")]
            for what, ask in _questions(page, desk, pairs):
                rows.append(timed(requests, ask).row(what))
        rows += viewed(folder, pairs, requests)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [row | {"pairs": pairs, "gib": memory} for row in rows]


def viewed(run: Path, pairs: int, requests: int) -> list[dict[str, Any]]:
    """A row for each page of `rlaif view`."""
    claim = {"kind": "rlaif run", "command": "generate", "config": {}, "started": 1.0}
    (run / "claim.json").write_text(json.dumps(claim))
    write_completions(run / "completions.jsonl", map(completion, range(pairs)))
    project = run.parent.parent
    viewer = Viewer(
        project=project, store=lambda _: project / "store.sqlite", reviewer="bench", auditor=no_audit
    )
    page = TestClient(make_view(viewer), base_url="http://127.0.0.1")
    page.get(f"/?token={viewer.token}")
    base = "/run/runs/big"
    asked: list[tuple[str, int, Callable[[int], Any]]] = [
        ("view: first page of the pairs, unread", 1, lambda _: page.get(f"{base}/-/pairs")),
        ("view: first search in the pairs", 1, lambda _: page.get(f"{base}/-/pairs?text=number+4321")),
        ("view: pairs", requests, lambda n: page.get(f"{base}/-/pairs?page={n + 1}")),
        ("view: search in the pairs", 5, lambda n: page.get(f"{base}/-/pairs?text=number+{n}77")),
        ("view: first page of the samples, unread", 1, lambda _: page.get(f"{base}/-/samples")),
        ("view: search in the samples", 5, lambda n: page.get(f"{base}/-/samples?text=number+{n}77")),
        ("view: a sample", requests, lambda n: page.get(f"{base}/-/sample/{(n * 7919) % (pairs // 4)}")),
        ("view: runs", requests, lambda _: page.get("/")),
        ("view: overview", requests, lambda _: page.get(base)),
        ("view: how it stands", requests, lambda _: page.get(f"{base}/-/live")),
    ]
    rows = [timed(count, ask).row(what) for what, count, ask in asked]
    viewer.close()
    return rows


def no_audit(run: Path) -> AuditShown:
    """No page that is measured audits."""
    raise AssertionError(f"{run}: was audited")


def completion(number: int) -> tuple[Prompt, Completion]:
    """One of four completions of a prompt, of a hundred words."""
    prompt = Prompt(messages=(Message(role="user", content=f"How do I bake bread number {number // 4}?"),))
    return prompt, Completion(
        prompt_id=prompt.id, text=f"{TEXT} {number}", policy="b2:policy", draw=number % 4
    )


def _questions(page: TestClient, desk: Desk, pairs: int) -> list[tuple[str, Callable[[int], Any]]]:
    def say(number: int) -> Any:
        what = ("a", "b", "tie", "flag")[number % 4]
        return page.post("/say", data={"key": desk.form_key, "place": str(number), "say": what})

    last = -(-pairs // 50)
    return [
        ("first list", lambda _: page.get("/")),
        ("a list in the middle", lambda n: page.get(f"/?page={(n * 37) % last + 1}")),
        ("a pair", lambda n: page.get(f"/pair/{(n * 7919) % pairs}")),
        ("a decision and the next pair", say),
        ("principle", lambda n: page.get(f"/?principle=rule-{n % 8}")),
        ("doubtful", lambda _: page.get("/?doubtful=1")),
        ("orders disagree, round 2", lambda _: page.get("/?inconsistent=1&round=2")),
        ("flagged", lambda _: page.get("/?flagged=1")),
        ("not decided", lambda _: page.get("/?open=1")),
        ("text", lambda n: page.get(f"/?text=number+{n}77")),
        ("a pair of a text's", lambda n: page.get(f"/pair/{n}?text=number+{n % 3}77")),
    ]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = measured(args.pairs, args.requests)
    if args.json:
        print(json.dumps({"rows": rows}))
        return
    figures = ("median_ms", "worst_ms", "cpu_ms")
    body = [[row["page"], *(f"{row[each]:.1f}" for each in figures)] for row in rows]
    print(table(["page", "median ms", "worst ms", "CPU ms"], body))
    print(f"\n{args.pairs} pairs, peak {rows[0]['gib']:.2f} GiB")


if __name__ == "__main__":
    main()
