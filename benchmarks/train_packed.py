"""Packed rows against the plain two-forward loop: samples a second, same model, pairs, reference and optimizer.

    python benchmarks/train_packed.py [--case micro] [--steps 4] [--json]

Cases: `micro` (the bundled model's shape, 48 pairs a step), `constitution` (the same with a long prompt, as with a
constitution in the system turn), `short-prompt` (almost nothing to share). Reference log-probabilities are computed
before the clock starts, on both sides. Sides take turns, and the best step of each counts: other work on the machine
slows a step down, nothing speeds one up.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import logsigmoid

from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.dpo import DPO, pair_tree
from rlaif.training.packing import pack, split
from rlaif.training.passes import CPU_TOKENS
from rlaif.training.reference import reference_logps
from rlaif.training.scorer import BranchScorer
from rlaif.training.tokens import TokenPair

BETA, PAIRS, VOCABULARY = 0.2, 48, 1408


class Case(NamedTuple):
    """Lengths in tokens, each drawn evenly between two bounds."""

    prompt: tuple[int, int]
    answer: tuple[int, int]


CASES = {
    "micro": Case((20, 45), (20, 80)),
    "constitution": Case((260, 300), (20, 80)),
    "short-prompt": Case((4, 8), (20, 80)),
}


def make_model() -> Any:
    """A random model of the bundled one's shape."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=160,
        intermediate_size=400,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def make_pairs(case: Case) -> list[TokenPair]:
    """Random tokens: time does not depend on what they say."""
    rng = random.Random(0)

    def ids(bounds: tuple[int, int]) -> tuple[int, ...]:
        return tuple(rng.randrange(5, VOCABULARY) for _ in range(rng.randint(*bounds)))

    return [
        TokenPair(str(n), ids(case.prompt), ids(case.answer), ids(case.answer), 0.9, 1.0)
        for n in range(PAIRS)
    ]


def plain_logps(model: Any, prompts: Sequence[Any], answers: Sequence[Any]) -> torch.Tensor:
    """One right-padded batch, all positions through the head: how it is usually written."""
    rows = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    length = max(map(len, rows))
    ids = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    there = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    scored = torch.tensor(
        [
            [0] * (len(prompt) - 1) + [1] * len(answer) + [0] * (length - len(row))
            for prompt, answer, row in zip(prompts, answers, rows, strict=True)
        ]
    )
    logps = model(input_ids=ids, attention_mask=there, use_cache=False).logits[:, :-1].log_softmax(-1)
    return (logps.gather(-1, ids[:, 1:, None])[..., 0] * scored).sum(1)


def plain_side(pairs: Sequence[TokenPair], model: Any) -> Callable[[], float]:
    """A step of the plain loop."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    prompts, chosen, rejected = (
        [getattr(pair, name) for pair in pairs] for name in ("prompt", "chosen", "rejected")
    )
    with torch.no_grad():
        held = plain_logps(model, prompts, chosen) - plain_logps(model, prompts, rejected)

    def step() -> float:
        margin = plain_logps(model, prompts, chosen) - plain_logps(model, prompts, rejected) - held
        loss = (-0.9 * logsigmoid(BETA * margin) - 0.1 * logsigmoid(-BETA * margin)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def packed_side(pairs: Sequence[TokenPair], model: Any) -> Callable[[], float]:
    """A step of ours, from token ids to weights."""
    scorer = BranchScorer(model, 0)
    objective = DPO(DPOConfig(beta=BETA, batch_size=len(pairs), steps=1), pairs, [])
    trees = [pair_tree(pair) for pair in pairs]
    objective.reference = dict(
        enumerate(reference_logps(scorer, trees, packed=True, batch_tokens=CPU_TOKENS))
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)

    def step() -> float:
        ordered, total = objective.trees(0), 0.0
        for group in map(sorted, split(ordered, CPU_TOKENS)):
            batch = pack([ordered[place] for place in group], packed=True, pad_id=0, with_last=False)
            part = objective.part(0, group, batch, scorer(batch))
            part.loss.backward()
            total += part.loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return total

    return step


def measure(name: str, steps: int) -> dict[str, Any]:
    """Both sides of one case."""
    model, pairs = make_model(), make_pairs(CASES[name])
    sides = {
        "plain": plain_side(pairs, copy.deepcopy(model)),
        "packed": packed_side(pairs, copy.deepcopy(model)),
    }
    best, losses = dict.fromkeys(sides, float("inf")), {}
    for number in range(steps):
        for side, step in sides.items():
            began = time.perf_counter()
            loss = step()
            best[side] = min(best[side], time.perf_counter() - began)
            if number == 0:
                losses[side] = loss
    trees = [pair_tree(pair) for pair in pairs]
    once, twice = sum(tree.size for tree in trees), sum(one.size for tree in trees for one in tree.apart)
    return {
        "case": name,
        "plain_samples_per_s": round(PAIRS / best["plain"], 1),
        "packed_samples_per_s": round(PAIRS / best["packed"], 1),
        "speedup": round(best["plain"] / best["packed"], 2),
        "shared_ratio": round(1 - once / twice, 3),
        "loss_difference": abs(losses["plain"] - losses["packed"]),
    }


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.case or CASES:
        row = measure(name, arguments.steps)
        print(
            json.dumps(row) if arguments.json else "  ".join(f"{key} {value}" for key, value in row.items())
        )


if __name__ == "__main__":
    main()
