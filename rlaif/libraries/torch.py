"""The one place that knows what is private in torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 products are quicker there than float32 ones (a CPU without them emulates, slowly)."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    # no public name says this of a CPU; where the private one is gone, float32 is right everywhere
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(asked and asked())


class Attended(NamedTuple):
    """What an attention gives: (B, H, N, E), and the log of the sum of its exponentials, (B, H, N)."""

    out: Tensor
    logsum: Tensor


def attend(query: Tensor, key: Tensor, value: Tensor, *, causal: bool, scale: float) -> Attended:
    """Attention on a CPU with its sums, which the public function keeps to itself; no gradient flows."""
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    return Attended(*kernel(query, key, value, 0.0, causal, scale=scale))


def attend_backward(
    grad: Tensor, query: Tensor, key: Tensor, value: Tensor, out: Tensor, logsum: Tensor,
    *, causal: bool, scale: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The gradients of query, key and value; `out` and `logsum` may be of more keys than are given."""
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward
    found: tuple[Tensor, Tensor, Tensor] = kernel(
        grad, query, key, value, out, logsum, 0.0, causal, scale=scale
    )
    return found


def part_again(model: nn.Module) -> None:
    """Give up what modules that `fully_shard` took over have gathered."""
    from torch.distributed.fsdp import FSDPModule

    for each in model.modules():
        if isinstance(each, FSDPModule):
            each.reshard()


@contextmanager
def plain_classes(model: nn.Module) -> Iterator[None]:
    """Inside, modules that `fully_shard` took over have their own classes; else, moved, they would look for shards."""
    from torch.distributed.fsdp import FSDPModule

    kinds: list[tuple[Any, Any]] = [
        (each, type(each)) for each in model.modules() if isinstance(each, FSDPModule)
    ]
    for module, kind in kinds:
        # fully_shard puts a class of its own in front of the module's
        module.__class__ = kind.__bases__[1]
    try:
        yield
    finally:
        for module, kind in kinds:
            module.__class__ = kind
