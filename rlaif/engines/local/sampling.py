"""From logits to tokens: which may be drawn, and which one a given random number draws. No model, no state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from rlaif.records import Sampling


class Knobs(NamedTuple):
    """How each row is drawn, `[rows]` each."""

    temperature: torch.Tensor
    top_p: torch.Tensor
    top_k: torch.Tensor
    """0: any number of tokens."""
    min_p: torch.Tensor


def knobs_of(settings: Sequence[Sampling], device: torch.device) -> Knobs:
    """The settings of some rows as tensors."""
    table = [(each.temperature, each.top_p, each.top_k, each.min_p) for each in settings]
    columns = torch.tensor(table, dtype=torch.float64, device=device).reshape(-1, 4).unbind(1)
    return Knobs(columns[0], columns[1], columns[2].long(), columns[3])


def choose(logits: torch.Tensor, knobs: Knobs, uniform: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A token a row by inverting the distribution at `uniform`, and its log-probability at temperature 1.

    Temperature comes first, then top-k, top-p, min-p: the order of transformers.
    """
    logprobs = logits.float().log_softmax(-1)
    tokens = logprobs.argmax(-1)
    warm = knobs.temperature > 0
    if bool(warm.any()):
        heat = torch.where(warm, knobs.temperature, 1.0)[:, None]
        probs = _thinned((logprobs.double() / heat).softmax(-1), knobs)
        ladder = probs.cumsum(-1)
        rung = torch.searchsorted(ladder, (uniform * ladder[:, -1])[:, None], right=True)[:, 0]
        tokens = torch.where(warm, rung.clamp(max=logits.shape[-1] - 1), tokens)
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0]


def warm_logprobs(
    logits: torch.Tensor, knobs: Knobs, tokens: torch.Tensor, logprobs: torch.Tensor
) -> torch.Tensor:
    """Log-probabilities of tokens at each row's temperature, greedy rows at 1; `logprobs` are those at 1."""
    warm = (knobs.temperature > 0) & (knobs.temperature != 1)
    if not bool(warm.any()):
        return logprobs
    heat = torch.where(warm, knobs.temperature, 1.0)[:, None]
    found = (logits.double() / heat).log_softmax(-1).gather(1, tokens[:, None])[:, 0]
    return torch.where(warm, found, logprobs.double())


def uniforms(seed: int, count: int) -> list[float]:
    """The random numbers of one text, in [0, 1): they depend on its seed and on nothing else."""
    # on the CPU whatever the device, so that a seed means the same everywhere
    generator = torch.Generator().manual_seed(seed)
    drawn: list[float] = torch.rand(count, generator=generator, dtype=torch.float64).tolist()
    return drawn


def _thinned(probs: torch.Tensor, knobs: Knobs) -> torch.Tensor:
    """Zero for what may not be drawn; the likeliest always stays."""
    if bool((knobs.top_k > 0).any()) or bool((knobs.top_p < 1).any()):
        ordered, order = probs.sort(dim=-1, descending=True, stable=True)
        places = torch.arange(probs.shape[-1], device=probs.device)[None]
        ordered = ordered.masked_fill((places >= knobs.top_k[:, None]) & (knobs.top_k[:, None] > 0), 0.0)
        # the nucleus: the fewest tokens whose share of what is left reaches `top_p`
        before = (ordered.cumsum(-1) - ordered) / ordered.sum(-1, keepdim=True)
        beyond = (before >= knobs.top_p[:, None]) & (places > 0) & (knobs.top_p[:, None] < 1)
        probs = torch.zeros_like(probs).scatter(1, order, ordered.masked_fill(beyond, 0.0))
    if bool((knobs.min_p > 0).any()):
        floor = knobs.min_p[:, None] * probs.amax(-1, keepdim=True)
        probs = probs.masked_fill(probs < floor, 0.0)
    return probs
