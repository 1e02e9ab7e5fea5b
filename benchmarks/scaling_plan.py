"""What so many prompts cost on paper: calls, tokens, GPU hours, bytes, and which part of the driver gives way first.

    python benchmarks/scaling_plan.py [--prompts 10000000] [--calls 20000] [--json]

Calls and tokens are arithmetic from the shape of a run; GPU hours divide by throughputs that are given, not measured.
Bytes and seconds of the driver are measured here, on an engine that answers at once, and scaled up.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rlaif.engines.recorded import RecordedEngine
from rlaif.feedback.sample import sample
from rlaif.records import (
    GenerateRequest,
    Generation,
    Message,
    Prompt,
    Sampling,
    Score,
    ScoreRequest,
    Usage,
)
from rlaif.store import Store

Row = tuple[str, float, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A run: `generate` with its defaults on a constitution of twelve principles, and lengths in tokens."""

    prompts: int
    draws: int = 6
    principles: int = 12
    prompt: int = 100
    completion: int = 300
    template: int = 100
    principle: int = 40
    critique: int = 150
    prefill: float = 20_000.0
    """Tokens a second and GPU: an 8-billion-parameter model in bf16 (16 GFLOP a token) at a third of 990 TFLOP/s."""
    decode: float = 2_500.0
    """Tokens a second and GPU, in large batches."""
    gpus: int = 64


class Instant:
    """An engine that costs nothing: what is left is ours."""

    name, fingerprint = "instant", "b2:instant"

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """A text that no other draw has."""
        for each in requests:
            text = f"{each.id} " + "word " * self._tokens
            ids = tuple(range(1000, 1000 + self._tokens))
            yield Generation(
                request_id=each.id, text=text, finish="stop", token_ids=ids, logprob=-1.0, usage=Usage()
            )

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """The same labels every time."""
        for each in requests:
            yield Score(request_id=each.id, logprobs=(-0.1, -2.4), usage=Usage())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--prompts", type=int, default=10_000_000)
    parser.add_argument("--calls", type=int, default=20_000, help="calls to measure the driver with")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    shape = Shape(prompts=options.prompts)
    rows = [*asked(shape), *driver(shape, options.calls)]
    if options.json:
        print(json.dumps({"rows": [{"what": what, "value": value, "how": how} for what, value, how in rows]}))
    else:
        for what, value, how in rows:
            print(f"{what:36} {value:>16,.1f}   {how}")
    return 0


def asked(shape: Shape) -> list[Row]:
    """Calls, tokens and GPU hours, with and without the shared beginning."""
    drawn = shape.prompts * shape.draws
    alone, both = drawn * shape.principles, 2 * shape.prompts * shape.principles
    calls = drawn + alone + both + shape.prompts
    one, two = (shape.template + shape.prompt + k * shape.completion for k in (1, 2))
    shared = shape.prompts * (shape.prompt + two) + drawn * one + 2 * shape.prompts * two
    shared += (alone + both) * shape.principle
    apart = drawn * shape.prompt + alone * (one + shape.principle) + both * (two + shape.principle)
    apart += shape.prompts * two
    written = drawn * shape.completion + shape.prompts * shape.critique
    hours = [tokens / shape.prefill / 3600 for tokens in (shared, apart)]
    decode = written / shape.decode / 3600
    return [
        ("draws", drawn, f"{shape.prompts:,} x {shape.draws}"),
        ("checklist calls", alone, f"draws x {shape.principles} principles"),
        ("compare calls", both, f"prompts x 1 pair x 2 orders x {shape.principles}"),
        ("critique calls", shape.prompts, "prompts"),
        ("calls", calls, "their sum"),
        (
            "tokens read, shared beginnings",
            shared,
            f"beginnings of {one} and {two}, once; rules of {shape.principle}",
        ),
        ("tokens read, each call alone", apart, "the same prompts, every one from its start"),
        ("tokens written", written, f"draws x {shape.completion} + critiques x {shape.critique}"),
        ("GPU hours to read, shared", hours[0], f"/ {shape.prefill:,.0f} tokens a second / 3600"),
        ("GPU hours to read, alone", hours[1], "the same"),
        ("GPU hours to write", decode, f"/ {shape.decode:,.0f} tokens a second / 3600"),
        ("hours on all GPUs", (hours[0] + decode) / shape.gpus, f"(read, shared + write) / {shape.gpus}"),
    ]


def driver(shape: Shape, calls: int) -> list[Row]:
    """Bytes and seconds of the store, and bytes of the completions held, a call and in all."""
    drawn, total = shape.prompts * shape.draws, asked(shape)[4][1]
    with tempfile.TemporaryDirectory() as place:
        scored, scored_s = _scored(Path(place) / "scores.sqlite", calls, shape)
        texts, texts_s, held = _drawn(Path(place) / "texts.sqlite", calls // 10, shape)
    disk = (total - drawn) * scored + drawn * texts
    seconds = (total - drawn) * scored_s + drawn * texts_s
    return [
        ("store bytes a label call", scored, f"measured, {calls:,} calls"),
        ("store bytes a draw", texts, f"measured, {calls // 10:,} draws of {shape.completion} tokens"),
        ("store terabytes", disk / 1e12, "calls x their bytes"),
        ("driver microseconds a label call", scored_s * 1e6, "measured, CPU time of one core"),
        ("driver microseconds a draw", texts_s * 1e6, "measured, CPU time of one core"),
        ("driver hours, one process", seconds / 3600, "calls x their seconds"),
        ("driver bytes a draw held", held, "measured: text and token ids"),
        ("driver memory in gigabytes, one run", drawn * held / 1e9, "draws x that"),
    ]


def _scored(path: Path, calls: int, shape: Shape) -> tuple[float, float]:
    def requests() -> Iterator[ScoreRequest]:
        for number in range(calls):
            completion, rule = divmod(number, shape.principles)
            words = (shape.template + shape.prompt + shape.completion) * "word "
            text = f"Response {completion}: {words}\nRule {rule}: " + "rule " * shape.principle
            turns = (Message(role="user", content=text),)
            yield ScoreRequest(id=str(number), messages=turns, continuations=("yes", "no"))

    with Store.open(path) as store:
        engine = RecordedEngine(Instant(0), store)
        start = time.process_time()
        for _ in engine.score(requests()):
            pass
        seconds = time.process_time() - start
    return path.stat().st_size / calls, seconds / calls


def _drawn(path: Path, draws: int, shape: Shape) -> tuple[float, float, float]:
    prompts = [
        Prompt(messages=(Message(role="user", content=f"{number} " + "word " * shape.prompt),))
        for number in range(draws // shape.draws)
    ]
    count = len(prompts) * shape.draws
    with Store.open(path) as store:
        engine = RecordedEngine(Instant(shape.completion), store)
        start = time.process_time()
        sample(engine, prompts, n=shape.draws, sampling=Sampling(), seed=0)
        seconds = time.process_time() - start
        # once more out of the store, where each text is an object of its own as in a run
        tracemalloc.start()
        kept = sample(engine, prompts, n=shape.draws, sampling=Sampling(), seed=0)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(kept) == count
    return path.stat().st_size / count, seconds / count, held / count


if __name__ == "__main__":
    sys.exit(main())
