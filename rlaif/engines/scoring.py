"""Log-probabilities of given answers by a causal model. The head runs only where an answer is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from rlaif.engines.cache import only_attends
from rlaif.engines.prefix import PAD_SEGMENT, Question, Row, batches, plan_apart, plan_shared

HEAD_CELLS = 1 << 26
"""Logits held at a time: readings times vocabulary."""
SAME = 1e-3


@dataclass
class Scorer:
    """Scores questions with one model."""

    model: Any
    batch_tokens: int

    @torch.inference_mode()
    def score(self, questions: Sequence[Question]) -> list[list[float]]:
        """The summed log-probability of each answer of each question."""
        return self._run(questions, shared=self.can_share)

    @cached_property
    def can_share(self) -> bool:
        """Whether sharing gives this model's own figures. Tried on it, since a mask that a model ignores is silent."""
        if not only_attends(self.model.config):
            return False
        token = iter(range(1, 10_000))
        top = self.model.config.get_text_config(decoder=True).vocab_size

        def some(count: int) -> list[int]:
            return [next(token) * 37 % top for _ in range(count)]

        prefix = some(7)
        trial = [Question(prefix + some(length), [some(2), some(1)]) for length in (3, 5)]
        shared, apart = self._run(trial, shared=True), self._run(trial, shared=False)
        gaps = torch.tensor(shared, dtype=torch.float64) - torch.tensor(apart, dtype=torch.float64)
        # a model in half precision differs from itself by more than one in full precision
        slack = SAME if next(self.model.parameters()).dtype == torch.float32 else 0.2
        return bool(gaps.abs().max() < slack)

    def _run(self, questions: Sequence[Question], *, shared: bool) -> list[list[float]]:
        rows = plan_shared(questions) if shared else plan_apart(questions)
        rows = [row for row in rows if row.reads]
        totals = [[0.0] * len(question.answers) for question in questions]
        reads = max(1, HEAD_CELLS // self.model.config.get_text_config(decoder=True).vocab_size)
        for batch in batches(rows, self.batch_tokens, reads):
            found = self._forward(batch, shared=shared).tolist()
            for read, value in zip((read for row in batch for read in row.reads), found, strict=True):
                totals[read.question][read.answer] += value
        return totals

    def _forward(self, batch: Sequence[Row], *, shared: bool) -> torch.Tensor:
        device = self.model.device
        width = max(len(row.tokens) for row in batch)
        tokens = _padded([row.tokens for row in batch], width, 0, device)
        positions = _padded([row.positions for row in batch], width, 0, device)
        mask = self._mask(batch, positions, width) if shared else _real(batch, width, device)
        # all labels of a question are read at one place: its logits are computed once
        reads = [(place, read) for place, row in enumerate(batch) for read in row.reads]
        places = list(dict.fromkeys((place, read.column) for place, read in reads))
        number = {each: where for where, each in enumerate(places)}
        at = torch.tensor([number[place, read.column] for place, read in reads], device=device)
        wanted = torch.tensor([read.token for _, read in reads], device=device)
        rows, columns = torch.tensor(places, device=device).unbind(1)
        with head_at(self.model, rows, columns):
            out = self.model(input_ids=tokens, position_ids=positions, attention_mask=mask, use_cache=False)
        logits = out.logits[0].float()
        found: torch.Tensor = (logits[at, wanted] - logits.logsumexp(dim=-1)[at]).double().cpu()
        return found

    def _mask(self, batch: Sequence[Row], positions: torch.Tensor, width: int) -> Any:
        device = positions.device
        branch = _padded([row.branches for row in batch], width, PAD_SEGMENT, device)
        leaf = _padded([row.leaves for row in batch], width, 0, device)
        same_leaf = (leaf[:, None, :] == 0) | (leaf[:, None, :] == leaf[:, :, None])
        seen = (branch[:, None, :] == branch[:, :, None]) & same_leaf
        seen |= branch[:, None, :] == 0
        seen &= torch.ones(width, width, dtype=torch.bool, device=device).tril()
        config = self.model.config.get_text_config(decoder=True)
        dtype, window = self.model.dtype, getattr(config, "sliding_window", None)
        if window is None:
            return _additive(seen, dtype)
        near = positions[:, :, None] - positions[:, None, :] < window
        kinds = getattr(config, "layer_types", None)
        if kinds is None or "sliding_attention" not in kinds:
            return _additive(seen & near if kinds is None else seen, dtype)
        masks = {"full_attention": seen, "sliding_attention": seen & near}
        return {kind: _additive(each, dtype) for kind, each in masks.items()}


@contextmanager
def head_at(model: Any, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[None]:
    """Within, the model computes logits of these places only, as `[1, place, vocabulary]`.

    The hidden states are picked in front of the head, so what a model does behind it (soft caps, scales) stays.
    """
    head = model.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _, args: (args[0][rows, columns][None],))
    try:
        yield
    finally:
        handle.remove()


def _additive(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    # a pad sees pads, and the lowest finite number keeps a row that sees nothing from turning into NaN
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]


def _real(batch: Sequence[Row], width: int, device: torch.device) -> torch.Tensor:
    return _padded([[1] * len(row.tokens) for row in batch], width, 0, device)


def _padded(lists: Sequence[Sequence[int]], width: int, pad: int, device: torch.device) -> torch.Tensor:
    filled = [[*each, *[pad] * (width - len(each))] for each in lists]
    return torch.tensor(filled, dtype=torch.long, device=device)
