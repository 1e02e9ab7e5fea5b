"""Draws texts from a causal model, many at a time. A text depends on its own seed and prompt, not on its neighbours.

The prompts of a batch are computed once each, however many draws they have, and finished rows leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from rlaif.engines.cache import new_cache, select_rows
from rlaif.engines.scoring import head_at
from rlaif.records import Finish, Sampling

KEEP_SHARE = 0.8
"""Below this share of unfinished rows a batch is packed anew."""
NOT_A_NUMBER = "the model returned NaN"


class Draw(NamedTuple):
    """One text to draw."""

    prompt: tuple[int, ...]
    sampling: Sampling
    seed: int
    room: int
    """Tokens that fit: at most `sampling.max_tokens`, fewer where the model's context ends."""


@dataclass(slots=True)
class Drawn:
    """What was drawn; `ids` has no end token, `logprob` counts it."""

    ids: list[int] = field(default_factory=list)
    logprob: float = 0.0
    finish: Finish = "length"
    error: str | None = None


@dataclass
class Decoder:
    """Draws with one model."""

    model: Any
    end_ids: frozenset[int]
    decode: Callable[[Sequence[int]], str]

    @torch.inference_mode()
    def draw(self, draws: Sequence[Draw]) -> list[Drawn]:
        """One text a draw, all in one batch."""
        batch = _Batch(draws, self.model.device)
        prompts = list(dict.fromkeys(each.prompt for each in draws))
        logits = self._prefill(batch, prompts)
        step = 0
        while batch.live:
            tokens, logprobs = choose(logits, batch.temperature, batch.top_p, batch.uniform[:, step])
            batch.take(tokens, logprobs, self._ends)
            step += 1
            if batch.live:
                logits = self._step(batch, tokens)
                logits = batch.pack(logits)
        for each in batch.drawn:
            if each.ids[-1] in self.end_ids:
                each.ids.pop()
        return batch.drawn

    def _prefill(self, batch: _Batch, prompts: Sequence[tuple[int, ...]]) -> torch.Tensor:
        device, width = self.model.device, max(map(len, prompts))
        ids = torch.tensor([[0] * (width - len(each)) + list(each) for each in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in prompts], device=device)
        batch.cache = new_cache(self.model.config)
        rows = torch.arange(len(prompts), device=device)
        with head_at(self.model, rows, torch.full_like(rows, width - 1)):
            out = self.model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                past_key_values=batch.cache,
                use_cache=True,
            )
        place = {prompt: row for row, prompt in enumerate(prompts)}
        chosen = torch.tensor([place[each.prompt] for each in batch.draws], device=device)
        select_rows(batch.cache, chosen)
        batch.mask = mask[chosen]
        logits: torch.Tensor = out.logits[0]
        return logits[chosen]

    def _step(self, batch: _Batch, tokens: torch.Tensor) -> torch.Tensor:
        batch.mask = torch.cat([batch.mask, batch.mask.new_ones(len(batch.mask), 1)], dim=1)
        out = self.model(
            input_ids=tokens[:, None],
            attention_mask=batch.mask,
            position_ids=batch.mask.sum(1, keepdim=True) - 1,
            past_key_values=batch.cache,
            use_cache=True,
        )
        logits: torch.Tensor = out.logits[:, -1]
        return logits

    def _ends(self, draw: Draw, ids: Sequence[int]) -> bool:
        if ids[-1] in self.end_ids:
            return True
        stops = draw.sampling.stop
        return bool(stops) and any(stop in self.decode(ids) for stop in stops)


class _Batch:
    """The rows that are still written, and what each draw has got so far."""

    mask: torch.Tensor
    cache: Any

    def __init__(self, draws: Sequence[Draw], device: torch.device) -> None:
        self.draws = draws
        self.drawn = [Drawn() for _ in draws]
        self.rows = list(range(len(draws)))
        """Row of the tensors to place in `draws`; finished rows stay until the next packing."""
        self.live = set(self.rows)
        longest = max(each.room for each in draws)
        self.uniform = torch.stack([_uniforms(each, longest) for each in draws]).to(device)
        settings = [(each.sampling.temperature, each.sampling.top_p) for each in draws]
        self.temperature, self.top_p = torch.tensor(settings, dtype=torch.float64, device=device).unbind(1)

    def take(
        self, tokens: torch.Tensor, logprobs: torch.Tensor, ends: Callable[[Draw, Sequence[int]], bool]
    ) -> None:
        """Hand each live row its token, and find out which are done."""
        for place, token, logprob in zip(self.rows, tokens.tolist(), logprobs.tolist(), strict=True):
            if place not in self.live:
                continue
            draw, drawn = self.draws[place], self.drawn[place]
            drawn.ids.append(token)
            drawn.logprob += logprob
            if logprob != logprob:
                drawn.error = NOT_A_NUMBER
            elif ends(draw, drawn.ids):
                drawn.finish = "stop"
            if drawn.error or drawn.finish == "stop" or len(drawn.ids) == draw.room:
                self.live.discard(place)

    def pack(self, logits: torch.Tensor) -> torch.Tensor:
        """Drop finished rows once they are enough to pay for the copying."""
        if len(self.live) > KEEP_SHARE * len(self.rows):
            return logits
        kept = [row for row, place in enumerate(self.rows) if place in self.live]
        self.rows = [self.rows[row] for row in kept]
        index = torch.tensor(kept, device=logits.device)
        select_rows(self.cache, index)
        self.mask, self.uniform = self.mask[index], self.uniform[index]
        self.temperature, self.top_p = self.temperature[index], self.top_p[index]
        return logits[index]


def choose(
    logits: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor, uniform: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A token a row by inverting the distribution at `uniform`, and its log-probability at temperature 1."""
    logprobs = logits.float().log_softmax(-1)
    tokens = logprobs.argmax(-1)
    warm = temperature > 0
    if bool(warm.any()):
        heat = torch.where(warm, temperature, 1.0)[:, None]
        probs = (logprobs.double() / heat).softmax(-1)
        if bool((top_p < 1).any()):
            probs = _nucleus(probs, top_p[:, None])
        ladder = probs.cumsum(-1)
        rung = torch.searchsorted(ladder, (uniform * ladder[:, -1])[:, None], right=True)[:, 0]
        tokens = torch.where(warm, rung.clamp(max=logits.shape[-1] - 1), tokens)
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0]


def _nucleus(probs: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Zero for all but the fewest tokens whose mass reaches `top_p`; the likeliest always stays."""
    ordered, order = probs.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    beyond = torch.zeros_like(probs, dtype=torch.bool).scatter(1, order, (before >= top_p) & (before > 0))
    return probs.masked_fill(beyond, 0.0)


def _uniforms(draw: Draw, longest: int) -> torch.Tensor:
    # on the CPU whatever the device, so that a seed means the same everywhere
    generator = torch.Generator().manual_seed(draw.seed)
    own = torch.rand(draw.room, generator=generator, dtype=torch.float64)
    return torch.nn.functional.pad(own, (0, longest - draw.room))
