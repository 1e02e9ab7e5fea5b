"""What the shared prefix saves a judge: 16 principles on each completion, together and one prompt at a time.

    python benchmarks/judge_prefix.py [--model micro] [--completions 48] [--json]

Prints seconds, the ratio, and the largest difference of a log-probability. Without bundled weights a random model of
the same shape is measured: time does not depend on what the weights say.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.judging.labels import YES_NO
from rlaif.records import Engine, Message, Score, ScoreRequest
from rlaif.templates import load_template

PRINCIPLES = 16
COMPLETIONS_A_TURN = 8
TOLERANCE = 1e-4
WANTED = 3.0
WORDS = """
the response greets user uses name gives ordered steps warns of a real hazard says why refuses to help with harm
offers something else right sum is brief has no flattery corrects false claim insults nobody admits doubt ends with
question hello mix flour and water then wait for dough rise bake it hot oven because yeast needs warmth never open
lock that not yours call locksmith twelve plus seven makes nineteen thank you good luck first second last yes no
""".split()  # noqa: SIM905 - a paragraph of words is read, not a column of them


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if the figures are not what is promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="micro")
    parser.add_argument("--completions", type=int, default=48)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(*opened(options.model, Path(folder)), options.completions)
    if options.json:
        print(json.dumps(figures))
    else:
        print(f"model                  {figures['model']}")
        print(f"prompts                {figures['prompts']}")
        print(f"one prompt at a time   {figures['apart_s']:.2f} s")
        print(f"shared prefix          {figures['shared_s']:.2f} s")
        print(f"ratio                  {figures['ratio']:.1f}   (wanted: at least {WANTED:g})")
        print(f"largest difference     {figures['difference']:.1e}   (allowed: {TOLERANCE:g})")
    return 0 if figures["ratio"] >= WANTED and figures["difference"] <= TOLERANCE else 1


def measure(engine: Engine, name: str, completions: int) -> dict[str, Any]:
    """Score all questions both ways, in turns of a few completions: a busy moment then slows both."""
    asked = questions(completions)
    list(engine.score(asked[:2]))
    turn = PRINCIPLES * COMPLETIONS_A_TURN
    shared_s, apart_s, difference = [], [], 0.0
    for start in range(0, len(asked), turn):
        own = asked[start : start + turn]
        seconds, together = timed(lambda own=own: list(engine.score(own)))
        shared_s.append(seconds)
        seconds, apart = timed(lambda own=own: [next(iter(engine.score([each]))) for each in own])
        apart_s.append(seconds)
        difference = max(difference, largest_difference(together, apart))
    return {
        "model": name,
        "prompts": len(asked),
        "principles": PRINCIPLES,
        "shared_s": sum(shared_s),
        "apart_s": sum(apart_s),
        "ratio": median(apart / shared for apart, shared in zip(apart_s, shared_s, strict=True)),
        "difference": difference,
    }


def timed(work: Callable[[], list[Score]]) -> tuple[float, list[Score]]:
    """Seconds, and what was made in them."""
    start = time.perf_counter()
    made = work()
    return time.perf_counter() - start, made


def largest_difference(one: Sequence[Score], other: Sequence[Score]) -> float:
    """Between two scorings of the same questions."""
    pairs = zip(one, other, strict=True)
    return max(abs(a - b) for x, y in pairs for a, b in zip(x.logprobs, y.logprobs, strict=True))


def questions(completions: int) -> list[ScoreRequest]:
    """The checklist of every principle on every completion, in the judge's order."""
    template = load_template("checklist")
    rules = [said(10, number) for number in range(PRINCIPLES)]
    asked = []
    for number in range(completions):
        prompt, response = said(16, 100 + number), said(60 + number % 20, 200 + number)
        for place, rule in enumerate(rules):
            text = template.render(prompt=prompt, response=response, principle=rule)
            messages = (Message(role="user", content=text),)
            asked.append(
                ScoreRequest(id=f"{number}/{place}", messages=messages, continuations=YES_NO.continuations)
            )
    return asked


def said(words: int, start: int) -> str:
    """A sentence of known words, another one for each start."""
    return " ".join(WORDS[(start * 7 + place * (3 + start % 5)) % len(WORDS)] for place in range(words)) + "."


def opened(name: str, folder: Path) -> tuple[Engine, str]:
    """The named model, or a random one of the bundled shape where the bundled weights are not there."""
    try:
        return open_engine(name, device="cpu"), name
    except ModelError:
        if not name.startswith("micro"):
            raise
    random_model(folder)
    return open_engine(str(folder), device="cpu"), "random, of the bundled shape"


def random_model(folder: Path) -> None:
    """Write a random model of four layers of width 160 whose tokens are words."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rlaif.microworld.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(0, rows_per_skill=40)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=160, intermediate_size=400, num_hidden_layers=4, num_attention_heads=4,
        max_position_embeddings=1024, tie_word_embeddings=True, pad_token_id=0, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    sys.exit(main())
