"""The store at a million calls: rows a second against bare SQLite with the same schema, resume scan, size, memory.

    python benchmarks/store.py [--json] [--calls 1000000]

Both write the same rows in the same batches, with the same pragmas, one after the other in one process. Bare SQLite is
given rows that are ready; ours makes them from requests and replies, which is the work it is there for. The resume scan
is what a re-run of a finished run does: every key is computed, looked up, and read back as a reply. Figures with `cpu_`
are by CPU seconds of the process: where other work runs, trust those.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any

from rlaif.records import GenerateRequest, Generation, Message, Sampling, Score, ScoreRequest, Usage
from rlaif.store import Store, call_key
from rlaif.store.wire import kind_of, reply_row, request_rows

BATCH = 512
FINGERPRINT = "b2:" + "0" * 32
LABELS = ("yes", "no", "Yes", "No")
SHARED = "The rules of the house are these, and they are read in this order.\n" * 8
Request = GenerateRequest | ScoreRequest
Kept = tuple[str, Request, Generation | Score]


class Watch:
    """Wall-clock and CPU seconds of the blocks that it is put around."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0

    def __enter__(self) -> None:
        self._start = (time.perf_counter(), time.process_time())

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._start[0]
        self.cpu += time.process_time() - self._start[1]

    def rates(self, count: int) -> dict[str, float]:
        """Rows a second, both ways."""
        return {"rows_per_second": count / self.seconds, "cpu_rows_per_second": count / self.cpu}


def requests(count: int) -> Iterator[Request]:
    """What a run of generate asks: of seventeen calls one draws a text, sixteen judge it by a principle each."""
    for n in range(count):
        completion, principle = divmod(n, 17)
        if principle == 0:
            turns = (Message(role="user", content=f"Prompt number {completion}: how is bread baked?"),)
            yield GenerateRequest(id=f"c{n}", messages=turns, sampling=Sampling(), seed=completion)
        else:
            text = f"{SHARED}Response {completion}: mix, knead, wait, bake.\nDoes it follow rule {principle}?"
            yield ScoreRequest(
                id=f"c{n}", messages=(Message(role="user", content=text),), continuations=LABELS
            )


def answered(request: Request) -> Generation | Score:
    used = Usage(prompt_tokens=180, completion_tokens=1)
    if isinstance(request, ScoreRequest):
        return Score(request_id=request.id, logprobs=(-0.11, -2.5, -4.75, -6.125), usage=used)
    text = "First mix the flour with water, then wait, then bake it. " * 4
    return Generation(request_id=request.id, text=text, finish="stop", usage=used)


def batches(count: int) -> Iterator[list[Request]]:
    stream = requests(count)
    while batch := list(islice(stream, BATCH)):
        yield batch


def memory_mib() -> float:
    """What the process holds now, not what it once held."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def write_ours(path: Path, count: int) -> dict[str, Any]:
    """Keep all calls through the store; the time to make requests and replies is not counted."""
    watch, written, after_tenth = Watch(), 0, 0.0
    with Store.open(path) as store:
        for batch in batches(count):
            kept: list[Kept] = [(call_key(FINGERPRINT, each), each, answered(each)) for each in batch]
            with watch:
                store.put_many(FINGERPRINT, kept, run_id="bench")
            written += len(batch)
            if not after_tenth and written >= count / 10:
                after_tenth = memory_mib()
    return {**watch.rates(count), "memory_growth_mib": memory_mib() - after_tenth}


def write_bare(path: Path, count: int) -> dict[str, Any]:
    """The same rows by sqlite3 alone."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    for statement in files("rlaif.store").joinpath("schema.sql").read_text(encoding="utf-8").split(";\n"):
        connection.execute(statement)
    watch = Watch()
    for batch in batches(count):
        texts, blobs = request_rows(batch)
        rows = [
            (
                *(call_key(FINGERPRINT, each), kind_of(each), FINGERPRINT, text, reply_row(answered(each))),
                *(None, 180, 1, "bench", 0.0, 1),
            )
            for each, text in zip(batch, texts, strict=True)
        ]
        with watch:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?)", blobs.items())
            connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("COMMIT")
    connection.close()
    return watch.rates(count)


def scan(path: Path, count: int) -> dict[str, Any]:
    """Look every call up again, as a resumed run does."""
    watch, found, before = Watch(), 0, memory_mib()
    with Store.open(path) as store:
        for batch in batches(count):
            with watch:
                keys = [call_key(FINGERPRINT, each) for each in batch]
                found += len(store.get_many(keys, [each.id for each in batch]))
    assert found == count, f"{found} of {count} calls were found again"
    return {
        "scan_seconds": watch.seconds,
        "cpu_scan_seconds": watch.cpu,
        "scan_memory_growth_mib": memory_mib() - before,
    }


def only_present(path: Path, count: int) -> float:
    """CPU seconds in which the store alone says which keys are there; making the keys is not counted."""
    watch = Watch()
    with Store.open(path) as store:
        for batch in batches(count):
            keys = [call_key(FINGERPRINT, each) for each in batch]
            with watch:
                store.present(keys)
    return watch.cpu


def measure(count: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        bare_path, path = Path(folder, "bare.sqlite"), Path(folder, "store.sqlite")
        bare = write_bare(bare_path, count)
        bare_bytes = bare_path.stat().st_size
        ours = write_ours(path, count)
        size = {"bytes_per_call": path.stat().st_size / count, "megabytes": path.stat().st_size / 1e6}
        found = {**scan(path, count), "cpu_present_seconds": only_present(path, count)}
    ratio = ours["rows_per_second"] / bare["rows_per_second"]
    size["cpu_ratio"] = ours["cpu_rows_per_second"] / bare["cpu_rows_per_second"]
    return [
        {
            "engine": "sqlite3",
            "calls": count,
            **bare,
            "ratio": 1.0,
            "cpu_ratio": 1.0,
            "bytes_per_call": bare_bytes / count,
        },
        {"engine": "rlaif", "calls": count, **ours, "ratio": ratio, **size, **found},
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=1_000_000)
    chosen = parser.parse_args()
    rows = measure(chosen.calls)
    if chosen.json:
        print(json.dumps({"rows": rows}, indent=1))
        return
    for row in rows:
        print("  ".join(f"{name} {value:,.3g}" if isinstance(value, float) else f"{name} {value}"
                        for name, value in row.items()))  # fmt: skip


if __name__ == "__main__":
    main()
