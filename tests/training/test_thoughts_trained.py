"""Trainings on pairs with thoughts and tools: they run, resume as one, and their records count what was learned."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RecipeError, RunError
from rlaif.records import Example, Message, Pair, ToolCall
from rlaif.training.configs.dpo import DPOConfig
from rlaif.training.configs.reward import RewardConfig
from rlaif.training.configs.sft import SFTConfig
from rlaif.training.dpo import train_dpo
from rlaif.training.reward import train_reward
from rlaif.training.sft import train_sft
from tests.engines.makes import make_of

from .builders import make_model, make_pairs

CALL = ToolCall(name="now", arguments='{"place": "Rome"}')
SHORT: dict[str, Any] = {"batch_size": 3, "learning_rate": 1e-3, "trackers": ()}


def user(text: str) -> Message:
    return Message(role="user", content=text)


def said(text: str, thought: str = "", *calls: ToolCall) -> Message:
    return Message(role="assistant", content=text, thought=thought, tool_calls=calls)


PAIRS = [
    Pair(
        prompt=(user("why so"),),
        chosen=(said("so", "let me see"),),
        rejected=(said("no", "hm"),),
        label_prob=0.9,
    ),
    Pair(
        prompt=(user("what time"),),
        chosen=(said("", "I ask", CALL), Message(role="tool", content="noon"), said("it is noon", "good")),
        rejected=(said("late"),),
        label_prob=0.8,
    ),
    Pair(
        prompt=(user("bake"),),
        chosen=(said("mix", "flour"), user("then"), said("wait", "time")),
        rejected=(said("no", "hm"), user("then"), said("no", "hm")),
        label_prob=0.7,
    ),
]


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("thinker")
    tokenizer = make_of("qwen3")
    model = make_model("qwen3", len(tokenizer))
    model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.config.max_position_embeddings = 512
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def record(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "train.json").read_text())
    return found


@pytest.mark.parametrize("loss", ["soft", "simpo", "kto", "sigmoid_norm"])
def test_preferences_of_thoughts_and_turns_are_learned(thinker: Path, tmp_path: Path, loss: str) -> None:
    config = DPOConfig(loss=loss, steps=12, **SHORT)
    summary = train_dpo(config, PAIRS, policy=thinker, reference="previous", out=tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["rewards/margins"] > lines[0]["rewards/margins"]
    if loss == "soft":
        assert lines[0]["rewards/margins"] == pytest.approx(0.0, abs=1e-4)
    counts = summary.counts["pairs"]
    assert counts["trained"] == 3
    assert counts["refused"] == {}
    assert counts["thoughts"] == 5  # of six sides one has none
    assert counts["masked_tokens"] > 0


def test_train_on_answer_learns_fewer_tokens_of_the_same_rows(thinker: Path, tmp_path: Path) -> None:
    counts, lengths, read = [], [], []
    for train_on in ("all", "answer"):
        config = DPOConfig(steps=2, train_on=train_on, **SHORT)  # type: ignore[arg-type]
        summary = train_dpo(config, PAIRS, policy=thinker, reference="init", out=tmp_path / train_on)
        counts.append(summary.counts["pairs"])
        lengths.append(summary.figures["length/mean"])
        read.append(summary.figures["num_tokens"])
    assert counts[0]["thought_tokens"] == counts[1]["thought_tokens"]
    assert counts[1]["masked_tokens"] == counts[0]["masked_tokens"] + counts[0]["thought_tokens"]
    assert lengths[0] - lengths[1] == pytest.approx(counts[0]["thought_tokens"] / 6)
    assert read[0] == read[1]


def test_train_on_is_part_of_what_a_training_is_only_where_it_is_set(thinker: Path, tmp_path: Path) -> None:
    config = DPOConfig(steps=1, **SHORT)
    train_dpo(config, PAIRS, policy=thinker, reference="init", out=tmp_path / "out")
    own = record(tmp_path / "out")["identity"]["config"]
    assert not {"train_on", "thought_marks"} & own.keys()
    other = replace(config, train_on="answer")
    with pytest.raises(RunError, match="train_on"):
        train_dpo(other, PAIRS, policy=thinker, reference="init", out=tmp_path / "out")


def test_sides_that_end_alike_and_are_the_other_way_round_are_another_training(
    thinker: Path, tmp_path: Path
) -> None:
    config = DPOConfig(steps=1, **SHORT)
    sides = ((said("so"), user("and"), said("bye")), (said("no"), user("and"), said("bye")))
    one = Pair(prompt=(user("why"),), chosen=sides[0], rejected=sides[1], label_prob=0.9)
    train_dpo(config, [one], policy=thinker, reference="init", out=tmp_path / "out")
    with pytest.raises(RunError, match="pairs"):
        train_dpo(config, [one.swapped()], policy=thinker, reference="init", out=tmp_path / "out")


def test_plain_pairs_are_the_same_training_whether_thoughts_are_learned_or_not(
    thinker: Path, tmp_path: Path
) -> None:
    pairs, written = make_pairs(4), []
    for train_on in ("all", "answer"):
        config = DPOConfig(steps=2, train_on=train_on, **SHORT)  # type: ignore[arg-type]
        summary = train_dpo(config, pairs, policy=thinker, reference="init", out=tmp_path / train_on)
        assert not {"thoughts", "masked_tokens"} & summary.counts["pairs"].keys()
        written.append((tmp_path / train_on / "model.safetensors").read_bytes())
    assert written[0] == written[1]


def test_imitation_learns_the_turns_of_a_side(thinker: Path, tmp_path: Path) -> None:
    whole = Example(messages=(*PAIRS[2].prompt, *PAIRS[2].chosen), learned=3)
    last = replace(whole, learned=1)
    found = []
    for name, each in (("whole", whole), ("last", last)):
        config = SFTConfig(steps=2, **SHORT)
        summary = train_sft(config, [each], policy=thinker, out=tmp_path / name)
        found.append(summary.counts["examples"]["thought_tokens"])
        assert summary.figures["loss"] > 0
    assert found[0] > found[1] > 0


def test_a_reward_model_takes_sides_of_turns_and_no_train_on(thinker: Path, tmp_path: Path) -> None:
    summary = train_reward(RewardConfig(steps=2, **SHORT), PAIRS, base=thinker, out=tmp_path / "out")
    assert summary.counts["pairs"]["trained"] == 3
    assert "masked_tokens" not in summary.counts["pairs"]
    with pytest.raises(RecipeError, match="train_on"):
        RewardConfig(train_on="answer")
    with pytest.raises(RecipeError, match="one of all, answer"):
        DPOConfig(train_on="thought")  # type: ignore[arg-type]


def test_turns_of_weight_0_are_counted_and_make_another_training(thinker: Path, tmp_path: Path) -> None:
    messages, config = (user("why so"), said("so"), user("and"), said("no")), SFTConfig(steps=1, **SHORT)
    whole = Example(messages=messages, learned=3)
    last = replace(whole, messages=(messages[0], replace(messages[1], extra={"weight": 0}), *messages[2:]))
    counts = train_sft(config, [whole], policy=thinker, out=tmp_path / "out").counts["examples"]
    assert "unlearned_turns" not in counts
    with pytest.raises(RunError, match="examples"):
        train_sft(config, [last], policy=thinker, out=tmp_path / "out")
    summary = train_sft(config, [last], policy=thinker, out=tmp_path / "last")
    assert summary.counts["examples"]["unlearned_turns"] == 1
