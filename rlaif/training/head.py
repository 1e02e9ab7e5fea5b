"""The output head where only log-probabilities of known tokens are wanted: vocabulary tile by tile, no logits kept.

Forward holds one tile of logits and keeps one number a token; backward computes each tile again. Where the head is
frozen (adapters), the forward pass gathers the hidden states' gradient as it goes and backward computes no tile.

Suffixes: N tokens, D hidden width, V vocabulary, T the tile of the vocabulary at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

from rlaif.libraries.transformers import text_config

TILE_ELEMENTS, CPU_TILE_ELEMENTS = 1 << 24, 1 << 22
"""Logits computed at once (64 MiB in float32); on a CPU as many as its caches and its allocator bear."""


class TokenLogprobs(NamedTuple):
    """What tokens got: log-probabilities (float32), and whether each was the model's first choice."""

    logp_N: Tensor
    top_N: Tensor
    collision_N: Tensor | None = None
    """log sum_v p(v)^2 where each token stands, that two draws agree; only where it was asked for."""
    logits_NV: Tensor | None = None
    """All logits where each token stands, in float32; only where they were asked for."""
    entropy_N: Tensor | None = None
    """Of the distribution where each token stands, in nats; only where it was asked for, and no gradient."""
    value_N: Tensor | None = None
    """What a value model expects of the rest, before each token; only of a scorer that has one."""


class Head(NamedTuple):
    """A linear head and what a make of model does to its logits: cap * tanh(scale * logits / cap)."""

    weight_VD: Tensor
    bias_V: Tensor | None
    scale: float = 1.0
    cap: float | None = None
    in_place: bool = False
    """Whether the weight's gradient may be added to the one it has at once, unseen by autograd: its copy is as large
    as the head. Not where processes exchange gradients, for they watch autograd."""


def linear_head(model: Any, *, in_place: bool = False) -> Head | None:
    """The head of a causal model; None where it is no plain linear layer."""
    head, config = model.get_output_embeddings(), text_config(model.config)
    if type(head) is not nn.Linear:
        return None
    scale = getattr(config, "logit_scale", None) or 1.0
    if divisor := getattr(config, "logits_scaling", None):
        scale = 1.0 / divisor
    cap = getattr(config, "final_logit_softcapping", None)
    return Head(head.weight, head.bias, float(scale), cap, in_place)


def warmed(head: Head, temperature: float) -> Head:
    """The head whose logits are divided by a temperature, behind scale and cap."""
    if temperature == 1.0:
        return head
    cap = None if head.cap is None else head.cap / temperature
    return head._replace(scale=head.scale / temperature, cap=cap)


def read(head: Head, hidden_ND: Tensor, target_N: Tensor, *, entropies: bool = False) -> TokenLogprobs:
    """Of each target, given the hidden state that predicts it; in autocast's dtype where that is on.

    `entropies` asks for entropy_N too, which has no gradient: of the same tiles, with no product more.
    """
    kind = hidden_ND.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_ND.dtype
    logp_N, top_N, entropy_N = _Read.apply(  # type: ignore[no-untyped-call]
        hidden_ND,
        head.weight_VD,
        head.bias_V,
        target_N,
        (head.scale, head.cap),
        (dtype, head.in_place, entropies),
    )
    return TokenLogprobs(logp_N, top_N, entropy_N=entropy_N if entropies else None)


def logits(head: Head, hidden_ND: Tensor) -> Tensor:
    """All logits of each hidden state, in float32: for who compares whole distributions."""
    weight_VD = head.weight_VD
    found = hidden_ND.to(weight_VD.dtype) @ weight_VD.T
    if head.bias_V is not None:
        found = found + head.bias_V
    found = found.float() * head.scale
    return found if head.cap is None else head.cap * torch.tanh(found / head.cap)


@torch.no_grad()
def collisions(head: Head, hidden_ND: Tensor) -> Tensor:
    """collision_N of each hidden state, in a pass over the vocabulary of its own."""
    kind = hidden_ND.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden_ND.dtype
    tiles = _Tiles(hidden_ND.to(dtype), head.weight_VD, head.bias_V, (head.scale, head.cap))
    once_N = hidden_ND.new_full((len(hidden_ND),), -torch.inf, dtype=tiles.wide)
    twice_N = once_N.clone()
    for _, _, logits_NT in tiles:
        once_N = torch.logaddexp(once_N, logits_NT.logsumexp(1))
        twice_N = torch.logaddexp(twice_N, (2 * logits_NT).logsumexp(1))
    return twice_N - 2 * once_N


class _Tiles:
    """Logits in float32 (or wider), a tile of the vocabulary at a time."""

    def __init__(
        self, hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, shape: tuple[float, float | None]
    ) -> None:
        self.hidden_ND, self.weight_VD, self.bias_V = hidden_ND, weight_VD, bias_V
        self.scale, self.cap = shape
        self.wide = torch.promote_types(hidden_ND.dtype, torch.float32)

    def __iter__(self) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Which part of the vocabulary, its weights in the arithmetic's dtype, its logits."""
        vocabulary = self.weight_VD.shape[0]
        most = min(TILE_ELEMENTS, CPU_TILE_ELEMENTS) if self.hidden_ND.is_cpu else TILE_ELEMENTS
        width = max(1, most // max(1, len(self.hidden_ND)))
        for start in range(0, vocabulary, width):
            part = slice(start, min(start + width, vocabulary))
            weight_TD = self.weight_VD[part].to(self.hidden_ND.dtype)
            logits_NT = self.hidden_ND @ weight_TD.T
            if self.bias_V is not None:
                logits_NT += self.bias_V[part].to(logits_NT.dtype)
            logits_NT = logits_NT.to(self.wide)
            if self.scale != 1.0:
                logits_NT *= self.scale
            if self.cap is not None:
                logits_NT.div_(self.cap).tanh_().mul_(self.cap)
            yield part, weight_TD, logits_NT

    def slope(self, capped: Tensor) -> Tensor | float:
        """Derivative of what comes out by what the linear layer gave."""
        return self.scale if self.cap is None else self.scale * (1 - (capped / self.cap).square())


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        target_N: Tensor,
        shape: tuple[float, float | None],
        how: tuple[torch.dtype, bool, bool],
    ) -> tuple[Tensor, Tensor, Tensor]:
        dtype, ctx.in_place, entropies = how
        tiles = _Tiles(hidden_ND.to(dtype), weight_VD, bias_V, shape)
        ctx.frozen = not (ctx.needs_input_grad[1] or ctx.needs_input_grad[2])
        width = hidden_ND.shape[1] if ctx.frozen and ctx.needs_input_grad[0] else 0
        found = _Sums(target_N, width, tiles.wide, entropies=entropies)
        for part, weight_TD, logits_NT in tiles:
            found.add(tiles, part, weight_TD, logits_NT)
        ctx.shape, ctx.dtype = shape, dtype
        if ctx.frozen:
            ctx.hidden_dtype = hidden_ND.dtype
            ctx.save_for_backward(found.direction_ND)
        else:
            ctx.save_for_backward(hidden_ND, weight_VD, bias_V, target_N, found.logsum_N)
        entropy_N = found.entropy_N
        ctx.mark_non_differentiable(found.top_N, entropy_N)
        return found.logp_N, found.top_N, entropy_N

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_N: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.frozen:
            (direction_ND,) = ctx.saved_tensors
            return (grad_N[:, None] * direction_ND).to(ctx.hidden_dtype), None, None, None, None, None
        return *_gradients(ctx, grad_N), None, None, None


class _Sums:
    """Running sums over tiles: log-sum-exp, the targets' logits, the first choice; with `width`, the direction in
    which each hidden state raises its target's log-probability; with `entropies`, the mean of the logits."""

    def __init__(self, target_N: Tensor, width: int, dtype: torch.dtype, *, entropies: bool) -> None:
        count = len(target_N)
        self.target_N = target_N
        self._max_N = torch.full((count,), -torch.inf, device=target_N.device, dtype=dtype)
        self._sum_N = torch.zeros_like(self._max_N)
        self._target_logit_N = torch.zeros_like(self._max_N)
        self._best_N = torch.full_like(target_N, -1)
        self._toward_ND = self._max_N.new_zeros(count, width) if width else None
        self._away_ND = self._max_N.new_zeros(count, width) if width else None
        self._logits_N = torch.zeros_like(self._max_N) if entropies else self._max_N[:0]

    def add(self, tiles: _Tiles, part: slice, weight_TD: Tensor, logits_NT: Tensor) -> None:
        """Take in a tile; its logits are used up."""
        places, columns = _inside(self.target_N, part)
        target_logit = logits_NT[places, columns]
        self._target_logit_N[places] = target_logit
        top_N, index_N = logits_NT.max(1)
        self._best_N = torch.where(top_N > self._max_N, index_N + part.start, self._best_N)
        max_N = torch.maximum(top_N, self._max_N)
        slope = tiles.slope(logits_NT) if self._toward_ND is not None else 1.0
        kept_N = (self._max_N - max_N).exp()
        apart_NT = logits_NT.sub_(max_N[:, None])
        if len(self._logits_N):
            weights_NT = apart_NT.exp()
            seen_N = torch.linalg.vecdot(weights_NT, apart_NT) + max_N * weights_NT.sum(1)
            self._logits_N = self._logits_N * kept_N + seen_N
        else:
            weights_NT = apart_NT.exp_()
        self._sum_N = self._sum_N * kept_N + weights_NT.sum(1)
        self._max_N = max_N
        if self._toward_ND is not None and self._away_ND is not None:
            seen_ND = (weights_NT * slope).to(weight_TD.dtype) @ weight_TD
            self._away_ND = self._away_ND * kept_N[:, None] + seen_ND
            rise = (torch.ones_like(target_logit) * tiles.slope(target_logit))[:, None]
            self._toward_ND[places] = weight_TD[columns].to(rise.dtype) * rise

    @property
    def logsum_N(self) -> Tensor:
        """Log of the sum of the exponentials of all logits."""
        return self._max_N + self._sum_N.log()

    @property
    def logp_N(self) -> Tensor:
        """Log-probabilities of the targets."""
        # in this order large logits cancel before they are rounded
        return (self._target_logit_N - self._max_N) - self._sum_N.log()

    @property
    def entropy_N(self) -> Tensor:
        """Of each distribution, in nats; empty where the logits were not added up."""
        return self.logsum_N - self._logits_N / self._sum_N if len(self._logits_N) else self._logits_N

    @property
    def top_N(self) -> Tensor:
        """Whether the target has the largest logit (the first of the largest)."""
        return self._best_N == self.target_N

    @property
    def direction_ND(self) -> Tensor | None:
        """Gradient of each log-probability by its hidden state."""
        if self._toward_ND is None or self._away_ND is None:
            return None
        return self._toward_ND - self._away_ND / self._sum_N[:, None]


def _add_product(total: Tensor, one: Tensor, other: Tensor) -> None:
    """`total += one @ other`, without a place for the product where all are of one dtype."""
    if total.dtype == one.dtype:
        total.addmm_(one, other)
    else:
        total += one @ other


def _inside(target_N: Tensor, part: slice) -> tuple[Tensor, Tensor]:
    # which targets lie in this part of the vocabulary, and where in it
    places = ((target_N >= part.start) & (target_N < part.stop)).nonzero()[:, 0]
    return places, target_N[places] - part.start


def _gradients(ctx: FunctionCtx, grad_N: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    hidden_ND, weight_VD, bias_V, target_N, logsum_N = ctx.saved_tensors  # type: ignore[attr-defined]
    wanted = ctx.needs_input_grad  # type: ignore[attr-defined]
    tiles = _Tiles(hidden_ND.to(ctx.dtype), weight_VD, bias_V, ctx.shape)  # type: ignore[attr-defined]
    hidden_grad_ND = torch.zeros_like(hidden_ND, dtype=tiles.wide) if wanted[0] else None
    held_VD = weight_VD.grad if ctx.in_place and weight_VD.is_leaf else None  # type: ignore[attr-defined]
    weight_grad_VD = torch.empty_like(weight_VD) if wanted[1] and held_VD is None else None
    bias_grad_V = torch.empty_like(bias_V) if wanted[2] else None
    # rows are scaled where they are narrow: a pass over the vocabulary less
    scaled_ND = (tiles.hidden_ND * -grad_N[:, None]).to(tiles.hidden_ND.dtype)
    for part, weight_TD, logits_NT in tiles:
        slope = tiles.slope(logits_NT)
        error_NT = logits_NT.sub_(logsum_N[:, None]).exp_()
        places, columns = _inside(target_N, part)
        error_NT[places, columns] -= 1
        if isinstance(slope, Tensor) or slope != 1.0:
            error_NT *= slope
        error_NT = error_NT.to(weight_TD.dtype)
        if hidden_grad_ND is not None:
            _add_product(hidden_grad_ND, error_NT, weight_TD)
        if held_VD is not None:
            _add_product(held_VD[part], error_NT.T, scaled_ND)
        elif weight_grad_VD is not None:
            weight_grad_VD[part] = 0
            _add_product(weight_grad_VD[part], error_NT.T, scaled_ND)
        if bias_grad_V is not None:
            bias_grad_V[part] = -grad_N.to(error_NT.dtype) @ error_NT
    if hidden_grad_ND is not None:
        hidden_grad_ND = (hidden_grad_ND * -grad_N[:, None]).to(hidden_ND.dtype)
    return hidden_grad_ND, weight_grad_VD, bias_grad_V
