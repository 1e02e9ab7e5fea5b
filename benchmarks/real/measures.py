"""What `make real` says of a model's answers: the share that follows each rule, how many were cut, their fluency."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlaif.auditing.intervals import Interval, mean_interval
from rlaif.engines.open import open_engine
from rlaif.hashing import derived_seed
from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest

RESAMPLES = 1000
Row = Mapping[str, Any]


def answers_of(run: Path, model: str) -> list[dict[str, Any]]:
    """The answers that `rlaif evaluate` has measured of a model."""
    lines = (run / "measured.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["measured"]["model"] == model]


def followed(answers: Sequence[Row], rules: Sequence[str]) -> dict[str, list[float]]:
    """The share of answers that follow each rule, and all of them, with intervals over prompts.

    A rule that could not be read of an answer is left out of that rule's share and of that of all rules.
    """
    held = [(row["prompt"], row["measured"].get("judge", {})) for row in answers]
    found = {
        rule: mean_interval([(prompt, said[rule]) for prompt, said in held if said.get(rule) is not None])
        for rule in rules
    }
    whole = [
        (prompt, float(all(said[rule] == 1.0 for rule in rules)))
        for prompt, said in held
        if all(said.get(rule) is not None for rule in rules)
    ]
    found["all rules"] = mean_interval(whole)
    found["cut"] = mean_interval([(row["prompt"], float(row["finish"] == "length")) for row in answers])
    return {name: list(interval) for name, interval in found.items() if interval is not None}


def words(answers: Sequence[Row]) -> float:
    """Of an answer, on average."""
    return sum(len(row["completion"].split()) for row in answers) / max(1, len(answers))


def fluency(base: Path, answers: Sequence[Row], dtype: str) -> dict[str, Any]:
    """The base model's perplexity of answers to their prompts, with an interval over prompts.

    Empty answers have none and are counted. The constitution, which some models were shown, is not shown here.
    """
    said = [row for row in answers if row["completion"].strip()]
    engine = open_engine(f"hf:{base}", dtype=dtype)
    asked = [
        ScoreRequest(
            id=str(place),
            messages=(Message(role="user", content=row["prompt"]),),
            continuations=(row["completion"],),
        )
        for place, row in enumerate(said)
    ]
    found = {int(each.request_id): each for each in engine.score(asked)}
    engine.close()
    failed = [place for place, each in found.items() if each.error is not None]
    rows = [
        (row["prompt"], found[place].logprobs[0], _tokens(row))
        for place, row in enumerate(said)
        if place not in failed
    ]
    return {
        "perplexity": list(perplexity(rows)),
        "empty": len(answers) - len(said),
        "unread": len(failed),
    }


def _tokens(row: Row) -> int:
    ended = row["finish"] != "length"
    return max(1, len(row["token_ids"]) - ended)


def perplexity(rows: Sequence[tuple[str, float, int]], seed: int = 0) -> Interval:
    """exp(- log-probability a token) of (prompt, log-probability, tokens); percentiles over draws of prompts."""
    prompts = {prompt: place for place, prompt in enumerate(dict.fromkeys(row[0] for row in rows))}
    table = np.zeros((len(prompts), 2))
    for prompt, logprob, tokens in rows:
        table[prompts[prompt]] += logprob, tokens
    drawn = np.random.default_rng(derived_seed(seed, "perplexity")).integers(
        0, len(table), (RESAMPLES, len(table))
    )
    sums = table[drawn].sum(axis=1)
    low, high = np.quantile(np.exp(-sums[:, 0] / sums[:, 1]), [0.025, 0.975])
    total = table.sum(axis=0)
    return Interval(math.exp(-total[0] / total[1]), float(low), float(high))


def speeds(model: Path, prompts: Sequence[str], dtype: str) -> dict[str, float]:
    """Tokens that one CPU second draws, reads and trains here, tried for some seconds; and what opening costs."""
    clock = time.process_time()
    engine = open_engine(f"hf:{model}", dtype=dtype)
    sampling = Sampling(max_tokens=24, temperature=0.8)
    requests = [
        GenerateRequest(id=str(place), messages=(Message(role="user", content=each),), sampling=sampling)
        for place, each in enumerate([*prompts] * 2)
    ]
    list(engine.generate(requests[:1]))
    opened, clock = time.process_time() - clock, time.process_time()
    drawn = sum(len(each.token_ids or ()) for each in engine.generate(requests))
    spent = time.process_time() - clock
    engine.close()
    read, trained = _passes(model, dtype)
    return {"opening": opened, "drawn": drawn / spent, "read": read, "trained": trained}


def _passes(model: Path, dtype: str) -> tuple[float, float]:
    """Tokens that a CPU second reads forwards, and forwards and backwards, on float32 weights."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    found = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    ids = torch.randint(0, found.config.vocab_size, (4, 100), generator=torch.Generator().manual_seed(0))
    spent = []
    for backwards in (False, True, True):  # the first pass backwards warms up
        clock = time.process_time()
        with (
            torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"),
            torch.set_grad_enabled(backwards),
        ):
            loss = found(input_ids=ids, labels=ids).loss
        if backwards:
            loss.backward()
        spent.append(time.process_time() - clock)
    return ids.numel() / spent[0], ids.numel() / spent[2]
