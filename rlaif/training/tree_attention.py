"""Attention over packed trees in which what nobody looks at is never computed: for CPUs, which have no block masks.

A tree `[prefix | branch | branch]` is attended to in three parts: the prefix to itself, all branches to the prefix,
and each branch to itself. The two that a branch's token takes part in are put together by their sums of exponentials,
as ring attention does (2310.01889), and share their backward pass so. No mask is made, and no key is copied.

Suffixes: R rows, H heads, L row length, N tokens at hand, G branches of a tree, T the longest of them, E width of a
head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rlaif.libraries.torch import attend, attend_backward
from rlaif.libraries.transformers import register_attention, usual_attention
from rlaif.training.packing import TreeSpan

TREES = "rlaif_trees"
"""The name by which models are set to this attention."""


class TreeMask(Tensor):
    """Stands where a mask would, and says where the trees lie; never computed with."""

    spans: Sequence[TreeSpan]


def tree_mask(spans: Sequence[TreeSpan], like: Tensor) -> TreeMask:
    """The mask of these trees, on the device of `like`; of four dimensions, which models hand on as it is."""
    made = torch.zeros(1, 1, 1, 1, device=like.device).as_subclass(TreeMask)
    made.spans = spans
    return made


def use_trees() -> str:
    """Make the attention known to the library; its name."""
    register_attention(TREES, tree_attention, masks_of="sdpa")
    return TREES


def tree_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attend as the trees of the mask say; under any other mask, as SDPA does.

    Shapes are transformers': (R, H, L, E) in, (R, L, H, E) out. Raises NotImplementedError for what a model does to
    its scores besides scaling them.
    """
    if not isinstance(mask, TreeMask):
        found: tuple[Tensor, None] = usual_attention("sdpa")(module, query, key, value, mask, **options)
        return found
    odd = [name for name in ("softcap", "s_aux", "position_bias") if options.get(name) is not None]
    if odd or options.get("dropout"):
        raise NotImplementedError(f"its attention takes {', '.join(odd) or 'dropout'}")
    kind = query.device.type
    if torch.is_autocast_enabled(kind):  # which knows SDPA, and not this
        query, key, value = (each.to(torch.get_autocast_dtype(kind)) for each in (query, key, value))
    groups = query.shape[1] // key.shape[1]
    if groups > 1:
        key, value = (each.repeat_interleave(groups, dim=1) for each in (key, value))
    scale = options.get("scaling") or query.shape[-1] ** -0.5
    seen: Tensor = _Trees.apply(query, key, value, tuple(mask.spans), scale)  # type: ignore[no-untyped-call]
    return seen.transpose(1, 2).contiguous(), None


class _Trees(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, spans: Sequence[TreeSpan], scale: float
    ) -> Tensor:
        out = torch.zeros_like(query)
        logsum = query.new_zeros(query.shape[:3], dtype=torch.float32)
        for part in map(_Part, spans):
            q, k, v = part.of(query), part.of(key), part.of(value)
            if part.prefix:
                own = attend(q.prefix, k.prefix, v.prefix, causal=True, scale=scale)
                part.of(out).prefix.copy_(own.out)
                part.of(logsum).prefix.copy_(own.logsum)
            if part.size:
                near = attend(*(part.apart(each.branches) for each in (q, k, v)), causal=True, scale=scale)
                found, total = part.together(near.out), part.together(near.logsum)
                if part.prefix:
                    far = attend(q.branches, k.prefix, v.prefix, causal=False, scale=scale)
                    both = torch.logaddexp(total, far.logsum)
                    found = found * (total - both).exp()[..., None]
                    found += far.out * (far.logsum - both).exp()[..., None]
                    total = both
                part.of(out).branches.copy_(found)
                part.of(logsum).branches.copy_(total)
        ctx.spans, ctx.scale = spans, scale
        ctx.save_for_backward(query, key, value, out, logsum)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, logsum = ctx.saved_tensors
        grads = [torch.zeros_like(each) for each in (query, key, value)]

        def back(*looked: Tensor, causal: bool) -> Sequence[Tensor]:
            return attend_backward(*looked, causal=causal, scale=ctx.scale)

        for part in map(_Part, ctx.spans):
            q, k, v, given, seen, total = (part.of(each) for each in (query, key, value, grad, out, logsum))
            to_q, to_k, to_v = (part.of(each) for each in grads)
            if part.prefix:
                looked = (given.prefix, q.prefix, k.prefix, v.prefix, seen.prefix, total.prefix)
                for held, more in zip((to_q, to_k, to_v), back(*looked, causal=True), strict=True):
                    held.prefix.add_(more)
            if part.size:
                # with the sums over both parts, the gradient of each is what it adds to the gradient of all
                apart = (part.apart(each.branches) for each in (given, q, k, v, seen, total))
                for held, more in zip((to_q, to_k, to_v), back(*apart, causal=True), strict=True):
                    held.branches.add_(part.together(more))
                if part.prefix:
                    looked = (given.branches, q.branches, k.prefix, v.prefix, seen.branches, total.branches)
                    of_q, of_k, of_v = back(*looked, causal=False)
                    to_q.branches.add_(of_q)
                    to_k.prefix.add_(of_k)
                    to_v.prefix.add_(of_v)
        return *grads, None, None


class _Two(NamedTuple):
    """Views of a tree's places in a tensor (R, H, L, ...), (1, H, N, ...) each."""

    prefix: Tensor
    branches: Tensor


class _Part:
    """One tree's places, and its branches on rows of their own and back."""

    def __init__(self, span: TreeSpan) -> None:
        self.span, self.prefix, self.size = span, span.prefix, sum(span.branches)
        self._lengths = [each for each in span.branches if each]
        self._even = len(set(self._lengths)) == 1

    def of(self, whole: Tensor) -> _Two:
        """The tree's places."""
        row, middle = self.span.row, self.span.start + self.prefix
        here = whole[row : row + 1]
        return _Two(here[:, :, self.span.start : middle], here[:, :, middle : middle + self.size])

    def apart(self, flat: Tensor) -> Tensor:
        """(1, H, N, ...) -> (G, H, T, ...); behind shorter branches stand zeros, which no token before them sees."""
        heads, rest = flat.shape[1], flat.shape[3:]
        if self._even:
            return flat[0].reshape(heads, len(self._lengths), -1, *rest).transpose(0, 1)
        made = flat.new_zeros(len(self._lengths), heads, max(self._lengths), *rest)
        for number, each in enumerate(torch.split(flat[0], self._lengths, dim=1)):
            made[number, :, : each.shape[1]] = each
        return made

    def together(self, apart: Tensor) -> Tensor:
        """And back."""
        if self._even:
            return apart.transpose(0, 1).flatten(1, 2)[None]
        both = zip(apart, self._lengths, strict=True)
        return torch.cat([each[:, :length] for each, length in both], dim=1)[None]
