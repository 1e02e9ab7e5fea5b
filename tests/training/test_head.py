"""Log-probabilities tile by tile are those of the whole softmax, and so are their gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rlaif.training import head as head_module
from rlaif.training.head import Head, linear_head, read

from .builders import make_model

N, D, V = 9, 5, 23


@dataclass(frozen=True)
class Case:
    hidden: Tensor
    weight: Tensor
    bias: Tensor | None
    target: Tensor
    upstream: Tensor


def case(seed: int = 0, *, bias: bool = False, frozen: bool = False) -> Case:
    made = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=made, dtype=torch.float64)  # noqa: E731
    learns = not frozen
    return Case(
        draw(N, D).requires_grad_(),
        draw(V, D).requires_grad_(learns),
        draw(V).requires_grad_(learns) if bias else None,
        torch.randint(V, (N,), generator=made),
        draw(N),
    )


def whole(given_case: Case, scale: float, cap: float | None) -> Tensor:
    """Written out, with all logits."""
    logits = scale * (
        given_case.hidden @ given_case.weight.T + (0 if given_case.bias is None else given_case.bias)
    )
    if cap is not None:
        logits = cap * torch.tanh(logits / cap)
    return logits.log_softmax(1)[torch.arange(N), given_case.target]


def grads(value: Tensor, given_case: Case) -> list[Tensor]:
    learned = [each for each in (given_case.hidden, given_case.weight, given_case.bias) if each is not None]
    return list(
        torch.autograd.grad(
            (value * given_case.upstream).sum(), [each for each in learned if each.requires_grad]
        )
    )


@settings(max_examples=40)
@given(
    seed=st.integers(0, 99),
    bias=st.booleans(),
    frozen=st.booleans(),
    scale=st.sampled_from([1.0, 0.3]),
    cap=st.sampled_from([None, 2.0]),
    tile=st.sampled_from([1, 4 * N, 7 * N, V * N]),
)
def test_any_tiling_gives_the_softmax_of_all_logits_and_its_gradients(
    seed: int, bias: bool, frozen: bool, scale: float, cap: float | None, tile: int
) -> None:
    mine = case(seed, bias=bias, frozen=frozen)
    held, head_module.TILE_ELEMENTS = head_module.TILE_ELEMENTS, tile
    try:
        found = read(Head(mine.weight, mine.bias, scale, cap), mine.hidden, mine.target).logp_N
        ours = grads(found, mine)
    finally:
        head_module.TILE_ELEMENTS = held
    expected = whole(mine, scale, cap)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    for one, other in zip(ours, grads(expected, mine), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_gradient_is_that_of_finite_differences(frozen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "TILE_ELEMENTS", 6 * N)
    mine = case(3, frozen=frozen)

    def logps(hidden: Tensor, weight: Tensor) -> Tensor:
        return read(Head(weight, None, 1.0, 3.0), hidden, mine.target).logp_N

    assert torch.autograd.gradcheck(logps, (mine.hidden, mine.weight))


def test_logits_far_from_zero_neither_overflow_nor_vanish() -> None:
    hidden = torch.tensor([[1.0], [1.0]])
    weight = torch.tensor([[1000.0], [999.0], [-1000.0]])
    found = read(Head(weight, None), hidden, torch.tensor([0, 2])).logp_N
    expected = torch.tensor([-0.3132617, -2000.3132617])
    torch.testing.assert_close(found, expected)


def test_the_first_choice_is_the_first_of_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, weight = torch.ones(3, 1), torch.tensor([[1.0], [5.0], [2.0], [5.0], [0.0]])
    for tile in (3, 6, 100):
        monkeypatch.setattr(head_module, "TILE_ELEMENTS", tile)
        assert read(Head(weight, None), hidden, torch.tensor([1, 3, 2])).top_N.tolist() == [
            True,
            False,
            False,
        ]


def test_entropies_come_of_the_same_tiles_and_change_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for tile in (4 * N, 1000 * N):
        monkeypatch.setattr(head_module, "TILE_ELEMENTS", tile)
        for scale, cap in ((1.0, None), (0.5, None), (2.0, 1.5)):
            mine = case(3)
            head = Head(mine.weight, None, scale, cap)
            plain = read(head, mine.hidden, mine.target)
            found = read(head, mine.hidden, mine.target, entropies=True)
            logits = scale * (mine.hidden @ mine.weight.T)
            logp = (logits if cap is None else cap * torch.tanh(logits / cap)).log_softmax(1)
            torch.testing.assert_close(found.entropy_N, -(logp.exp() * logp).sum(1))
            assert plain.entropy_N is None
            assert torch.equal(found.logp_N, plain.logp_N)
            assert found.entropy_N is not None
            assert not found.entropy_N.requires_grad


def test_nothing_as_large_as_the_logits_is_kept_for_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "TILE_ELEMENTS", 4 * N)
    sizes: list[int] = []

    def pack_hook(kept: Tensor) -> Tensor:
        sizes.append(kept.numel())
        return kept

    for frozen in (False, True):
        mine = case(frozen=frozen)
        with torch.autograd.graph.saved_tensors_hooks(pack_hook, lambda kept: kept):
            read(Head(mine.weight, None), mine.hidden, mine.target)
        assert max(size for size in sizes if size != mine.weight.numel()) <= N * D < N * V
        assert (mine.weight.numel() in sizes) is not frozen
        sizes.clear()


def test_in_autocast_the_products_are_bf16_and_the_sums_are_not() -> None:
    mine = case(1)
    hidden, weight = (
        mine.hidden.detach().float().requires_grad_(),
        mine.weight.detach().float().requires_grad_(),
    )
    with torch.autocast("cpu", torch.bfloat16):
        rough = read(Head(weight, None), hidden, mine.target).logp_N
    exact = read(Head(weight, None), hidden, mine.target).logp_N
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.1
    rough.sum().backward()
    assert hidden.grad is not None
    assert hidden.grad.dtype == weight.grad.dtype == torch.float32  # type: ignore[union-attr]


@pytest.mark.parametrize(("kind", "cap"), [("llama", None), ("gemma2", 3.0)])
def test_a_models_head_is_found(kind: str, cap: float | None) -> None:
    model: Any = make_model(kind, V)
    found = linear_head(model)
    assert found is not None
    assert found.weight_VD is model.get_output_embeddings().weight
    assert (found.scale, found.cap) == (1.0, cap)


def test_a_models_scale_of_logits_is_its_own() -> None:
    import transformers

    shape = dict(vocab_size=V, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2)
    granite = transformers.GraniteForCausalLM(transformers.GraniteConfig(**shape, logits_scaling=4.0))
    cohere = transformers.CohereForCausalLM(transformers.CohereConfig(**shape, logit_scale=0.5))
    ids = torch.randint(V, (1, 6))
    for model in (granite, cohere):
        hidden = model.base_model(input_ids=ids)[0][0]
        expected = model(input_ids=ids).logits[0].log_softmax(1)[torch.arange(6), ids[0]]
        torch.testing.assert_close(read(linear_head(model), hidden, ids[0]).logp_N, expected)  # type: ignore[arg-type]


def test_a_gradient_added_in_place_is_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head_module, "TILE_ELEMENTS", 4 * N)
    mine, found = case(5), []
    for in_place in (False, True):
        held = mine.weight.grad = torch.ones_like(mine.weight)
        read(Head(mine.weight, None, in_place=in_place), mine.hidden, mine.target).logp_N.sum().backward()
        found.append(mine.weight.grad)
    assert found[1] is held
    torch.testing.assert_close(found[0], found[1])
