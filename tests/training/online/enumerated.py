"""A policy whose every answer can be listed: expectations are sums, so an estimator is tested without a draw.

Answers are words over the tokens 0 .. V-2 and an end token V-1, of at most `depth` tokens, the last of which need not
be the end. The policy has V logits for each prefix.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Answers:
    """All answers, flat: which prefix and token each of their tokens is."""

    words: tuple[tuple[int, ...], ...]
    states: tuple[tuple[int, ...], ...]
    vocabulary: int

    @classmethod
    def of(cls, vocabulary: int, depth: int) -> Answers:
        end = vocabulary - 1
        states = [each for size in range(depth) for each in itertools.product(range(end), repeat=size)]
        words = [(*state, end) for state in states]
        words += [(*state, token) for state in states if len(state) == depth - 1 for token in range(end)]
        return cls(tuple(sorted(words)), tuple(states), vocabulary)

    def __len__(self) -> int:
        return len(self.words)

    def rows(self, picks: Tensor) -> Rows:
        """The tokens of these answers, one rollout each."""
        places = {state: place for place, state in enumerate(self.states)}
        found = [
            (rollout, places[word[:step]], token)
            for rollout, pick in enumerate(picks.tolist())
            for word in [self.words[pick]]
            for step, token in enumerate(word)
        ]
        branch_N, state_N, token_N = torch.tensor(found).T
        return Rows(picks, branch_N, state_N, token_N)

    def all(self) -> Rows:
        """Each answer once."""
        return self.rows(torch.arange(len(self)))

    def random(self, seed: int, scale: float = 1.0) -> Tensor:
        """Logits of a policy."""
        made = torch.Generator().manual_seed(seed)
        return torch.randn(len(self.states), self.vocabulary, generator=made, dtype=torch.float64) * scale


@dataclass(frozen=True)
class Rows:
    """Rollouts, as the losses want them."""

    pick_S: Tensor
    branch_N: Tensor
    state_N: Tensor
    token_N: Tensor

    @property
    def length_S(self) -> Tensor:
        return torch.bincount(self.branch_N)

    def logps(self, logits: Tensor) -> Tensor:
        """Log-probability of each token."""
        return logits.log_softmax(-1)[self.state_N, self.token_N]

    def sums(self, values_N: Tensor) -> Tensor:
        """Of each rollout."""
        return values_N.new_zeros(len(self.pick_S)).index_add(0, self.branch_N, values_N)


@dataclass(frozen=True)
class Groups:
    """All groups of `size` answers that could be drawn."""

    rows: Rows
    group_S: Tensor
    size: int

    @classmethod
    def of(cls, answers: Answers, size: int) -> Groups:
        picks = torch.tensor(list(itertools.product(range(len(answers)), repeat=size)))
        return cls(answers.rows(picks.flatten()), torch.arange(len(picks)).repeat_interleave(size), size)

    def chances(self, logits: Tensor) -> Tensor:
        """For each rollout, the probability of its group."""
        chance_S = self.rows.sums(self.rows.logps(logits.detach())).view(-1, self.size).sum(1).exp()
        return chance_S[self.group_S]

    def shares(self, share_S: Tensor, logits: Tensor) -> Tensor:
        """Shares of an update that has each group once, made those of its expectation over draws."""
        return share_S * (int(self.group_S.max()) + 1) * self.chances(logits)


def distribution(answers: Answers, logits: Tensor) -> Tensor:
    """Probability of each answer."""
    rows = answers.all()
    return rows.sums(rows.logps(logits)).exp()


def total_variation(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().sum()) / 2


def slope(loss: Loss, logits: Tensor) -> Tensor:
    """The gradient of a loss at these logits."""
    leaf = logits.detach().clone().requires_grad_()
    return torch.autograd.grad(loss(leaf), leaf)[0]


def descended(loss: Loss, logits: Tensor, *, steps: int, rate: float = 0.1) -> Tensor:
    """Logits after so many steps of Adam down an expected loss, which is made anew of the policy of each step."""
    leaf = logits.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([leaf], lr=rate)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        optimizer.zero_grad()
        loss(leaf).backward()
        optimizer.step()
    return leaf.detach()
