"""Packed rows: each branch sees its prefix and itself, is read at the right places, and nothing is lost."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from rlaif.training.masks import dense_mask
from rlaif.training.packing import Batch, Tree, pack, split

ids = st.lists(st.integers(1, 99), min_size=1, max_size=6).map(tuple)
trees = st.builds(Tree, ids, st.lists(ids, min_size=1, max_size=3).map(tuple))
batches = st.lists(trees, min_size=1, max_size=6)


def seen(batch: Batch, window: int | None = None) -> torch.Tensor:
    return dense_mask(batch, torch.float32, window)[:, 0] == 0


@given(batches, st.booleans(), st.booleans())
def test_every_token_sees_exactly_its_prefix_and_its_branch_so_far(
    given_trees: list[Tree], packed: bool, with_last: bool
) -> None:
    batch = pack(given_trees, packed=packed, pad_id=0, with_last=with_last)
    visible = seen(batch)
    flat_ids, width = batch.ids_RL.flatten(), batch.ids_RL.shape[1]
    place = 0
    for tree in given_trees:
        for branch in tree.branches:
            for number in range(len(branch)):
                source = int(batch.source_N[place])
                row = source // width
                context = [
                    int(flat_ids[row * width + col]) for col in visible[row, source % width].nonzero()[:, 0]
                ]
                assert context == [*tree.prefix, *branch[:number]]
                assert int(batch.positions_RL.flatten()[source]) == len(tree.prefix) + number - 1
                assert int(batch.target_N[place]) == branch[number]
                place += 1
    assert place == len(batch.target_N)


@given(batches, st.booleans())
def test_branches_are_numbered_in_order(given_trees: list[Tree], packed: bool) -> None:
    batch = pack(given_trees, packed=packed, pad_id=0, with_last=False)
    lengths = [len(branch) for tree in given_trees for branch in tree.branches]
    assert torch.bincount(batch.branch_N, minlength=batch.branches).tolist() == lengths


@given(batches, st.booleans())
def test_the_last_token_of_each_branch_is_found(given_trees: list[Tree], packed: bool) -> None:
    batch = pack(given_trees, packed=packed, pad_id=0, with_last=True)
    last = batch.ids_RL.flatten()[batch.last_S].tolist()
    assert last == [branch[-1] for tree in given_trees for branch in tree.branches]


@given(batches, st.integers(1, 8))
def test_a_window_hides_what_is_too_far_back(given_trees: list[Tree], window: int) -> None:
    batch = pack(given_trees, packed=True, pad_id=0, with_last=True)
    back = batch.positions_RL[:, :, None] - batch.positions_RL[:, None, :]
    assert torch.equal(seen(batch, window), seen(batch) & (back < window))


@given(batches)
def test_packing_counts_what_sharing_saves(given_trees: list[Tree]) -> None:
    batch = pack(given_trees, packed=True, pad_id=0, with_last=True)
    assert batch.tokens == sum(tree.size for tree in given_trees)
    apart = sum(len(tree.prefix) + len(branch) for tree in given_trees for branch in tree.branches)
    assert batch.tokens_apart == apart
    assert int((batch.tree_RL >= 0).sum()) == batch.tokens


@given(batches, st.integers(1, 60))
def test_split_gives_every_tree_once_and_like_sizes_together(given_trees: list[Tree], tokens: int) -> None:
    groups = split(given_trees, tokens)
    assert sorted(index for group in groups for index in group) == list(range(len(given_trees)))
    sizes = [given_trees[index].size for group in groups for index in group]
    assert sizes == sorted(sizes, reverse=True)
    assert all(groups)


def test_rows_are_as_long_as_the_longest_tree_and_filled_by_the_short_ones() -> None:
    long, short = Tree((1,) * 10, ((2,) * 10,)), Tree((1,) * 4, ((2,) * 6,))
    batch = pack([long, short, short], packed=True, pad_id=0, with_last=True)
    assert tuple(batch.ids_RL.shape) == (2, 20)
    assert batch.tokens == 40
