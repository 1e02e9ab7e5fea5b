"""Think, then label: questions a second with labels read behind a thought, against plain drawing of the same texts.

    python benchmarks/think_then_label.py [--calls 256] [--repeats 5] [--model micro] [--device cpu] [--json]

A judge writes as `compare-cot` asks it to, and says its verdict; or its thought is drawn in the same way, ended in
front of the verdict, and the probabilities of both labels are read behind it. The ways take turns in one process, in
an order that changes; a figure is the median over the repeats. `labels again` is what reading the labels in a pass of
their own would make of it. On a CPU all are timed in CPU seconds, as neighbours on the machine slow each.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import median

from rlaif.constitution.load import load_principles
from rlaif.engines.open import open_engine
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Engine, GenerateRequest, Message, Sampling, ScoreRequest
from rlaif.templates import load_template

WANTED = 0.9
VERDICT = "\nAnswer:"
LABELS = ("A", " A", "B", " B")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 3 if the share is below what is wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", default="micro")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--max-tokens", type=int, default=160)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    engine = open_engine(options.model, device=options.device)
    drawn = questions(engine, options.calls, options.max_tokens)
    rates = measured(engine, drawn, options.repeats, options.device)
    share = rates["think, then label"] / rates["compare-cot"]
    found = {"calls_a_second": rates, "share": round(share, 3), "wanted": WANTED}
    print(
        json.dumps(found)
        if options.json
        else "\n".join(f"{name}: {rate:.1f}/s" for name, rate in rates.items())
    )
    if not options.json:
        print(f"share: {share:.3f} (wanted: {WANTED})")
    return 0 if share >= WANTED else 3


def questions(engine: Engine, count: int, most: int) -> list[GenerateRequest]:
    """`compare-cot` on two answers that the model itself draws to each of the bundled prompts."""
    prompts = read_prompts("micro:train", limit=count)
    how = Sampling(max_tokens=64)
    asked = [
        GenerateRequest(id=f"{place}/{draw}", messages=each.messages, sampling=how, seed=2 * place + draw)
        for place, each in enumerate(prompts)
        for draw in (0, 1)
    ]
    texts = {each.request_id: each.text for each in engine.generate(asked)}
    template, rules = load_template("compare-cot"), load_principles("micro-default").principles
    return [
        GenerateRequest(
            id=str(place),
            messages=(
                Message(
                    role="user",
                    content=template.render(
                        prompt=prompts[place % len(prompts)].text,
                        response_a=texts[f"{place % len(prompts)}/0"],
                        response_b=texts[f"{place % len(prompts)}/1"],
                        principle=rules[place % len(rules)].text,
                    ),
                ),
            ),
            sampling=Sampling(max_tokens=most),
            seed=place,
        )
        for place in range(count)
    ]


def measured(engine: Engine, drawn: Sequence[GenerateRequest], repeats: int, device: str) -> dict[str, float]:
    """Calls a second by each way."""
    scored = [
        ScoreRequest(
            id=each.id,
            messages=each.messages,
            continuations=LABELS,
            assistant_prefix=VERDICT,
            thinking=replace(each.sampling, stop=(VERDICT,)),
            seed=each.seed,
        )
        for each in drawn
    ]
    # a label of several tokens is not read in the draw
    again = [replace(each, continuations=(*LABELS, "A or B")) for each in scored]
    ways: dict[str, Callable[[], int]] = {
        "compare-cot": lambda: sum(1 for each in engine.generate(drawn) if not each.error),
        "think, then label": lambda: sum(1 for each in engine.score(scored) if not each.error),
        "labels again": lambda: sum(1 for each in engine.score(again) if not each.error),
    }
    clock = time.process_time if device == "cpu" else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name in [*ways][:: 1 if turn % 2 else -1]:
            start = clock()
            done = ways[name]()
            if done != len(drawn):
                raise SystemExit(f"{name}: {len(drawn) - done} of {len(drawn)} calls failed")
            # the first turn tries the model out
            if turn:
                seconds[name].append(clock() - start)
    return {name: len(drawn) / median(each) for name, each in seconds.items()}


if __name__ == "__main__":
    sys.exit(main())
