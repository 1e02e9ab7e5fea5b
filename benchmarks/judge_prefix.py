"""What the shared prefix saves a judge: 16 principles in both orders, against the same prompts in plain batches.

    python benchmarks/judge_prefix.py [--tokens 50 300 1000] [--json]
    .venv-vllm/bin/python benchmarks/judge_prefix.py --engine vllm
    python benchmarks/judge_prefix.py --device cuda --shape 1b --dtype bfloat16

A judge compares two completions by each principle; the principle is all that differs, and stands last. The rival gets
the same token ids in full batches of equal length, nothing padded, and runs its head on the last position only. The
model is random: time does not depend on what weights say. Orders are measured one after the other, the three ways in
turn; a figure is the median over orders. `bound` is what counting multiplications allows. On CPUs, hf and its rival are
timed in CPU seconds: neighbours on the machine slow both, and not always at the same moment.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

PRINCIPLES = 16
LABELS = ("A", "B")
TOLERANCE = 1e-4
BATCH_TOKENS = 16384
WANTED = {50: 3.0, 300: 5.0, 1000: 8.0}
WANTED_PRICE = {1000: 1.5}
LONGER = (300, 80)
"""Also measured: completions of so many tokens with suffixes of so many."""
PEAKS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12}
"""Dense bfloat16 operations a second, as the maker states them."""


class Shape(NamedTuple):
    """Of a Llama."""

    width: int
    layers: int
    inner: int
    heads: int
    kv_heads: int
    vocabulary: int


SHAPES = {
    "bench": Shape(1024, 8, 2816, 16, 16, 32000),
    "1b": Shape(2048, 16, 8192, 32, 8, 128256),
    "tiny": Shape(32, 2, 64, 2, 2, 1600),
}


class Case(NamedTuple):
    """Questions of one order: requests that share a beginning of `shared` tokens, and own `suffix` each."""

    asked: list[Any]
    ids: list[list[int]]
    shared: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 3 if a figure is below what is wanted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", choices=["hf", "vllm"], default="hf")
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
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        write_model(Path(folder), SHAPES[options.shape])
        rows = []
        for row in measured(options, Path(folder)):
            rows.append(row)
            print(json.dumps(row), file=sys.stderr)
    print(json.dumps({"rows": rows}) if options.json else table(rows))
    return 0 if all(map(reached, rows)) else 3


def measured(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each engine, length and suffix."""
    import torch

    from rlaif.engines.load import load_model
    from rlaif.engines.open import open_engine

    name = f"{options.engine}:{folder}"
    device = "auto" if options.engine == "vllm" else options.device
    engine = open_engine(name, dtype=options.dtype, device=device, batch_tokens=BATCH_TOKENS)
    model = load_model(folder, dtype=options.dtype).to(options.device)
    suffixes = [(tokens, options.suffix or 40) for tokens in options.tokens]
    if options.suffix is None and LONGER[0] in options.tokens:
        suffixes.append(LONGER)
    for tokens, suffix in suffixes:
        ways = {options.engine: False}
        if options.engine == "vllm":
            ways["vllm, principle first"] = True
        for label, rule_first in ways.items():
            with torch.inference_mode():
                yield row_of(label, engine, model, options, Ask(tokens, suffix, rule_first))


class Ask(NamedTuple):
    """What a row is about."""

    tokens: int
    suffix: int
    rule_first: bool


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


def case(chat: Any, ask: Ask, order: int) -> Case:
    """The comparisons of one order, their suffixes padded with words to the wanted length."""
    words = ask.suffix
    while True:
        asked = [question(ask, order, number, words) for number in range(PRINCIPLES)]
        ids = chat.prompt_ids([each.messages for each in asked])
        shared = 0
        while len({tuple(each[: shared + 1]) for each in ids}) == 1:
            shared += 1
        excess = len(ids[0]) - shared - ask.suffix
        if ask.rule_first or excess == 0:
            return Case(asked, ids, shared)
        if excess < 0 or words <= excess:
            raise SystemExit(f"a suffix of {ask.suffix} tokens cannot be made: {excess} too many")
        words -= excess


def question(ask: Ask, order: int, number: int, words: int) -> Any:
    """A comparison by principle `number`, as judges are asked; or, for the rival of order, with the principle first."""
    from rlaif.records import Message, ScoreRequest
    from rlaif.templates import load_template

    first, second = (said(ask.tokens, 7 + side) for side in ((0, 1) if order == 0 else (1, 0)))
    rule = said(words, 100 + number)
    values = {"prompt": said(16, 1), "response_a": first, "response_b": second}
    text = load_template("compare").render(**values, principle="" if ask.rule_first else rule)
    text = f"{rule} {text}" if ask.rule_first else text
    turns = (Message(role="user", content=text),)
    return ScoreRequest(id=f"{order}/{number}", messages=turns, continuations=LABELS)


def said(words: int, start: int) -> str:
    """Words, each a token of its own; the first tells `start`."""
    return " ".join(f"w{(start * 31 + place * (place + start)) % 1000}" for place in range(words))


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

    if options.engine == "hf" and options.device == "cpu":
        return time.process_time

    def wall() -> float:
        if torch.cuda.is_available():
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


def write_model(folder: Path, shape: Shape) -> None:
    """Write a random Llama whose tokens are words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<unk>", "<end>", *LABELS, *(f"w{number}" for number in range(1000))]
    whole = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    whole.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=whole, unk_token="<unk>", eos_token="<end>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        max_position_embeddings=8192, tie_word_embeddings=True, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    sys.exit(main())
