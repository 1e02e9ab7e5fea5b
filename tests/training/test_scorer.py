"""The packed path is the plain two-forward computation, for every make of model; where it is not, it is not taken."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from rlaif.training.packing import Tree, pack
from rlaif.training.scorer import BranchScorer, RewardScorer, choose_layout

from .builders import make_model

VOCAB = 90
PACKED_KINDS = ["llama", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2", "mistral"]


def ids(rng: random.Random, count: int) -> tuple[int, ...]:
    return tuple(rng.randrange(3, VOCAB) for _ in range(count))


def make_trees(count: int = 6, seed: int = 0, longest: int = 24) -> list[Tree]:
    rng = random.Random(seed)
    size = lambda: rng.randint(1, longest)  # noqa: E731
    return [Tree(ids(rng, size()), (ids(rng, size()), ids(rng, size()))) for _ in range(count)]


def naive_logps(model: Any, trees: Sequence[Tree]) -> torch.Tensor:
    """Each prompt with each answer on its own, no batch, no mask, all logits: nothing to get wrong."""
    found = []
    for tree in trees:
        for branch in tree.branches:
            row = torch.tensor([[*tree.prefix, *branch]])
            logps = model(input_ids=row).logits[0].float().log_softmax(-1)
            places = range(len(tree.prefix) - 1, row.shape[1] - 1)
            found += [logps[place, row[0, place + 1]] for place in places]
    return torch.stack(found)


def gradients(model: torch.nn.Module, value: torch.Tensor) -> dict[str, torch.Tensor]:
    model.zero_grad()
    # uneven weights: an exchange of two tokens' gradients must show
    (value * torch.linspace(0.5, 1.5, len(value))).sum().backward()
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("kind", PACKED_KINDS)
@pytest.mark.parametrize("packed", [True, False])
def test_log_probs_and_gradients_are_those_of_the_plain_computation(kind: str, packed: bool) -> None:
    model, trees = make_model(kind, VOCAB).eval(), make_trees()
    batch = pack(trees, packed=packed, pad_id=0, with_last=False)
    logp_N = BranchScorer(model, 0)(batch).logp_N
    expected = naive_logps(model, trees)
    torch.testing.assert_close(logp_N, expected, rtol=1e-5, atol=1e-5)
    ours, theirs = gradients(model, logp_N), gradients(model, naive_logps(model, trees))
    for name, each in theirs.items():
        torch.testing.assert_close(ours[name], each, rtol=1e-4, atol=1e-5 * float(each.abs().max()) + 1e-7)


@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_every_make_that_can_is_packed(kind: str) -> None:
    layout = choose_layout(BranchScorer(make_model(kind, VOCAB).eval(), 0), make_trees(), wanted=True)
    assert layout.packed, layout.reason


def test_bf16_arithmetic_does_not_decide_whether_a_model_can_be_packed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # of a deep model two right ways differ in bfloat16 by more than the tolerance: it is not asked in bfloat16
    asked = []
    scorer = BranchScorer(make_model("llama", VOCAB).eval(), 0, bf16=True)
    usual = BranchScorer.read

    def read(self: BranchScorer, *given: Any) -> Any:
        asked.append(self.bf16)
        return usual(self, *given)

    monkeypatch.setattr(BranchScorer, "read", read)
    assert choose_layout(scorer, make_trees(), wanted=True).packed
    assert set(asked) == {False}
    assert scorer.bf16


def test_a_model_that_cannot_be_packed_falls_back_and_says_so() -> None:
    # a state-space model knows no masks
    scorer = BranchScorer(make_model("mamba", VOCAB).eval(), 0)
    layout = choose_layout(scorer, make_trees(), wanted=True)
    assert not layout.packed
    assert "this model" in layout.reason
    trees = make_trees()
    plain = scorer(pack(trees, packed=False, pad_id=0, with_last=False)).logp_N
    torch.testing.assert_close(plain, naive_logps(scorer.model, trees), rtol=1e-5, atol=1e-5)


def test_a_head_of_an_unknown_make_is_no_reason_to_fail() -> None:
    model = make_model("llama", VOCAB).eval()
    model.set_output_embeddings(torch.nn.Sequential(model.get_output_embeddings()))
    layout = choose_layout(BranchScorer(model, 0), make_trees(), wanted=True)
    assert not layout.packed
    assert "output head" in layout.reason


def test_plain_rows_are_taken_when_asked_for() -> None:
    layout = choose_layout(BranchScorer(make_model("llama", VOCAB).eval(), 0), make_trees(), wanted=False)
    assert (layout.packed, layout.reason) == (False, "packed: false")


def test_top_says_whether_a_token_was_the_first_choice() -> None:
    model, trees = make_model("llama", VOCAB).eval(), make_trees(2)
    reading = BranchScorer(model, 0)(pack(trees, packed=True, pad_id=0, with_last=False))
    expected = []
    for tree in trees:
        for branch in tree.branches:
            row = torch.tensor([[*tree.prefix, *branch]])
            best = model(input_ids=row).logits[0].argmax(-1)
            expected += [
                int(best[len(tree.prefix) - 1 + place]) == token for place, token in enumerate(branch)
            ]
    assert reading.top_N.tolist() == expected


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3", "gpt2"])
@pytest.mark.parametrize("packed", [True, False])
def test_rewards_are_those_of_the_classifier_itself(kind: str, packed: bool, tmp_path: Any) -> None:
    from transformers import AutoModelForSequenceClassification

    make_model(kind, VOCAB).save_pretrained(tmp_path)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=1).eval()
    model.config.pad_token_id = 0
    trees = make_trees()
    rewards_S = RewardScorer(model, 0)(pack(trees, packed=packed, pad_id=0, with_last=True))
    rows = [torch.tensor([[*tree.prefix, *branch]]) for tree in trees for branch in tree.branches]
    expected = torch.stack([model(input_ids=row).logits[0, 0] for row in rows])
    torch.testing.assert_close(rewards_S, expected, rtol=1e-5, atol=1e-5)


def test_bf16_is_near_float32() -> None:
    model = make_model("llama", VOCAB).eval()
    batch = pack(make_trees(), packed=True, pad_id=0, with_last=False)
    exact, rough = BranchScorer(model, 0)(batch).logp_N, BranchScorer(model, 0, bf16=True)(batch).logp_N
    assert rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().mean().item() < 0.1
