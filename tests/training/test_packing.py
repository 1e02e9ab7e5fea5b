"""Packed rows: each branch sees its prefix and itself, is read at the right places, and nothing is lost."""

from __future__ import annotations

from itertools import accumulate

import torch
from hypothesis import given
from hypothesis import strategies as st

from rlaif.training.masks import dense_mask
from rlaif.training.packing import Batch, Tree, pack, split

ids = st.lists(st.integers(1, 99), min_size=1, max_size=6).map(tuple)
plain_trees = st.tuples(ids, st.lists(ids, min_size=1, max_size=3).map(tuple)).map(lambda both: Tree(*both))


@st.composite
def masked_trees(draw: st.DrawFn) -> Tree:
    """Of some branches only a part is learned, and some go on with the answer of the one before."""
    tree = draw(plain_trees)
    masks = []
    for branch in tree.branches:
        some = draw(st.lists(st.booleans(), min_size=len(branch), max_size=len(branch)).filter(any))
        masks.append(() if all(some) else tuple(some))
    further = draw(st.lists(st.integers(0, 1), min_size=len(masks) - 1, max_size=len(masks) - 1))
    answers = (0, *accumulate(further))
    return tree._replace(learned=tuple(masks) if any(masks) else (), answers=answers)


batches = st.lists(plain_trees | masked_trees(), min_size=1, max_size=6)


def learned(tree: Tree) -> list[list[bool]]:
    masks = tree.learned or ((),) * len(tree.branches)
    return [list(mask) or [True] * len(branch) for mask, branch in zip(masks, tree.branches, strict=True)]


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
        for branch, mask in zip(tree.branches, learned(tree), strict=True):
            for number in [each for each in range(len(branch)) if mask[each]]:
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
def test_answers_are_numbered_in_order_and_have_what_is_learned_of_their_branches(
    given_trees: list[Tree], packed: bool
) -> None:
    batch = pack(given_trees, packed=packed, pad_id=0, with_last=False)
    lengths: list[int] = []
    for tree in given_trees:
        answers = tree.answers or range(len(tree.branches))
        for answer in sorted(set(answers)):
            mine = zip(answers, learned(tree), strict=True)
            lengths.append(sum(sum(mask) for owner, mask in mine if owner == answer))
    assert torch.bincount(batch.branch_N, minlength=batch.branches).tolist() == lengths
    assert [size for tree in given_trees for size in tree.scored] == lengths
    assert batch.branch_N.tolist() == sorted(batch.branch_N.tolist())


@given(batches, st.booleans())
def test_the_last_token_of_each_branch_is_found(given_trees: list[Tree], packed: bool) -> None:
    batch = pack(given_trees, packed=packed, pad_id=0, with_last=True)
    last = batch.ids_RL.flatten()[batch.last_S].tolist()
    assert last == [
        dict(zip(tree.answers or range(len(tree.branches)), tree.branches, strict=True))[answer][-1]
        for tree in given_trees
        for answer in sorted(set(tree.answers or range(len(tree.branches))))
    ]


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
