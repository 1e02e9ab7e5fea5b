"""TRL 1.16 as oracle: same model, pairs and reference give the same loss, rewards and gradients."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.exchange.pairs import write_pairs
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.configs.reward import RewardConfig
from rlaif.training.dpo import DPO, pair_tree
from rlaif.training.models import open_causal, open_classifier
from rlaif.training.packing import pack
from rlaif.training.reference import reference_logps
from rlaif.training.reward import BradleyTerry
from rlaif.training.scorer import BranchScorer, RewardScorer
from rlaif.training.spans import Spans

from .builders import make_pairs
from .conftest import MakeDirectory

oracle = pytest.importorskip("tests.trl_oracle")
trl = oracle.trl
KINDS = ["llama", "qwen3", "gemma3"]
QUIET = {
    "report_to": [],
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "disable_tqdm": True,
}


def rows_of(tmp_path: Path, count: int) -> tuple[list[Any], Any]:
    """Pairs with certain labels, and the dataset that TRL reads from the file we write."""
    import datasets

    pairs = make_pairs(count, low=3, high=9)
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    cache = str(tmp_path / "cache")
    return pairs, datasets.load_dataset(
        "json", data_files=str(tmp_path / "pairs.jsonl"), split="train", cache_dir=cache
    )


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def assert_same_gradients(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    scale = max(float(each.abs().max()) for each in theirs.values())
    for name, each in theirs.items():
        torch.testing.assert_close(
            ours[name], each, rtol=1e-5, atol=1e-5 * scale, msg=lambda text, n=name: f"{n}: {text}"
        )


@pytest.mark.parametrize("kind", KINDS)
def test_dpo_loss_rewards_and_gradients_are_those_of_trl(
    kind: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    folder, other = model_dir(kind, "tight"), model_dir(kind, "tight", seed=1)
    pairs, dataset = rows_of(tmp_path, 6)
    config = DPOConfig(loss="sigmoid", beta=0.3, batch_size=6, steps=1)
    opened, held = open_causal(folder, config), open_causal(other, config)
    theirs_model, theirs_reference = copy.deepcopy(opened.model), copy.deepcopy(held.model)
    arguments = trl.DPOConfig(output_dir=str(tmp_path), beta=0.3, max_length=None, **QUIET)
    trainer = trl.DPOTrainer(
        theirs_model,
        theirs_reference,
        arguments,
        train_dataset=dataset,
        processing_class=opened.chat.tokenizer,
    )
    theirs_loss, theirs = oracle.loss_of(trainer, oracle.first_batch(trainer, 6))
    theirs_loss.backward()

    kept, refused = Spans(opened.chat, opened.end_id, opened.room).pairs(pairs)
    assert not refused
    # TRL knows no weights: all the same here
    objective = DPO(config, [each._replace(weight=1.0) for each in kept], [])
    scorer = BranchScorer(opened.model, opened.pad_id)
    trees = [pair_tree(each) for each in kept]
    logps = reference_logps(BranchScorer(held.model, held.pad_id), trees, packed=True, batch_tokens=10_000)
    objective.reference = dict(enumerate(logps))
    packed = pack(objective.trees(0), packed=True, pad_id=opened.pad_id, with_last=False)
    part = objective.part(0, range(6), packed, scorer(packed))
    part.loss.backward()

    torch.testing.assert_close(part.loss, theirs_loss, rtol=1e-5, atol=0)
    for name in (
        "rewards/chosen",
        "rewards/rejected",
        "rewards/margins",
        "rewards/accuracies",
        "logps/chosen",
        "logps/rejected",
    ):
        assert float(part.figures[name]) == pytest.approx(theirs[name], rel=1e-5), name
    assert_same_gradients(gradients(opened.model), gradients(theirs_model))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("centering", [0.0, 0.01])
def test_reward_loss_and_gradients_are_those_of_trl(
    kind: str, centering: float, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    folder = model_dir(kind, "tight")
    pairs, dataset = rows_of(tmp_path, 6)
    config = RewardConfig(loss="sigmoid", batch_size=6, steps=1, centering=centering)
    opened = open_classifier(folder, config)
    theirs_model = copy.deepcopy(opened.model)
    arguments = trl.RewardConfig(
        output_dir=str(tmp_path), max_length=None, center_rewards_coefficient=centering or None, **QUIET
    )
    trainer = trl.RewardTrainer(
        theirs_model, arguments, train_dataset=dataset, processing_class=opened.chat.tokenizer
    )
    theirs_loss, theirs = oracle.loss_of(trainer, oracle.first_batch(trainer, 6))
    theirs_loss.backward()

    kept, _ = Spans(opened.chat, opened.end_id, opened.room).pairs(pairs)
    objective = BradleyTerry(config, [each._replace(weight=1.0) for each in kept])
    packed = pack(objective.trees(0), packed=True, pad_id=opened.pad_id, with_last=True)
    part = objective.part(0, range(6), packed, RewardScorer(opened.model, opened.pad_id)(packed))
    part.loss.backward()

    torch.testing.assert_close(part.loss, theirs_loss, rtol=1e-5, atol=0)
    for name in ("accuracy", "margin", "mean_reward"):
        assert float(part.figures[name]) == pytest.approx(theirs[name], rel=1e-5), name
    assert_same_gradients(gradients(opened.model), gradients(theirs_model))


def test_trl_trains_on_the_pairs_file_as_it_is(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = DPOConfig()
    _, dataset = rows_of(tmp_path, 4)
    opened = open_causal(model_dir("llama", "tight"), config)
    shape = {"output_dir": str(tmp_path / "out"), "max_steps": 1, "per_device_train_batch_size": 2, **QUIET}
    dpo = trl.DPOTrainer(
        opened.model,
        args=trl.DPOConfig(**shape),
        train_dataset=dataset,
        processing_class=opened.chat.tokenizer,
    )
    assert dpo.train().global_step == 1
    classifier = open_classifier(model_dir("llama", "tight"), RewardConfig())
    reward = trl.RewardTrainer(
        classifier.model,
        trl.RewardConfig(**shape),
        train_dataset=dataset,
        processing_class=classifier.chat.tokenizer,
    )
    assert reward.train().global_step == 1
