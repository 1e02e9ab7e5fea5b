"""KTO's zero point z0: an estimate of KL(policy || reference) on mismatched prompts and answers (2402.01306, 4.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from rlaif.training.order import Order
from rlaif.training.packing import Tree
from rlaif.training.tokens import TokenPair
from rlaif.training.trees import mismatched_tree


class KTOZeroPoint:
    """Mean log-ratio of policy to reference over a step's prompts, each with the answers of the next one; at least 0.

    The loss compares implicit rewards with it in the place of 0. No gradient goes through it.
    """

    def __init__(self, pairs: Sequence[TokenPair], order: Order, room: int) -> None:
        self.pairs = pairs
        self.order = order
        self.room = room
        self.reference: Mapping[Tree, Tensor] = {}
        self._known: tuple[int, Tensor] = (-1, torch.zeros(()))

    def trees(self, step: int) -> list[Tree]:
        """The mismatched prompts and answers of `step`; answers too long to follow the other prompt are cut."""
        rows = self.order.rows(step)
        others = [*rows[1:], rows[0]] if len(rows) > 1 else [(rows[0] + 1) % len(self.pairs)]
        trees = []
        for row, other in zip(rows, others, strict=True):
            prompt = self.pairs[row].prompt
            trees.append(mismatched_tree(prompt, self.pairs[other], self.room - len(prompt)))
        return trees

    def visited(self) -> list[Tree]:
        """The trees of all steps, each once, for which the reference's log-probabilities are needed."""
        return sorted({tree for step in range(self.order.steps) for tree in self.trees(step)})

    def value(self, step: int, read: Callable[[Sequence[Tree]], list[Tensor]]) -> Tensor:
        """Return z0, a scalar in nats, of the policy as it is before `step`; computed once for all micro-batches."""
        if self._known[0] != step:
            trees = self.trees(step)
            nothing = torch.zeros(())
            moved = [
                float((now - self.reference.get(tree, nothing)).sum())
                for tree, now in zip(trees, read(trees), strict=True)
            ]
            self._known = (step, torch.tensor(max(0.0, sum(moved) / (2 * len(trees)))))
        return self._known[1]
