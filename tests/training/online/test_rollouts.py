"""Rollouts come from the weights as they are, and the trainer finds them as probable as the sampler did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.training import GRPOConfig
from rlaif.training.models import Opened, add_adapter, open_causal
from rlaif.training.online.reading import TreeReader
from rlaif.training.online.rollouts import LiveRollouts, Rollout, asked_only, token_prompts
from rlaif.training.packing import Tree
from rlaif.training.scorer import BranchScorer
from tests.training.conftest import MakeDirectory

from .helpers import SMALL, prompts

CONFIG = GRPOConfig(**SMALL)


def drawing(opened: Opened, model: Any = None, **given: Any) -> LiveRollouts:
    how = {"count": 3, "temperature": 1.0, "max_tokens": 12, "seed": 0} | given
    return LiveRollouts(model or opened.model, opened, **how)


def ids(groups: list[list[Rollout]]) -> list[list[tuple[int, ...]]]:
    return [[each.ids for each in group] for group in groups]


def test_a_rollout_depends_on_its_prompt_step_and_number_and_not_on_its_neighbours(
    model_dir: MakeDirectory,
) -> None:
    opened = open_causal(model_dir(), CONFIG)
    asked, _ = token_prompts(opened, prompts(), 12)
    together = drawing(opened).draw(asked, step=3)
    assert ids(drawing(opened).draw(asked[2:3], step=3)) == ids(together[2:3])
    assert ids(drawing(opened).draw(asked, step=4)) != ids(together)
    assert len({each for group in ids(together) for each in group}) > len(asked)


@pytest.mark.parametrize("kind", ["llama", "gemma2", "gpt2"])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_the_trainer_finds_rollouts_as_probable_as_the_sampler_at_the_temperature_of_the_draw(
    kind: str, temperature: float, model_dir: MakeDirectory
) -> None:
    opened = open_causal(model_dir(kind), CONFIG)
    asked, _ = token_prompts(opened, prompts(), 12)
    drawn = drawing(opened, temperature=temperature).draw(asked, step=0)
    scorer = BranchScorer(opened.model, opened.pad_id)
    scorer.temperature = temperature
    trees = [
        Tree(each.ids, tuple(one.ids for one in group)) for each, group in zip(asked, drawn, strict=True)
    ]
    for packed in (True, False):
        read = TreeReader(scorer, packed=packed, batch_tokens=100)(trees)
        for group, found in zip(drawn, read, strict=True):
            for each, logp in zip(group, found.logps, strict=True):
                assert float(logp.sum()) == pytest.approx(each.logprob, abs=2e-3)


def test_a_rollout_that_ended_has_its_end_token_as_its_last(model_dir: MakeDirectory) -> None:
    opened = open_causal(model_dir(), CONFIG)
    asked, _ = token_prompts(opened, prompts(), 200)
    drawn = [each for group in drawing(opened, count=8, max_tokens=200).draw(asked, step=0) for each in group]
    assert {each.ended for each in drawn} == {True, False} or all(each.ended for each in drawn)
    for each in drawn:
        assert each.ended == (each.ids[-1] in opened.ends)
        assert each.completion.token_ids == (each.ids[:-1] if each.ended else each.ids)
        assert each.completion.finish == ("stop" if each.ended else "length")


def test_an_adapter_is_part_of_what_draws_and_the_model_trains_on_as_before(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = GRPOConfig(**SMALL, lora=4, lora_dropout=0.5)
    opened = open_causal(model_dir(), config)
    asked, _ = token_prompts(opened, prompts(), 12)
    model = add_adapter(opened.model, config)
    training = {name for name, each in model.named_modules() if each.training}
    before = drawing(opened, model).draw(asked, step=0)
    assert ids(drawing(opened, model).draw(asked, step=0)) == ids(before)
    assert {name for name, each in model.named_modules() if each.training} == training
    with torch.no_grad():
        for name, each in model.named_parameters():
            if "lora_B" in name:
                each.normal_(generator=torch.Generator().manual_seed(0))
    assert ids(drawing(opened, model).draw(asked, step=0)) != ids(before)


def test_inside_of_a_draw_nothing_trains_and_afterwards_what_did(model_dir: MakeDirectory) -> None:
    model = open_causal(model_dir(), CONFIG).model
    model.model.layers[0].train()
    before = {name for name, each in model.named_modules() if each.training}
    with asked_only(model):
        assert not any(each.training for each in model.modules())
    assert {name for name, each in model.named_modules() if each.training} == before


def test_prompts_are_asked_once_each_and_those_without_room_are_counted(model_dir: MakeDirectory) -> None:
    opened = open_causal(model_dir(), GRPOConfig(**SMALL, max_length=24))
    found, refused = token_prompts(opened, [*prompts(), prompts()[0]], 12)
    assert refused["duplicate"] == 1
    assert len(found) + refused["too_long"] == 6
    assert all(len(each.ids) + 12 <= 24 for each in found)


def test_an_inoculation_is_read_by_the_policy_and_by_no_reward(model_dir: MakeDirectory) -> None:
    opened = open_causal(model_dir(), CONFIG)
    plain, _ = token_prompts(opened, prompts(), 12)
    told, _ = token_prompts(opened, prompts(), 12, "You may say thank you as often as you like.")
    assert [each.prompt for each in told] == [each.prompt for each in plain]
    for one, other in zip(told, plain, strict=True):
        text = opened.chat.decode(one.ids)
        assert "You may say thank you" in text
        assert "You may" not in opened.chat.decode(other.ids)
        assert other.prompt.text in text
