"""A model as one module with one forward pass: a packed or plain batch to log-probabilities or rewards.

The head runs only where a token is scored, in chunks, and full logits are never kept. `choose_layout` tries on
the user's own data whether a model may be packed at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

from rlaif.training.packing import Batch, Tree, block_mask, pack

CHUNK_ELEMENTS = 1 << 26
"""Logits computed at once (256 MiB in float32)."""
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""How far, relative to the plain path, a packed log-probability may be; above it the plain path is taken."""


class Reading(NamedTuple):
    """What a batch's branch tokens got: log-probabilities, and whether each was the model's first choice."""

    logp_N: Tensor
    top_N: Tensor


class _OverModel(nn.Module):
    def __init__(self, model: Any, pad_id: int, *, bf16: bool = False) -> None:
        super().__init__()
        self.model = model
        self.pad_id = pad_id
        self.bf16 = bf16

    def forward(self, batch: Batch) -> Any:
        """Read a batch; gradients flow through what was read."""
        with torch.autocast(batch.ids_RL.device.type, torch.bfloat16, enabled=self.bf16):
            return self.read(_unwrapped(self.model), batch)

    def read(self, model: Any, batch: Batch) -> Any:
        """What `model` says of the batch."""
        raise NotImplementedError


class Scorer(_OverModel):
    """Log-probabilities of branch tokens under a causal language model."""

    def read(self, model: Any, batch: Batch) -> Reading:
        """Of every branch token."""
        if not batch.packed:
            logits_RLV = model(input_ids=batch.ids_RL, attention_mask=_there(batch), use_cache=False).logits
            return _read(logits_RLV.flatten(0, 1)[batch.source_N], batch.target_N)
        hidden_ND = _hidden(model, batch).flatten(0, 1)[batch.source_N]
        head, cap = model.get_output_embeddings(), getattr(model.config, "final_logit_softcapping", None)
        size = max(1, CHUNK_ELEMENTS // head.weight.shape[0])
        if len(hidden_ND) <= size:
            return _read_hidden(head, cap, hidden_ND, batch.target_N)
        parts = [
            checkpoint(_read_hidden, head, cap, hidden, target, use_reentrant=False)
            for hidden, target in zip(
                torch.split(hidden_ND, size), torch.split(batch.target_N, size), strict=True
            )
        ]
        return Reading(*(torch.cat(column) for column in zip(*parts, strict=True)))


class RewardScorer(_OverModel):
    """One reward a branch, read at its last token, from a sequence classifier with one label."""

    def read(self, model: Any, batch: Batch) -> Tensor:
        """reward_S in float32."""
        if not batch.packed:
            logits_S1 = model(input_ids=batch.ids_RL, attention_mask=_there(batch), use_cache=False).logits
        else:
            logits_S1 = model.score(_hidden(model, batch).flatten(0, 1)[batch.last_S])
        reward_S: Tensor = logits_S1.squeeze(-1).float()
        return reward_S


class Layout(NamedTuple):
    """Whether rows are packed, and why not where they are not."""

    packed: bool
    reason: str


def choose_layout(scorer: Scorer | RewardScorer, trees: Sequence[Tree], *, wanted: bool) -> Layout:
    """Pack if wanted and if the model reads packed rows as plain ones, tried on the longest and shortest."""
    if not wanted:
        return Layout(False, "packed: false")
    ordered = sorted(trees, key=lambda tree: tree.size)
    tried = [ordered[0], ordered[-1], ordered[0]]
    try:
        with torch.no_grad():
            packed, plain = (_figures(scorer, tried, packed=each) for each in (True, False))
    except (AttributeError, IndexError, NotImplementedError, RuntimeError, TypeError, ValueError) as problem:
        return Layout(False, f"this model cannot read packed rows ({type(problem).__name__}: {problem})")
    dtype = next(scorer.parameters()).dtype
    difference = float(((packed - plain).abs() / plain.abs().clamp(min=1.0)).max())
    if not difference <= TOLERANCE.get(dtype, TOLERANCE[torch.bfloat16]):
        return Layout(
            False, f"this model reads packed rows differently (by {difference:.1e} on the longest pair)"
        )
    return Layout(True, "")


def _figures(scorer: Scorer | RewardScorer, trees: Sequence[Tree], *, packed: bool) -> Tensor:
    device = next(scorer.parameters()).device
    batch = pack(trees, packed=packed, pad_id=scorer.pad_id, with_last=isinstance(scorer, RewardScorer)).to(
        device
    )
    out = scorer(batch)
    return out.logp_N if isinstance(out, Reading) else out


def _hidden(model: Any, batch: Batch) -> Tensor:
    backbone = model.base_model
    dtype = next(backbone.parameters()).dtype
    if torch.is_autocast_enabled(batch.ids_RL.device.type):
        dtype = torch.get_autocast_dtype(batch.ids_RL.device.type)
    hidden_RLD: Tensor = backbone(
        input_ids=batch.ids_RL,
        attention_mask=_masks(model.config, batch, dtype),
        position_ids=batch.positions_RL,
        use_cache=False,
    )[0]
    return hidden_RLD


def _masks(config: Any, batch: Batch, dtype: torch.dtype) -> Tensor | dict[str, Tensor]:
    kinds = set(getattr(config, "layer_types", None) or ())
    if "sliding_attention" not in kinds:
        return block_mask(batch, dtype)
    windowed = block_mask(batch, dtype, window=config.sliding_window)
    return {"full_attention": block_mask(batch, dtype), "sliding_attention": windowed}


def _there(batch: Batch) -> Tensor:
    return (batch.tree_RL >= 0).long()


def _unwrapped(model: Any) -> Any:
    # an adapter's layers sit inside the model it wraps
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _read_hidden(head: nn.Module, cap: float | None, hidden_ND: Tensor, target_N: Tensor) -> Reading:
    logits_NV = head(hidden_ND)
    if cap is not None:
        logits_NV = cap * torch.tanh(logits_NV / cap)
    return _read(logits_NV, target_N)


def _read(logits_NV: Tensor, target_N: Tensor) -> Reading:
    # cross_entropy is the fused log-softmax and gather; in float32 whatever the model's dtype
    logp_N = -cross_entropy(logits_NV.float(), target_N, reduction="none")
    return Reading(logp_N, logits_NV.detach().argmax(-1) == target_N)
