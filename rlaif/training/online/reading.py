"""What models say of a step's rollouts before its updates: the policy that drew them, its reference, values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor

from rlaif.training.head import TokenLogprobs
from rlaif.training.packing import Batch, Tree, pack, split
from rlaif.training.reference import nothing_random
from rlaif.training.scorer import BranchScorer


class TreeReading(NamedTuple):
    """Of each branch of a tree, what its tokens got; on the CPU."""

    logps: list[Tensor]
    values: list[Tensor]
    """Empty where no value model reads."""


class TreeReader:
    """Reads trees in passes of about so many tokens, without a gradient."""

    def __init__(self, scorer: BranchScorer, *, packed: bool, batch_tokens: int) -> None:
        self.scorer, self._packed, self._batch_tokens = scorer, packed, batch_tokens

    def __call__(
        self, trees: Sequence[Tree], read: Callable[[Batch], TokenLogprobs] | None = None
    ) -> list[TreeReading]:
        """What `read`, by default the policy as it is, says of each tree."""
        if not trees:
            return []
        scorer = self.scorer
        device, found = next(scorer.parameters()).device, dict[int, TreeReading]()
        for places in split(trees, self._batch_tokens):
            members = [trees[place] for place in places]
            batch = pack(members, packed=self._packed, pad_id=scorer.pad_id, with_last=False).to(device)
            with torch.no_grad(), nothing_random(scorer), _no_entropies(scorer):
                said = (read or scorer)(batch)
            sizes = [size for tree in members for size in tree.scored]
            logps = iter(torch.split(said.logp_N.float().cpu(), sizes))
            values = None if said.value_N is None else iter(torch.split(said.value_N.float().cpu(), sizes))
            for place, tree in zip(places, members, strict=True):
                own = [next(logps).clone() for _ in tree.branches]
                worth = [] if values is None else [next(values).clone() for _ in tree.branches]
                found[place] = TreeReading(own, worth)
        return [found[place] for place in range(len(trees))]


@contextmanager
def _no_entropies(scorer: BranchScorer) -> Iterator[None]:
    """Inside, nobody asks how sure the policy is: that is told of its updates."""
    held, scorer.entropies = scorer.entropies, False
    try:
        yield
    finally:
        scorer.entropies = held
