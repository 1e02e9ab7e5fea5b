"""Log-probabilities of given answers by a causal model. The head runs only where an answer is read.

Questions that begin alike compute their beginning once: in one row, or, where that row would be long, kept in a cache
with the questions behind it. Every token sees what it would see alone, so the figures are those of plain scoring.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from rlaif.engines.local.shared_prefix import (
    PAD_SEGMENT,
    ROW_TOKENS,
    PrefixPlan,
    PrefixRow,
    ScoredPrompt,
    batches,
    plan_apart,
    plan_shared,
)
from rlaif.libraries.transformers import (
    MISFITS,
    crop_columns,
    forget_lengths,
    new_cache,
    of_one_pass,
    only_attends,
    rope_switch,
    text_config,
    with_cache,
)

HEAD_CELLS = 1 << 26
"""Logits held at a time: readings times vocabulary."""
PREFIX_COLUMNS = 2048
"""A long prefix is computed in pieces of this length."""
_WINDOW = re.compile("window|attention_chunk|local_attention")
_KNOWN_WINDOWS = re.compile("sliding_window|max_window_layers")

_log = logging.getLogger(__name__)


@dataclass
class PromptScorer:
    """Scores questions with one model."""

    model: Any
    batch_tokens: int
    row_tokens: int = ROW_TOKENS
    """Of a row of several questions; a longer beginning is kept in a cache."""

    @torch.inference_mode()
    def score(self, questions: Sequence[ScoredPrompt]) -> list[list[float]]:
        """The summed log-probability of each answer of each question."""
        switch = rope_switch(self.model.config)
        longest = [len(each.prompt) + max(map(len, each.answers), default=0) for each in questions]
        if switch is not None and max(longest, default=0) > switch:
            return self._apart(questions, longest, switch)
        forget_lengths(self.model)
        return self._run(questions, shared=self.can_share, row_tokens=self.row_tokens)

    def _apart(
        self, questions: Sequence[ScoredPrompt], longest: Sequence[int], switch: int
    ) -> list[list[float]]:
        """Questions whose rotary factors would go by the longest of a pass: those beyond the switch each on its own."""
        found: dict[int, list[float]] = {}
        for group in of_one_pass(self.model, longest):
            forget_lengths(self.model)
            if longest[group[0]] <= switch:
                own = [questions[place] for place in group]
                scored = self._run(own, shared=self.can_share, row_tokens=self.row_tokens)
                found |= dict(zip(group, scored, strict=True))
            else:
                found[group[0]] = self._alone(questions[group[0]])
        return [found[place] for place in range(len(questions))]

    def _alone(self, question: ScoredPrompt) -> list[float]:
        scores = []
        for answer in question.answers:
            forget_lengths(self.model)
            scores += self._run([ScoredPrompt(question.prompt, [answer])], shared=False)[0]
        return scores

    @cached_property
    def can_share(self) -> bool:
        """Whether sharing gives this model's own figures. Tried on it, since a mask that a model ignores is silent."""
        if not only_attends(self.model.config):
            why = "its layers keep more than keys and values"
        elif name := _own_window(self.model.config):
            # its layers count columns, where positions start anew
            why = f"what {name!r} of its configuration hides is not known here"
        elif (gap := self._trial_gap()) < slack(self.model):
            return True
        else:
            why = f"figures would differ by {gap:.2g}"
        _log.warning(
            "%s: shares no prefixes, every prompt is computed whole: %s", type(self.model).__name__, why
        )
        return False

    def _trial_gap(self) -> float:
        """The largest difference between sharing, in a row and behind a kept prefix, and not sharing."""
        token = iter(range(1, 10_000))
        top = text_config(self.model.config).vocab_size

        def some(count: int) -> list[int]:
            return [next(token) * 37 % top for _ in range(count)]

        prefix = some(7)
        trial = [ScoredPrompt(prefix + some(length), [some(2), some(1)]) for length in (3, 5)]
        wanted = torch.tensor(self._run(trial, shared=False), dtype=torch.float64)
        try:
            found = [self._run(trial, shared=True, row_tokens=limit) for limit in (ROW_TOKENS, 1)]
        except MISFITS:
            # such as a model whose positions are a part of its own mask
            return float("inf")
        return float(max((torch.tensor(each, dtype=torch.float64) - wanted).abs().max() for each in found))

    def _run(
        self, questions: Sequence[ScoredPrompt], *, shared: bool, row_tokens: int = ROW_TOKENS
    ) -> list[list[float]]:
        plan = plan_shared(questions, row_tokens) if shared else PrefixPlan(plan_apart(questions), ())
        totals = [[0.0] * len(question.answers) for question in questions]
        rows = [row for row in plan.rows if row.reads]
        for batch in batches(rows, self.batch_tokens, self._reads):
            self._note(totals, batch, self._forward(batch, shared=shared))
        for stem in plan.stems:
            asked = [row for row in stem.rows if row.reads]
            cache = self._kept(stem.prefix) if asked else None
            for row in asked:
                self._note(totals, [row], self._behind(cache, len(stem.prefix), row))
        return totals

    @property
    def _reads(self) -> int:
        return max(1, HEAD_CELLS // int(text_config(self.model.config).vocab_size))

    @staticmethod
    def _note(totals: list[list[float]], batch: Sequence[PrefixRow], found: torch.Tensor) -> None:
        reads = (read for row in batch for read in row.reads)
        for read, value in zip(reads, found.tolist(), strict=True):
            totals[read.question][read.answer] += value

    def _forward(self, batch: Sequence[PrefixRow], *, shared: bool) -> torch.Tensor:
        device = self.model.device
        width = max(len(row.tokens) for row in batch)
        tokens = _padded([row.tokens for row in batch], width, 0, device)
        positions = _padded([row.positions for row in batch], width, 0, device)
        mask = self._mask(batch, positions, positions) if shared else _real(batch, width, device)
        return self._read(batch, input_ids=tokens, position_ids=positions, attention_mask=mask)

    def _kept(self, prefix: Sequence[int]) -> Any:
        """The cache of a prefix, computed in pieces so that no mask grows with the square of its length."""
        device, cache = self.model.device, new_cache(self.model.config)
        nowhere = torch.zeros(0, dtype=torch.long, device=device)
        for start in range(0, len(prefix), PREFIX_COLUMNS):
            piece = torch.tensor([prefix[start : start + PREFIX_COLUMNS]], device=device)
            positions = torch.arange(start, start + piece.shape[1], device=device)[None]
            with head_at(self.model, nowhere, nowhere):
                with_cache(self.model, cache, input_ids=piece, position_ids=positions)
        return cache

    def _behind(self, cache: Any, shared: int, row: PrefixRow) -> torch.Tensor:
        """Read a row behind a kept prefix, which is left as it was."""
        device = self.model.device
        tokens = torch.tensor([row.tokens], device=device)
        positions = torch.tensor([row.positions], device=device)
        front = torch.arange(shared, device=device)[None]
        mask = self._mask([row], positions, torch.cat([front, positions], dim=1))
        found = self._read(
            [row],
            cache if shared else None,
            input_ids=tokens,
            position_ids=positions,
            attention_mask=mask,
        )
        crop_columns(cache, shared)
        return found

    def _read(self, batch: Sequence[PrefixRow], cache: Any = None, **inputs: Any) -> torch.Tensor:
        """The log-probability of each reading, in float64 on the CPU."""
        # all labels of a question are read at one place: its logits are computed once
        device = self.model.device
        reads = [(place, read) for place, row in enumerate(batch) for read in row.reads]
        places = list(dict.fromkeys((place, read.column) for place, read in reads))
        number = {each: where for where, each in enumerate(places)}
        at = torch.tensor([number[place, read.column] for place, read in reads], device=device)
        wanted = torch.tensor([read.token for _, read in reads], device=device)
        rows, columns = torch.tensor(places, device=device).unbind(1)
        with head_at(self.model, rows, columns):
            kept = cache is not None
            out = with_cache(self.model, cache, **inputs) if kept else self.model(use_cache=False, **inputs)
        logits = out.logits[0].float()
        found: torch.Tensor = (logits[at, wanted] - logits.logsumexp(dim=-1)[at]).double().cpu()
        return found

    def _mask(self, batch: Sequence[PrefixRow], queries: torch.Tensor, keys: torch.Tensor) -> Any:
        """What each token of the rows sees; `keys` has the positions of a kept prefix in front of the rows' own."""
        device, width = queries.device, queries.shape[1]
        branch = _padded([row.branches for row in batch], width, PAD_SEGMENT, device)
        leaf = _padded([row.leaves for row in batch], width, 0, device)
        same_leaf = (leaf[:, None, :] == 0) | (leaf[:, None, :] == leaf[:, :, None])
        seen = (branch[:, None, :] == branch[:, :, None]) & same_leaf
        seen |= branch[:, None, :] == 0
        seen &= torch.ones(width, width, dtype=torch.bool, device=device).tril()
        front = seen.new_ones(len(batch), width, keys.shape[1] - width)
        seen = torch.cat([front, seen], dim=2)
        config = text_config(self.model.config)
        dtype, window = self.model.dtype, getattr(config, "sliding_window", None)
        if window is None:
            return _additive(seen, dtype)
        near = queries[:, :, None] - keys[:, None, :] < window
        kinds = getattr(config, "layer_types", None)
        if kinds is None or "sliding_attention" not in kinds:
            return _additive(seen & near if kinds is None else seen, dtype)
        masks = {"full_attention": seen, "sliding_attention": seen & near}
        return {kind: _additive(each, dtype) for kind, each in masks.items()}


def slack(model: Any) -> float:
    """How far a log-probability may be from itself when it is computed in another way."""
    # a model in half precision differs from itself by more than one in full precision
    return 1e-3 if next(model.parameters()).dtype == torch.float32 else 0.2


@contextmanager
def head_at(model: Any, rows: torch.Tensor, columns: torch.Tensor) -> Iterator[None]:
    """Within, the model computes logits of these places only, as `[1, place, vocabulary]`.

    The hidden states are picked in front of the head, so what a model does behind it (soft caps, scales) stays.
    """
    head = model.get_output_embeddings()
    handle = head.register_forward_pre_hook(lambda _, args: (_picked(args[0], rows, columns)[None],))
    try:
        yield
    finally:
        handle.remove()


def _own_window(config: Any) -> str | None:
    """A setting by which layers of this make look back a way of their own, as GPT-Neo's do."""
    given = text_config(config).to_dict()
    odd = (name for name in given if _WINDOW.search(name) and not _KNOWN_WINDOWS.search(name))
    return next((name for name in odd if given[name]), None)


def _picked(states: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    # where a model is spread over devices, the head need not be on the first
    return states[rows.to(states.device), columns.to(states.device)]


def _additive(seen: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    mask = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    # a pad sees pads, and the lowest finite number keeps a row that sees nothing from turning into NaN
    return mask.masked_fill_(~seen, torch.finfo(dtype).min)[:, None]


def _real(batch: Sequence[PrefixRow], width: int, device: torch.device) -> torch.Tensor:
    return _padded([[1] * len(row.tokens) for row in batch], width, 0, device)


def _padded(lists: Sequence[Sequence[int]], width: int, pad: int, device: torch.device) -> torch.Tensor:
    filled = [[*each, *[pad] * (width - len(each))] for each in lists]
    return torch.tensor(filled, dtype=torch.long, device=device)
