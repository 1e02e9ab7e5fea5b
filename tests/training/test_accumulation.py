"""A step in many passes is the step in one: token-exact means, whatever is cut where; recomputation changes nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.training import DPOConfig, RewardConfig, SFTConfig, train_dpo, train_reward, train_sft
from rlaif.training.distributed import spare_memory
from rlaif.training.packing import Tree, pack
from rlaif.training.passes import plan
from rlaif.training.scorer import BranchScorer

from .builders import make_examples, make_model, make_pairs, read_weights
from .conftest import MakeDirectory

SHARED: dict[str, Any] = {"steps": 2, "batch_size": 6, "learning_rate": 1e-3, "weight_decay": 0.1}


def sft(config: SFTConfig, policy: Path, out: Path) -> None:
    # answers of very different lengths: a mean of means would be another number
    examples = [
        replace(each, messages=(each.messages[0], replace(each.messages[1], content=text)))
        for each, text in zip(
            make_examples(6), ["yes", "no " * 40, "A", "B B", "good " * 20, "bad"], strict=True
        )
    ]
    train_sft(config, examples, policy=policy, out=out)


def dpo(config: DPOConfig, policy: Path, out: Path) -> None:
    train_dpo(config, make_pairs(6), policy=policy, reference="previous", out=out, replay=make_examples(3))


def reward(config: RewardConfig, policy: Path, out: Path) -> None:
    train_reward(config, make_pairs(6), base=policy, out=out)


METHODS: dict[str, tuple[Callable[..., None], Any]] = {
    "sft": (sft, SFTConfig(**SHARED)),
    "dpo": (dpo, DPOConfig(nll=0.1, replay={"judge": 0.3}, **SHARED)),
    "reward": (reward, RewardConfig(centering=0.01, **SHARED)),
}


def lines(out: Path) -> list[dict[str, float]]:
    found = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "padding_ratio")} for line in found]


def assert_alike(one: Path, other: Path, tolerance: float = 1e-5) -> None:
    for first, second in zip(lines(one), lines(other), strict=True):
        for name, value in first.items():
            assert second[name] == pytest.approx(value, rel=tolerance, abs=tolerance), name
    before, after = read_weights(one), read_weights(other)
    for name, each in before.items():
        assert (each - after[name]).abs().max() < 10 * tolerance, name


@pytest.mark.parametrize("method", METHODS)
def test_passes_of_any_size_take_the_same_steps(
    method: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    train, config = METHODS[method]
    train(replace(config, batch_tokens=100_000), model_dir(), tmp_path / "one")
    train(replace(config, batch_tokens=1), model_dir(), tmp_path / "many")
    assert_alike(tmp_path / "one", tmp_path / "many")


@pytest.mark.parametrize("lora", [0, 2])
def test_recomputation_takes_the_same_steps_and_does_recompute(
    lora: int, model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers.models.llama.modeling_llama import LlamaMLP

    calls: list[int] = []
    forward = LlamaMLP.forward

    def counted(self: LlamaMLP, hidden: torch.Tensor) -> torch.Tensor:
        if (
            torch.is_grad_enabled()
        ):  # what is tried on the model beforehand, and the reference's pass, learn nothing
            calls.append(1)
        return forward(self, hidden)

    monkeypatch.setattr(LlamaMLP, "forward", counted)
    counts = {}
    for checkpointing in (False, True):
        calls.clear()
        config = replace(METHODS["dpo"][1], gradient_checkpointing=checkpointing, lora=lora)
        dpo(config, model_dir(), tmp_path / str(checkpointing))
        counts[checkpointing] = len(calls)
    # two layers, two steps, one pass each
    assert counts[True] - counts[False] == 4
    assert_alike(tmp_path / "False", tmp_path / "True")


def test_what_is_added_up_in_place_is_the_gradient() -> None:
    trees = [Tree((3, 4, 5), ((6, 7), (8,))), Tree((9, 3), ((4, 4, 4), (5, 6)))]
    found = {}
    for in_place in (False, True):
        model = copy.deepcopy(make_model("llama", 90)).eval()
        scorer = BranchScorer(model, 0)
        if in_place:
            spare_memory(scorer)
        for tree in trees:  # two passes
            scorer(pack([tree], packed=True, pad_id=0, with_last=False)).logp_N.sum().backward()
        found[in_place] = {name: each.grad for name, each in model.named_parameters()}
    for name, each in found[False].items():
        assert not found[True][name].is_sparse
        torch.testing.assert_close(found[True][name], each, msg=name)


def test_passes_hold_every_row_once_and_sharded_processes_take_as_many() -> None:
    trees = [Tree((1,) * size, ((2,) * size,)) for size in (1, 9, 2, 8, 3, 7, 5)]
    for processes in (1, 2, 3, 9):
        plans = [plan(trees, each, processes, 12, even=True) for each in range(processes)]
        assert len({len(passes) for passes in plans}) == 1
        rows = [place for passes in plans for members, share in passes if share for place in members]
        assert sorted(rows) == list(range(len(trees)))


def test_dropout_is_a_function_of_the_seed_and_the_step(model_dir: MakeDirectory, tmp_path: Path) -> None:
    base = replace(METHODS["dpo"][1], lora=2, replay={}, steps=3)
    for name, config in {
        "none": base,
        "some": replace(base, lora_dropout=0.5),
        "again": replace(base, lora_dropout=0.5),
    }.items():
        torch.manual_seed(len(name))  # what happened before in the process is no part of it
        train_dpo(config, make_pairs(6), policy=model_dir(), reference="previous", out=tmp_path / name)
    assert lines(tmp_path / "some") == lines(tmp_path / "again")
    assert lines(tmp_path / "some") != lines(tmp_path / "none")
    # a fresh adapter adds nothing, whatever is left out of it: the first step starts at the reference
    assert lines(tmp_path / "some")[0]["rewards/margins"] == pytest.approx(0.0, abs=1e-6)
