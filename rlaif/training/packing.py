"""Trees of tokens (one prefix, its branches) to rectangular batches in which nothing sees what it should not.

Packed: a row holds whole trees, `[prefix | branch | branch]`, the prefix once; a branch sees its prefix and itself,
its positions go on from the prefix. Plain: a row is one prefix with one branch, the layout every model knows.

Of a branch only what is learned is scored: what a user or a tool said in it is read, and no more. An answer is one
branch, or several where its turns were written in contexts that do not go on from each other.

Suffixes: R rows, L row length, N scored tokens in branch order, S answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rlaif.training.tokens import Ids, Mask

PAD = -1
SPANS_LEAST = 1 << 20
"""Pairs of tokens that attention by trees must leave out of a batch to be worth its many small calls."""


class Tree(NamedTuple):
    """A prefix and the branches that go on from it, each on its own."""

    prefix: Ids
    branches: tuple[Ids, ...]
    learned: tuple[Mask, ...] = ()
    """For each branch, which of its tokens are learned; empty: all of all, as an empty mask is all of one."""
    answers: tuple[int, ...] = ()
    """For each branch the number of the answer that it is part of, ascending; empty: each is one of its own."""

    @property
    def size(self) -> int:
        """Tokens when the prefix is stored once."""
        return len(self.prefix) + sum(map(len, self.branches))

    @property
    def scored(self) -> list[int]:
        """How many tokens of each answer are learned."""
        masks = self.learned or ((),) * len(self.branches)
        answers = self.answers or range(len(self.branches))
        found = [0] * (answers[-1] + 1)
        for answer, branch, mask in zip(answers, self.branches, masks, strict=True):
            found[answer] += learned_tokens(branch, mask)
        return found

    @property
    def apart(self) -> tuple[Tree, ...]:
        """One tree a branch."""
        if not self.learned:
            return tuple(Tree(self.prefix, (branch,)) for branch in self.branches)
        both = zip(self.branches, self.learned, strict=True)
        return tuple(Tree(self.prefix, (branch,), (mask,)) for branch, mask in both)


class TreeSpan(NamedTuple):
    """Where a tree lies in a packed batch."""

    row: int
    start: int
    """Column of the prefix; the branches follow it, one behind the other."""
    prefix: int
    """Tokens of it."""
    branches: tuple[int, ...]
    """Tokens of each, those that are there."""

    @property
    def looks(self) -> int:
        """Pairs of a token and one that it sees, in whole blocks but for the halves above diagonals."""
        seen = self.prefix**2 / 2 + self.prefix * sum(self.branches)
        return int(seen + len(self.branches) * max(self.branches, default=0) ** 2 / 2)


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids with all that a forward pass and its reading need."""

    ids_RL: Tensor
    positions_RL: Tensor
    tree_RL: Tensor
    """Number of the tree in its row; PAD where there is no token."""
    branch_RL: Tensor
    """0 in the prefix, else the number of the branch in its tree."""
    source_N: Tensor
    """Place (row * L + column) of the hidden state that predicts each learned token."""
    target_N: Tensor
    """The learned tokens themselves."""
    branch_N: Tensor
    """Which answer (0 .. S-1, in order of trees and answers) a token belongs to."""
    last_S: Tensor
    """Place of each answer's last token; only where the batch was packed with it."""
    branches: int
    """S."""
    packed: bool
    tokens: int
    """Tokens that are there."""
    tokens_apart: int
    """Tokens there would be with a prefix for each branch."""
    spans: tuple[TreeSpan, ...] = ()
    """Where the trees of a packed batch lie, for attention that goes by them; empty where whole rows cost no more."""

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on `device`."""
        if self.ids_RL.device == device:
            return self
        names = [name for name in self.__slots__ if isinstance(getattr(self, name), Tensor)]
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def split(trees: Sequence[Tree], batch_tokens: int) -> list[list[int]]:
    """Indices of `trees` in groups of about `batch_tokens`, trees of like size together; longest first."""
    order = sorted(range(len(trees)), key=lambda index: (-trees[index].size, index))
    total = sum(tree.size for tree in trees)
    parts = max(1, -(-total // batch_tokens))
    groups: list[list[int]] = [[]]
    held = 0
    for index in order:
        # equal parts: a small remainder would cost a whole pass of its own
        if held and held + trees[index].size / 2 > total / parts:
            groups.append([])
            held = 0
        groups[-1].append(index)
        held += trees[index].size
    return groups


def pack(
    trees: Sequence[Tree], *, packed: bool, pad_id: int, with_last: bool, spans_least: int = SPANS_LEAST
) -> Batch:
    """One batch. `with_last` keeps each branch's last token, which predicts nothing that is scored."""
    stored = trees if packed else [single for tree in trees for single in tree.apart]
    sizes = [_size(tree, with_last) for tree in stored]
    rows = _rows(sizes) if packed else [[index] for index in range(len(stored))]
    length = max(sum(sizes[index] for index in row) for row in rows)
    frame = _Frame(len(rows), length, pad_id)
    reads: list[list[_Read]] = [[] for _ in stored]
    spans: list[TreeSpan] = []
    for row, members in enumerate(rows):
        column = 0
        for number, index in enumerate(members):
            reads[index] = frame.place(stored[index], row, column, number, with_last)
            there = tuple(len(each) - (not with_last) for each in stored[index].branches)
            spans.append(TreeSpan(row, column, len(stored[index].prefix), there))
            column += sizes[index]
    flat = [read for tree_reads in reads for read in tree_reads]
    owners = _owners(trees)
    return Batch(
        ids_RL=torch.from_numpy(frame.ids),
        positions_RL=torch.from_numpy(frame.positions),
        tree_RL=torch.from_numpy(frame.tree),
        branch_RL=torch.from_numpy(frame.branch),
        source_N=torch.from_numpy(np.concatenate([read.sources for read in flat])),
        target_N=torch.tensor([token for tree in stored for token in _targets(tree)]),
        branch_N=torch.from_numpy(np.repeat(owners, [len(read.sources) for read in flat])),
        last_S=torch.tensor([*dict(zip(owners, (read.last for read in flat), strict=True)).values()]),
        branches=owners[-1] + 1,
        packed=packed,
        tokens=sum(sizes),
        tokens_apart=sum(_size(single, with_last) for tree in trees for single in tree.apart),
        spans=tuple(spans) if packed and _left_out(frame, spans) >= spans_least else (),
    )


def _left_out(frame: _Frame, spans: Sequence[TreeSpan]) -> int:
    """Pairs of tokens in whole rows that no tree looks at."""
    rows, length = frame.ids.shape
    return int(rows * length**2 - sum(each.looks for each in spans))


class _Read(NamedTuple):
    sources: NDArray[np.int64]
    last: int


class _Frame:
    """The rectangles being filled."""

    def __init__(self, rows: int, length: int, pad_id: int) -> None:
        self.ids = np.full((rows, length), pad_id, dtype=np.int64)
        self.positions = np.zeros((rows, length), dtype=np.int64)
        self.tree = np.full((rows, length), PAD, dtype=np.int64)
        self.branch = np.zeros((rows, length), dtype=np.int64)

    def place(self, tree: Tree, row: int, column: int, number: int, with_last: bool) -> list[_Read]:
        """Write a tree at (row, column); where its branches' tokens are predicted from, and where they end."""
        start, prefix = column, len(tree.prefix)
        self._write(tree.prefix, row, column, number, 0, 0)
        column += prefix
        base = row * self.ids.shape[1]
        reads = []
        for which, branch in enumerate(tree.branches, 1):
            kept = branch if with_last else branch[:-1]
            self._write(kept, row, column, number, which, prefix)
            sources = np.arange(column - 1, column - 1 + len(branch))
            # the first token of every branch is predicted by the last of the shared prefix
            sources[0] = start + prefix - 1
            if tree.learned and tree.learned[which - 1]:
                sources = sources[np.array(tree.learned[which - 1])]
            reads.append(_Read(base + sources, base + column + len(kept) - 1))
            column += len(kept)
        return reads

    def _write(self, ids: Ids, row: int, column: int, number: int, branch: int, position: int) -> None:
        end = column + len(ids)
        self.ids[row, column:end] = ids
        self.positions[row, column:end] = np.arange(position, position + len(ids))
        self.tree[row, column:end] = number
        self.branch[row, column:end] = branch


def learned_tokens(ids: Ids, mask: Mask) -> int:
    """How many of `ids` are learned."""
    return sum(mask) if mask else len(ids)


def _targets(tree: Tree) -> Iterator[int]:
    masks = tree.learned or ((),) * len(tree.branches)
    for branch, mask in zip(tree.branches, masks, strict=True):
        yield from compress(branch, mask) if mask else branch


def _owners(trees: Sequence[Tree]) -> list[int]:
    """For each branch of each tree the number of its answer in the batch."""
    owners: list[int] = []
    for tree in trees:
        first = owners[-1] + 1 if owners else 0
        owners += [first + each for each in tree.answers or range(len(tree.branches))]
    return owners


def _size(tree: Tree, with_last: bool) -> int:
    return tree.size - (0 if with_last else len(tree.branches))


def _rows(sizes: Sequence[int]) -> list[list[int]]:
    # first fit, longest first; rows are as long as the longest tree: attention costs the square of it
    capacity = max(sizes)
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(sizes)), key=lambda each: (-sizes[each], each)):
        fitting = next((row for row, free in enumerate(room) if free >= sizes[index]), None)
        if fitting is None:
            rows.append([])
            room.append(capacity)
            fitting = len(rows) - 1
        rows[fitting].append(index)
        room[fitting] -= sizes[index]
    return rows
