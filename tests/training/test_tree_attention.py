"""Attention by trees: what the dense mask gives, in values, gradients and whole models, for every shape of tree."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from rlaif.engines.local.generate import Decoder, Draw
from rlaif.libraries.transformers import attention_of, set_attention
from rlaif.records import Sampling
from rlaif.training.masks import dense_mask
from rlaif.training.packing import Batch, Tree, pack
from rlaif.training.scorer import BranchScorer, choose_layout
from rlaif.training.tree_attention import TREES, tree_attention, tree_mask

from .builders import make_model

EVEN = [Tree(tuple(range(7)), (tuple(range(4)),) * 3)]
RAGGED = [Tree((5,), ((1, 2, 3), (4,), (5, 6, 7, 8, 9, 10))), Tree((1, 2, 3, 4, 5), ((6, 7), (8, 9, 10)))]
SEVERAL_A_ROW = [*RAGGED, Tree(tuple(range(12)), (tuple(range(9)), (3, 4, 5))), *EVEN]


def packed(trees: list[Tree], *, with_last: bool) -> Batch:
    return pack(trees, packed=True, pad_id=0, with_last=with_last, spans_least=0)


def drawn(batch: Batch, heads: int) -> Tensor:
    """As models hand it over: (R, H, L, E), the heads next to each other in memory."""
    rows, length = batch.ids_RL.shape
    return torch.randn(rows, length, heads, 8, dtype=torch.float32).transpose(1, 2).requires_grad_()


@pytest.mark.parametrize("with_last", [True, False])
@pytest.mark.parametrize("trees", [EVEN, RAGGED, SEVERAL_A_ROW])
@pytest.mark.parametrize("key_heads", [4, 2])
def test_values_and_gradients_are_those_of_the_dense_mask(
    trees: list[Tree], with_last: bool, key_heads: int
) -> None:
    torch.manual_seed(0)
    batch = packed(trees, with_last=with_last)
    query, key, value = drawn(batch, 4), drawn(batch, key_heads), drawn(batch, key_heads)
    there_RL = batch.tree_RL >= 0
    weight_RLHE = torch.randn(*there_RL.shape, 4, 8) * there_RL[..., None, None]

    repeated = [each.repeat_interleave(4 // key_heads, dim=1) for each in (key, value)]
    mask = dense_mask(batch, torch.float32)
    dense = scaled_dot_product_attention(query, *repeated, attn_mask=mask, scale=0.3).transpose(1, 2)
    wanted = torch.autograd.grad((dense * weight_RLHE).sum(), (query, key, value))
    found, none = tree_attention(None, query, key, value, tree_mask(batch.spans, query), scaling=0.3)
    gradients = torch.autograd.grad((found * weight_RLHE).sum(), (query, key, value))

    assert none is None
    assert torch.allclose(found[there_RL], dense[there_RL], atol=1e-5)
    for one, other in zip(gradients, wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_small_batch_has_no_spans_for_one_mask_is_cheaper() -> None:
    long = Tree(tuple(range(600)), (tuple(range(300)),) * 4)
    assert pack(SEVERAL_A_ROW, packed=True, pad_id=0, with_last=False).spans == ()
    assert pack([long], packed=False, pad_id=0, with_last=False).spans == ()
    (span,) = pack([long], packed=True, pad_id=0, with_last=False).spans
    assert span == (0, 0, 600, (299,) * 4)


@pytest.mark.parametrize("odd", [{"softcap": 30.0}, {"s_aux": torch.zeros(4)}, {"dropout": 0.1}])
def test_what_a_model_does_to_its_scores_besides_scaling_is_refused(odd: dict[str, object]) -> None:
    batch = packed(EVEN, with_last=False)
    query = drawn(batch, 4)
    with pytest.raises(NotImplementedError):
        tree_attention(None, query, query, query, tree_mask(batch.spans, query), **odd)


@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_a_model_that_is_set_to_it_reads_draws_and_is_written_as_before(kind: str, tmp_path: Path) -> None:
    model = make_model(kind, 64).eval()
    scorer, batch = BranchScorer(model, 0), packed(SEVERAL_A_ROW, with_last=False)
    draws = [Draw((1, 2, 3), Sampling(temperature=1.0, max_tokens=6), seed, 6) for seed in range(3)]
    wanted, written = scorer(batch).logp_N, Decoder(model, frozenset(), str).draw(draws)
    assert choose_layout(scorer, SEVERAL_A_ROW, wanted=True).attention == TREES
    assert attention_of(model.config) == TREES
    found = scorer(batch).logp_N
    assert torch.allclose(found, wanted, atol=1e-5)
    assert [each.ids for each in Decoder(model, frozenset(), str).draw(draws)] == [
        each.ids for each in written
    ]
    model.save_pretrained(tmp_path)
    assert TREES not in (tmp_path / "config.json").read_text()
    set_attention(model, "sdpa")
    assert torch.equal(scorer(batch).logp_N, wanted)


def test_models_with_another_attention_keep_it() -> None:
    model = make_model("llama", 64).eval()
    set_attention(model, "eager")
    assert choose_layout(BranchScorer(model, 0), SEVERAL_A_ROW, wanted=True).attention == "eager"


def test_in_autocast_it_computes_in_bf16_as_sdpa_does() -> None:
    scorer, batch = BranchScorer(make_model("llama", 64).eval(), 0), packed(SEVERAL_A_ROW, with_last=False)
    exact = scorer(batch).logp_N
    scorer.bf16 = True
    assert choose_layout(scorer, SEVERAL_A_ROW, wanted=True).attention == TREES
    rough = scorer(batch).logp_N
    rough.sum().backward()
    assert 0 < (rough - exact).abs().max() < 0.2
