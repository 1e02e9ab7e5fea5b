"""Block masks and dense masks say the same; a model's kinds of layers get each their own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.training import masks
from rlaif.training.masks import attention_masks, dense_mask, flex_mask
from rlaif.training.packing import Batch, Tree, pack

ids = st.lists(st.integers(1, 99), min_size=1, max_size=6).map(tuple)
trees = st.tuples(ids, st.lists(ids, min_size=1, max_size=3).map(tuple)).map(lambda both: Tree(*both))


def batch_of(*given_trees: Tree) -> Batch:
    return pack(given_trees, packed=True, pad_id=0, with_last=True)


SMALL = batch_of(Tree((1, 2, 3), ((4, 5), (6,))), Tree((7,), ((8, 9), (10, 11))), Tree((1,), ((2,),)))


@settings(max_examples=25)
@given(st.lists(trees, min_size=1, max_size=5), st.none() | st.integers(1, 8))
def test_a_block_mask_shows_what_the_dense_mask_shows(given_trees: list[Tree], window: int | None) -> None:
    from torch.nn.attention.flex_attention import create_mask

    batch = batch_of(*given_trees)
    rows, length = batch.ids_RL.shape
    rule = flex_mask(batch, window).mask_mod
    seen = create_mask(rule, rows, None, length, length, device="cpu")
    assert torch.equal(seen, dense_mask(batch, torch.float32, window) == 0)


def test_flex_attention_with_a_block_mask_is_sdpa_with_a_dense_one() -> None:
    from torch.nn.attention.flex_attention import flex_attention

    rows, length = SMALL.ids_RL.shape
    query, key, value = (torch.randn(rows, 2, length, 8) for _ in range(3))
    dense = dense_mask(SMALL, torch.float32)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=dense)
    found = flex_attention(query, key, value, block_mask=flex_mask(SMALL))
    torch.testing.assert_close(found, expected)


def test_a_block_mask_is_made_once_for_a_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "_block_masks", type(masks._block_masks)())
    assert flex_mask(SMALL) is flex_mask(batch_of(Tree((9, 9, 9), ((4, 5), (6,))), *TAIL))
    assert flex_mask(SMALL) is not flex_mask(SMALL, 2)
    for length in range(1, masks.REMEMBERED + 2):
        flex_mask(batch_of(Tree((1,) * length, ((2,),))))
    assert len(masks._block_masks) == masks.REMEMBERED


TAIL = (Tree((7,), ((8, 9), (10, 11))), Tree((1,), ((2,),)))


def config(**facts: object) -> SimpleNamespace:
    return SimpleNamespace(_attn_implementation="sdpa", **facts)


def test_each_kind_of_layer_gets_its_mask() -> None:
    whole, windowed = dense_mask(SMALL, torch.float32), dense_mask(SMALL, torch.float32, 2)
    assert not torch.equal(whole, windowed)
    assert torch.equal(attention_masks(config(), SMALL, torch.float32), whole)
    assert torch.equal(attention_masks(config(sliding_window=2), SMALL, torch.float32), windowed)
    unused = config(sliding_window=2, use_sliding_window=False)
    assert torch.equal(attention_masks(unused, SMALL, torch.float32), whole)
    full = config(sliding_window=2, layer_types=["full_attention"])
    assert torch.equal(attention_masks(full, SMALL, torch.float32), whole)
    both = attention_masks(
        config(sliding_window=2, layer_types=["full_attention", "sliding_attention"]), SMALL, torch.float32
    )
    assert torch.equal(both["full_attention"], whole)
    assert torch.equal(both["sliding_attention"], windowed)
