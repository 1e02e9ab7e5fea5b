"""Reward models: an ordinary sequence classifier with one label that ranks as the labels say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.chat_template import Chat
from rlaif.errors import ThresholdError
from rlaif.records import Pair
from rlaif.training import RewardConfig, train_reward
from rlaif.training.models import open_classifier
from rlaif.training.packing import pack
from rlaif.training.reward import BradleyTerry
from rlaif.training.scorer import RewardScorer
from rlaif.training.spans import Spans

from .builders import make_pairs, pair, read_weights
from .conftest import MakeDirectory

CONFIG = RewardConfig(steps=30, batch_size=8, learning_rate=2e-3, schedule="constant")


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def reward_of(out: Path, one: Pair, answer: str) -> float:
    """As anybody would ask it: the rendered conversation through the classifier."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(out)
    model = AutoModelForSequenceClassification.from_pretrained(out).eval()
    chat = Chat(tokenizer)
    ids = [*chat.prompt_ids([one.prompt])[0], *chat.text_ids([answer])[0], tokenizer.eos_token_id]
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0, 0].item()


@pytest.mark.parametrize("kind", ["llama", "qwen3", "gemma3", "gpt2"])
def test_a_reward_model_learns_the_labels_and_loads_anywhere(
    kind: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    pairs = make_pairs(16)
    summary = train_reward(CONFIG, pairs, base=model_dir(kind), out=tmp_path / "out")
    assert summary.packed
    lines = history(tmp_path / "out")
    assert lines[-1]["accuracy"] > 0.9
    assert lines[-1]["loss"] < lines[0]["loss"]
    right = [
        reward_of(tmp_path / "out", each, each.chosen[0].content)
        > reward_of(tmp_path / "out", each, each.rejected[0].content)
        for each in pairs
    ]
    assert sum(right) > 0.9 * len(right)


def test_the_last_steps_margin_is_what_the_classifier_says(model_dir: MakeDirectory, tmp_path: Path) -> None:
    one = pair("bake bread", "mix flour", "wait")
    train_reward(replace(CONFIG, steps=1, learning_rate=1e-9), [one], base=model_dir(), out=tmp_path / "out")
    margin = reward_of(tmp_path / "out", one, "mix flour") - reward_of(tmp_path / "out", one, "wait")
    assert history(tmp_path / "out")[-1]["margin"] == pytest.approx(margin, abs=1e-5)


def part_of(folder: Path, config: RewardConfig, pairs: list[Pair]) -> Any:
    opened = open_classifier(folder, config)
    objective = BradleyTerry(config, Spans(opened.chat, opened.end_id, opened.room).pairs(pairs)[0])
    trees = objective.trees(0)
    batch = pack(trees, packed=True, pad_id=opened.pad_id, with_last=True)
    return objective.part(0, range(len(trees)), batch, RewardScorer(opened.model, opened.pad_id)(batch))


def test_label_and_weight_reach_the_loss(model_dir: MakeDirectory) -> None:
    config = replace(CONFIG, steps=1, batch_size=2)

    def loss(prob: float, *weights: float) -> float:
        pairs = [
            pair("bake", "yes", "no thank you", label_prob=prob),
            pair("open", "good", "never", label_prob=0.9),
        ]
        weighted = [replace(each, weight=weight) for each, weight in zip(pairs, weights, strict=True)]
        return part_of(model_dir(), config, weighted).loss.item()

    assert loss(0.6, 1, 1) != pytest.approx(loss(0.9, 1, 1))
    assert loss(0.6, 1, 0) + loss(0.6, 0, 1) == pytest.approx(2 * loss(0.6, 1, 1))
    assert loss(0.6, 4, 4) == pytest.approx(loss(0.6, 1, 1))


def test_soft_labels_stop_at_the_log_odds(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = RewardConfig(steps=150, batch_size=1, learning_rate=5e-3)
    train_reward(config, [pair("bake", "yes", "no", label_prob=0.8)], base=model_dir(), out=tmp_path / "out")
    # log(.8 / .2)
    assert history(tmp_path / "out")[-1]["margin"] == pytest.approx(1.386, abs=0.05)


def test_centering_keeps_rewards_near_zero(model_dir: MakeDirectory, tmp_path: Path) -> None:
    for centering in (0.0, 1.0):
        train_reward(
            replace(CONFIG, centering=centering),
            make_pairs(8),
            base=model_dir(),
            out=tmp_path / str(centering),
        )
    free, held = (abs(history(tmp_path / name)[-1]["mean_reward"]) for name in ("0.0", "1.0"))
    assert held < 0.15
    assert held < free


def test_a_new_head_is_drawn_from_the_seed(model_dir: MakeDirectory) -> None:
    heads = [
        open_classifier(model_dir(), replace(CONFIG, seed=seed)).model.score.weight for seed in (0, 0, 1)
    ]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])
    # standard deviation 1 / sqrt(width + 1)
    assert heads[0].std().item() == pytest.approx(33**-0.5, rel=0.4)


def test_a_reward_model_can_be_trained_on(model_dir: MakeDirectory, tmp_path: Path) -> None:
    train_reward(CONFIG, make_pairs(8), base=model_dir(), out=tmp_path / "one")
    train_reward(replace(CONFIG, steps=1), make_pairs(8), base=tmp_path / "one", out=tmp_path / "two")
    assert history(tmp_path / "two")[0]["accuracy"] == 1.0


def test_the_end_token_is_never_the_padding(model_dir: MakeDirectory) -> None:
    from transformers import AutoTokenizer

    folder = model_dir("qwen3", "chatml", seed=7)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    opened = open_classifier(folder, CONFIG)
    assert opened.pad_id != opened.end_id
    assert opened.model.config.pad_token_id == opened.pad_id


def test_a_reward_model_keeps_its_dtype_and_writes_its_adapter(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    base = model_dir("llama", "chatml", "bfloat16")
    train_reward(replace(CONFIG, lora=4, learning_rate=1e-2), make_pairs(8), base=base, out=tmp_path / "out")
    assert {each.dtype for each in read_weights(tmp_path / "out").values()} == {torch.bfloat16}
    assert (tmp_path / "out/adapter/adapter_model.safetensors").is_file()
    assert history(tmp_path / "out")[-1]["accuracy"] > 0.8


def test_no_pairs_is_said(model_dir: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(ThresholdError):
        train_reward(CONFIG, [], base=model_dir(), out=tmp_path / "out")
