"""A model as one module with one forward pass: a packed or plain batch to log-probabilities or rewards.

Packed, the head runs only where a token is scored, and full logits are never kept (head.py). `choose_layout` tries
on the user's own data whether a model may be packed at all, and with which attention.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rlaif.libraries.peft import without_adapter
from rlaif.libraries.transformers import attention_of, read_rows, rope_switch, set_attention
from rlaif.training.head import TokenLogprobs, collisions, linear_head, logits, read, warmed
from rlaif.training.masks import FLEX, attention_masks
from rlaif.training.packing import SPANS_LEAST, Batch, Tree, pack
from rlaif.training.tree_attention import TREES, use_trees

REFUSALS = (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What a model raises that cannot read packed rows."""
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""How far, relative to the plain path, a packed log-probability may be; above it the plain path is taken."""


class _OverModel(nn.Module):
    def __init__(self, model: Any, pad_id: int, *, bf16: bool = False) -> None:
        super().__init__()
        self.model = model
        self.pad_id = pad_id
        self.bf16 = bf16
        self.alone = False
        """Whether nobody else looks at the gradients as they come, so that they may be added up in place."""
        self.collisions = False
        """Whether to say how sure the model is where each token stands (`TokenLogprobs.collision_N`)."""
        self.distributions = False
        """Whether to say all logits where each token stands (`TokenLogprobs.logits_NV`)."""
        self.entropies = False
        """Whether to say the entropy where each token stands (`TokenLogprobs.entropy_N`)."""
        self.temperature = 1.0
        """What logits are divided by: the temperature at which the tokens were sampled."""

    def forward(self, batch: Batch) -> Any:
        """Read a batch; gradients flow through what was read."""
        with torch.autocast(batch.ids_RL.device.type, torch.bfloat16, enabled=self.bf16):
            return self.read(without_adapter(self.model), batch)

    def read(self, model: Any, batch: Batch) -> Any:
        """What `model` says of the batch."""
        raise NotImplementedError


class BranchScorer(_OverModel):
    """Log-probabilities of branch tokens under a causal language model."""

    def read(self, model: Any, batch: Batch) -> TokenLogprobs:
        """Of every branch token."""
        if not batch.packed:
            logits_RLV = read_rows(model, batch.ids_RL, _there(batch))
            logits_NV = logits_RLV.flatten(0, 1)[batch.source_N]
            if self.temperature != 1.0:
                logits_NV = logits_NV / self.temperature
            return self._all(logits_NV, batch)
        hidden_ND = _hidden(model, batch).flatten(0, 1)[batch.source_N]
        head = linear_head(model, in_place=self.alone)
        if head is None:
            raise NotImplementedError("its output head is no plain linear layer")
        head = warmed(head, self.temperature)
        if self.distributions:
            return self._all(logits(head, hidden_ND), batch)
        reading = read(head, hidden_ND, batch.target_N, entropies=self.entropies)
        return reading._replace(collision_N=collisions(head, hidden_ND)) if self.collisions else reading

    def _all(self, logits_NV: Tensor, batch: Batch) -> TokenLogprobs:
        reading = _read(logits_NV, batch.target_N, collide=self.collisions)
        if self.entropies:
            reading = reading._replace(entropy_N=_entropies(logits_NV))
        return reading._replace(logits_NV=logits_NV.float()) if self.distributions else reading


class RewardScorer(_OverModel):
    """One reward a branch, read at its last token, from a sequence classifier with one label."""

    def read(self, model: Any, batch: Batch) -> Tensor:
        """reward_S in float32."""
        if not batch.packed:
            logits_S1 = read_rows(model, batch.ids_RL, _there(batch))
        else:
            logits_S1 = model.score(_hidden(model, batch).flatten(0, 1)[batch.last_S])
        reward_S: Tensor = logits_S1.squeeze(-1).float()
        return reward_S


class Layout(NamedTuple):
    """Whether rows are packed, and why not where they are not; the attention that reads them."""

    packed: bool
    reason: str
    attention: str = ""


def choose_layout(scorer: BranchScorer | RewardScorer, trees: Sequence[Tree], *, wanted: bool) -> Layout:
    """Pack if wanted and if the model reads packed rows as plain ones, tried on the longest and shortest.

    On a GPU compiled FlexAttention is tried first, which computes no block that nobody looks at; elsewhere, and where
    a model does not take to it, the attention that the model came with: on CPUs with attention by trees beside SDPA.
    """
    if not wanted:
        return Layout(False, "packed: false")
    config = without_adapter(scorer.model).config
    given, switch = attention_of(config), rope_switch(config)
    longest = max((len(each.prefix) + max(map(len, each.branches)) for each in trees), default=0)
    if switch is not None and longest > switch:
        return Layout(
            False, f"its rotary factors go by the longest row of a pass beyond {switch} tokens", given
        )
    tried = ([FLEX] if next(scorer.parameters()).device.type == "cuda" else []) + [given]
    reason = ""
    for attention in dict.fromkeys(tried):
        reason = _refusal(scorer, trees, attention, given)
        if not reason:
            return Layout(True, "", _by_trees(scorer, trees, attention))
    _set_attention(scorer, given)
    return Layout(False, reason, given)


def _refusal(scorer: BranchScorer | RewardScorer, trees: Sequence[Tree], attention: str, given: str) -> str:
    tried = _tried(trees)
    try:
        # FlexAttention is compiled for a dtype, so it is tried in the one in which it will be used
        with torch.no_grad(), _exactly(scorer, wanted=attention != FLEX):
            _set_attention(scorer, given)
            # row by row: all logits of several long rows would be the most memory that training takes
            plain = torch.cat([_figures(scorer, [row], packed=False) for tree in tried for row in tree.apart])
            _set_attention(scorer, attention)
            packed = _figures(scorer, tried, packed=True)
            return _difference(scorer, plain, packed)
    except REFUSALS as problem:
        return f"this model cannot read packed rows ({type(problem).__name__}: {problem})"


def _by_trees(scorer: BranchScorer | RewardScorer, trees: Sequence[Tree], attention: str) -> str:
    """Attention by trees where that reads packed rows as SDPA on a CPU does; else the `attention` that was found."""
    if attention != "sdpa" or next(scorer.parameters()).device.type != "cpu":
        return attention
    tried = _tried(trees)
    with torch.no_grad(), _exactly(scorer):
        dense = _figures(scorer, tried, packed=True)
        try:
            _set_attention(scorer, use_trees())
            by_trees = _figures(scorer, tried, packed=True, spans_least=0)
        except REFUSALS:
            by_trees = torch.full((1,), torch.nan)
        different = _difference(scorer, dense, by_trees)
    if different:
        _set_attention(scorer, attention)
        return attention
    return TREES


@contextmanager
def _exactly(scorer: BranchScorer | RewardScorer, *, wanted: bool = True) -> Iterator[None]:
    """Inside, arithmetic is that of the weights: whether rows may be packed is a question to the model.

    In bfloat16 two right ways of a deep model differ by more than a wrong way of a shallow one.
    """
    bf16, scorer.bf16 = scorer.bf16, scorer.bf16 and not wanted
    try:
        yield
    finally:
        scorer.bf16 = bf16


def _tried(trees: Sequence[Tree]) -> list[Tree]:
    ordered = sorted(trees, key=lambda tree: tree.size)
    return [ordered[0], ordered[-1], ordered[0]]


def _difference(scorer: BranchScorer | RewardScorer, wanted: Tensor, found: Tensor) -> str:
    """What is told of figures that are not those that are wanted; empty where they are."""
    dtype = torch.bfloat16 if scorer.bf16 else next(scorer.parameters()).dtype
    difference = float(((found - wanted).abs() / wanted.abs().clamp(min=1.0)).max())
    if not difference <= TOLERANCE.get(dtype, TOLERANCE[torch.bfloat16]):
        return f"this model reads packed rows differently (by {difference:.1e} on the longest pair)"
    return ""


def _set_attention(scorer: BranchScorer | RewardScorer, attention: str) -> None:
    model = without_adapter(scorer.model)
    if attention:
        set_attention(model, attention)


def _figures(
    scorer: BranchScorer | RewardScorer,
    trees: Sequence[Tree],
    *,
    packed: bool,
    spans_least: int = SPANS_LEAST,
) -> Tensor:
    last = isinstance(scorer, RewardScorer)
    batch = pack(trees, packed=packed, pad_id=scorer.pad_id, with_last=last, spans_least=spans_least)
    out = scorer(batch.to(next(scorer.parameters()).device))
    return out.logp_N if isinstance(out, TokenLogprobs) else out


def hidden_states(model: Any, batch: Batch) -> Tensor:
    """The last hidden states of a batch's rows, packed or plain, as the model's head would get them."""
    if batch.packed:
        return _hidden(model, batch)
    found: Tensor = model.base_model(input_ids=batch.ids_RL, attention_mask=_there(batch), use_cache=False)[0]
    return found


def _hidden(model: Any, batch: Batch) -> Tensor:
    backbone = model.base_model
    dtype = model.get_input_embeddings().weight.dtype
    if torch.is_autocast_enabled(batch.ids_RL.device.type):
        dtype = torch.get_autocast_dtype(batch.ids_RL.device.type)
    hidden_RLD: Tensor = backbone(
        input_ids=batch.ids_RL,
        attention_mask=attention_masks(model.config, batch, dtype),
        position_ids=batch.positions_RL,
        use_cache=False,
    )[0]
    return hidden_RLD


def _there(batch: Batch) -> Tensor:
    return (batch.tree_RL >= 0).long()


@torch.no_grad()
def _entropies(logits_NV: Tensor) -> Tensor:
    logp_NV = logits_NV.float().log_softmax(-1)
    return -(logp_NV.exp() * logp_NV).sum(-1)


def _read(logits_NV: Tensor, target_N: Tensor, *, collide: bool) -> TokenLogprobs:
    # cross_entropy is the fused log-softmax and gather; in float32 whatever the model's dtype
    logp_N = -cross_entropy(logits_NV.float(), target_N, reduction="none")
    logits_NV = logits_NV.detach()
    twice_N = (2 * logits_NV.float()).logsumexp(-1) - 2 * logits_NV.float().logsumexp(-1) if collide else None
    return TokenLogprobs(logp_N, logits_NV.argmax(-1) == target_N, twice_N)
