"""Who may look at whom in a packed row, in the form that the model's attention takes.

Dense additive masks for SDPA and eager attention; where the model was set to those, FlexAttention's block masks, and
for tree attention where the trees lie. A mask is made once a batch for all its layers, and block masks are remembered
for batches of the same shape and layout.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rlaif.hashing import digest
from rlaif.libraries.transformers import attention_of
from rlaif.training.packing import Batch
from rlaif.training.tree_attention import TREES, tree_mask

FLEX = "flex_attention"
REMEMBERED = 16
"""Block masks kept: a reference pass and the policy's pass over the same rows share theirs."""

_block_masks: OrderedDict[tuple[Any, ...], Any] = OrderedDict()


def attention_masks(config: Any, batch: Batch, dtype: torch.dtype) -> Any:
    """A mask for all layers, or a mapping from the kind of layer to its mask, for models that have two kinds."""
    make: Callable[[int | None], Any] = lambda window: dense_mask(batch, dtype, window)  # noqa: E731
    if attention_of(config) == FLEX:
        make = lambda window: flex_mask(batch, window)  # noqa: E731
    elif attention_of(config) == TREES and batch.spans:
        make = lambda window: _tree_mask(batch, dtype, window)  # noqa: E731
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    if "sliding_attention" in kinds:
        return {"full_attention": make(None), "sliding_attention": make(window)}
    # a model without kinds of layers whose config names a window has it in all of them, if it uses it at all
    windowed = window is not None and getattr(config, "use_sliding_window", True) and not kinds
    return make(window if windowed else None)


def _tree_mask(batch: Batch, dtype: torch.dtype, window: int | None) -> Tensor:
    longest = int(batch.positions_RL.max()) + 1
    # tree attention knows no windows: a row that none cuts is the same without
    if window is not None and window < longest:
        return dense_mask(batch, dtype, window)
    return tree_mask(batch.spans, batch.ids_RL)


def dense_mask(batch: Batch, dtype: torch.dtype, window: int | None = None) -> Tensor:
    """Additive mask (R, 1, L, L): 0 where a token may look, the lowest number elsewhere.

    With `window`, a token sees only that many positions back, itself included.
    """
    tree_RL, branch_RL, positions_RL = batch.tree_RL, batch.branch_RL, batch.positions_RL
    same_tree = tree_RL[:, :, None] == tree_RL[:, None, :]
    same_branch = (branch_RL[:, None, :] == 0) | (branch_RL[:, :, None] == branch_RL[:, None, :])
    length = tree_RL.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=tree_RL.device).tril()
    seen = same_tree & same_branch & causal
    if window is not None:
        seen &= positions_RL[:, :, None] - positions_RL[:, None, :] < window
    # padding sees itself: a row of all-masked scores would be NaN in some kernels
    seen |= torch.eye(length, dtype=torch.bool, device=seen.device)
    lowest = torch.finfo(dtype).min
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, lowest)[:, None]


def flex_mask(batch: Batch, window: int | None = None) -> Any:
    """The same rule as a FlexAttention BlockMask (R, 1, L, L): blocks that nobody looks at are never computed."""
    from torch.nn.attention.flex_attention import create_block_mask

    device = batch.ids_RL.device
    layout = [each.tolist() for each in (batch.tree_RL, batch.branch_RL, batch.positions_RL)]
    key = (digest("packed-layout", layout), window, str(device))
    if key not in _block_masks:
        rows, length = batch.ids_RL.shape
        _block_masks[key] = create_block_mask(
            _rule(batch, window), rows, None, length, length, device=str(device)
        )
        if len(_block_masks) > REMEMBERED:
            _block_masks.popitem(last=False)
    _block_masks.move_to_end(key)
    return _block_masks[key]


def _rule(batch: Batch, window: int | None) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    tree_RL, branch_RL, positions_RL = batch.tree_RL, batch.branch_RL, batch.positions_RL

    def sees(row: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        same_tree = tree_RL[row, query] == tree_RL[row, key]
        same_branch = (branch_RL[row, key] == 0) | (branch_RL[row, query] == branch_RL[row, key])
        seen = same_tree & same_branch & (query >= key)
        if window is not None:
            seen &= positions_RL[row, query] - positions_RL[row, key] < window
        return seen | (query == key)

    return sees
