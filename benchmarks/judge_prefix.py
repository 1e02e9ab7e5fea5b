"""What the shared prefix saves a judge: 16 principles in both orders, against the same prompts in plain batches.

    python benchmarks/judge_prefix.py [--tokens 50 300 1000] [--engine hf vllm] [--json]
    python benchmarks/judge_prefix.py --engine hf --device cuda --shape 1b --dtype bfloat16

A judge compares two completions by each principle; the principle is all that differs, and stands last. The rival gets
the same token ids in full batches of equal length, nothing padded, and runs its head on the last position only. The
model is random: time does not depend on what weights say. Orders are measured one after the other, the three ways in
turn; a figure is the median over orders. `bound` is what counting multiplications allows. On CPUs all are timed in CPU
seconds: neighbours on the machine slow each, and not at the same moment. vLLM, with our order of the prompt and with
the principle first, runs in a child, in the environment that `make vllm` makes; where that is on a GPU, say so:
`--device cuda`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

from judge_questions import LABELS, PRINCIPLES, SHAPES, Ask, Case, Shape, case, write_model

VLLM = Path(__file__).resolve().parents[1] / ".venv-vllm" / "bin" / "python"
TOLERANCE = 1e-4
BATCH_TOKENS = 16384
WANTED = {50: 3.0, 300: 5.0, 1000: 8.0}
WANTED_PRICE = {1000: 1.5}
LONGER = (300, 80)
"""Also measured: completions of so many tokens with suffixes of so many."""
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12}
"""Dense bfloat16 operations a second, as the maker states them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 3 if a figure is below what is wanted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = parsed(given)
    rows: list[dict[str, Any]] = []
    for engine in options.engine:
        if engine == "vllm" and find_spec("vllm") is None:
            rows += elsewhere(given)
            continue
        with tempfile.TemporaryDirectory() as folder:
            write_model(Path(folder), SHAPES[options.shape])
            for row in measured(engine, options, Path(folder)):
                rows.append(row)
                print(json.dumps(row), file=sys.stderr)
    print(json.dumps({"rows": rows}) if options.json else table(rows))
    return 0 if all(map(reached, rows)) else 3


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=["hf", "vllm"], nargs="+", default=["hf", "vllm"])
    parser.add_argument("--tokens", type=int, nargs="+", default=list(WANTED), help="of each completion")
    parser.add_argument("--suffix", type=int, help="one length for all rows instead of 40, and 80 once")
    parser.add_argument("--shape", choices=SHAPES, default="bench")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--orders", type=int, choices=[1, 2], default=2)
    parser.add_argument(
        "--naive-rows",
        type=int,
        default=PRINCIPLES,
        help="time so many of 16 and multiply: for slow machines",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(arguments)


def elsewhere(given: Sequence[str]) -> list[dict[str, Any]]:
    """vLLM's rows, measured by a child in vLLM's own environment; none where it has not been made."""
    if not VLLM.with_name("rlaif").exists() or sys.executable == str(VLLM):
        print("vLLM is not installed here, its rows are left out: `make vllm`", file=sys.stderr)
        return []
    command = [str(VLLM), __file__, *given, "--engine", "vllm", "--json"]
    quiet = {**os.environ, "VLLM_LOGGING_LEVEL": "ERROR"}
    # 3: measured, and a figure is below what is wanted
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=quiet, check=False)
    if done.returncode not in (0, 3):
        raise SystemExit(f"vLLM's part failed with {done.returncode}")
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["rows"]
    return found


def measured(name: str, options: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each engine, length and suffix."""
    import torch

    from rlaif.engines.local.load import load_model
    from rlaif.engines.open import open_engine

    device = "auto" if name == "vllm" else options.device
    engine = open_engine(f"{name}:{folder}", dtype=options.dtype, device=device, batch_tokens=BATCH_TOKENS)
    model = load_model(folder, dtype=options.dtype).to(options.device)
    suffixes = [(tokens, options.suffix or 40) for tokens in options.tokens]
    if options.suffix is None and LONGER[0] in options.tokens:
        suffixes.append(LONGER)
    for tokens, suffix in suffixes:
        ways = {name: False}
        if name == "vllm":
            ways["vllm, principle first"] = True
        for label, rule_first in ways.items():
            with torch.inference_mode():
                yield row_of(label, engine, model, options, Ask(tokens, suffix, rule_first))


def row_of(label: str, engine: Any, model: Any, options: argparse.Namespace, ask: Ask) -> dict[str, Any]:
    """Time all principles, one principle, and the rival, in each order."""
    shape, clock = SHAPES[options.shape], clock_of(options)
    cases = [case(engine.chat, ask, order) for order in range(options.orders)]
    labels = [each[0] for each in engine.chat.text_ids(LABELS)]
    list(engine.score(case(engine.chat, Ask(8, ask.suffix, ask.rule_first), 0).asked[:2]))
    speedups, prices, seconds, difference = [], [], [], 0.0
    for each in cases:
        forget(engine)
        one, _ = timed(clock, lambda each=each: list(engine.score(each.asked[:1])))
        forget(engine)
        together, scores = timed(clock, lambda each=each: list(engine.score(each.asked)))
        part = each.ids[: options.naive_rows]
        apart, plain = timed(clock, lambda part=part: naive(model, part, labels))
        speedups.append(apart * len(each.ids) / len(part) / together)
        prices.append(together / one)
        seconds.append(together)
        pairs = zip((s.logprobs for s in scores), plain, strict=False)
        difference = max(difference, *(abs(a - b) for x, y in pairs for a, b in zip(x, y, strict=True)))
    row = {
        "engine": label,
        "tokens": ask.tokens,
        "suffix": ask.suffix,
        "speedup_vs_batched_naive": median(speedups),
        "price_vs_one_principle": median(prices),
        **bounds(shape, cases[0]),
        "difference": difference,
    }
    return row | mfu(shape, cases[0], median(seconds), options)


def naive(model: Any, prompts: Sequence[Sequence[int]], labels: Sequence[int]) -> list[list[float]]:
    """Log-probabilities of the labels behind each prompt, in full batches of equal length."""
    import torch

    found: list[list[float]] = []
    count = max(1, BATCH_TOKENS // len(prompts[0]))
    for start in range(0, len(prompts), count):
        ids = torch.tensor(prompts[start : start + count], device=model.device)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        found += logits.log_softmax(-1)[:, labels].tolist()
    return found


def timed(clock: Callable[[], float], work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what was made in them."""
    start = clock()
    made = work()
    return clock() - start, made


def clock_of(options: argparse.Namespace) -> Callable[[], float]:
    """CPU seconds where all work is done by this process, else seconds."""
    import torch

    if options.device == "cpu":
        return time.process_time

    def wall() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return wall


def forget(engine: Any) -> None:
    """Empty vLLM's cache: what was asked before must not answer for what is measured now."""
    reset = getattr(getattr(engine, "model", None), "reset_prefix_cache", None)
    if reset is not None:
        reset()


def operations(shape: Shape, kept: int, tokens: int, branches: int) -> float:
    """Of `branches` of `tokens` each behind one beginning of `kept`, without the head."""
    head = shape.width // shape.heads
    weights = 2 * shape.width**2 + 2 * shape.width * head * shape.kv_heads + 3 * shape.width * shape.inner
    seen = kept * (kept + 1) / 2 + branches * (tokens * kept + tokens * (tokens + 1) / 2)
    return shape.layers * (2.0 * weights * (kept + branches * tokens) + 4.0 * shape.width * seen)


def bounds(shape: Shape, one: Case) -> dict[str, float]:
    """What counting allows."""
    own, count = len(one.ids[0]) - one.shared, len(one.ids)
    shared = operations(shape, one.shared, own, count)
    single = operations(shape, one.shared, own, 1)
    return {"bound_speedup": count * single / shared, "bound_price": shared / single}


def mfu(shape: Shape, one: Case, seconds: float, options: argparse.Namespace) -> dict[str, float]:
    """The share of the device's stated peak that the counted operations of one order reach; on known devices."""
    import torch

    if not str(options.device).startswith("cuda"):
        return {}
    name = torch.cuda.get_device_name(options.device)
    peak = next((rate for known, rate in PEAKS.items() if known in name), None)
    if peak is None or options.dtype == "float32":
        return {}
    done = operations(shape, one.shared, len(one.ids[0]) - one.shared, len(one.ids))
    return {"mfu": done / seconds / peak}


def reached(row: dict[str, Any]) -> bool:
    """Whether a row is as good as wanted; rows that nothing is wanted of always are."""
    if row["engine"] not in {"hf", "vllm"} or row["suffix"] != 40:
        return True
    price = WANTED_PRICE.get(row["tokens"], float("inf"))
    return row["speedup_vs_batched_naive"] >= WANTED.get(row["tokens"], 0) and (
        row["price_vs_one_principle"] <= price
    )


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown, for docs/benchmarks.md."""
    lines = [
        "| engine | tokens | suffix | speedup | bound | wanted | price of 16 | bound | wanted | difference |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        own = row["engine"] in {"hf", "vllm"} and row["suffix"] == 40
        wanted = WANTED.get(row["tokens"]) if own else None
        price = WANTED_PRICE.get(row["tokens"]) if own else None
        lines.append(
            f"| {row['engine']} | {row['tokens']} | {row['suffix']} | {row['speedup_vs_batched_naive']:.1f}x "
            f"| {row['bound_speedup']:.1f}x | {wanted or ''} | {row['price_vs_one_principle']:.2f} "
            f"| {row['bound_price']:.2f} | {price or ''} | {row['difference']:.0e} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
