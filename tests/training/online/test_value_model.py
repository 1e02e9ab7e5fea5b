"""A value model reads before each token what its own model says there; what it begins as is what it says first."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from rlaif.training import PPOConfig, RewardConfig, train_reward
from rlaif.training.models import open_causal
from rlaif.training.online.reading import TreeReader
from rlaif.training.online.value_model import ValuedScorer, attach_value_model
from rlaif.training.packing import Tree
from tests.training.builders import make_pairs
from tests.training.conftest import MakeDirectory

from .helpers import SMALL

CONFIG = PPOConfig(**SMALL, value="models/rm")


@pytest.mark.parametrize("packed", [True, False])
def test_before_each_token_it_says_what_the_reward_model_says_of_the_text_so_far(
    packed: bool, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    folder = train_reward(
        RewardConfig(steps=2, batch_size=4, learning_rate=2e-3),
        make_pairs(8),
        base=model_dir(),
        out=tmp_path / "rm",
    ).out
    opened = open_causal(model_dir(), CONFIG)
    scorer = ValuedScorer(opened.model, opened.pad_id)
    tree = Tree((5, 6, 7, 8), ((9, 10, 11), (12, 13)))
    attach_value_model(scorer, folder, CONFIG, [tree], packed=packed)
    [read] = TreeReader(scorer, packed=packed, batch_tokens=100)([tree])
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for branch, values in zip(tree.branches, read.values, strict=True):
        for place, value in enumerate(values.tolist()):
            seen = torch.tensor([[*tree.prefix, *branch[:place]]])
            with torch.no_grad():
                wanted = float(plain(seen).logits[0, 0])
            assert value == pytest.approx(wanted, abs=1e-4)


def test_it_rests_where_the_reference_is_read(model_dir: MakeDirectory) -> None:
    opened = open_causal(model_dir(), CONFIG)
    scorer, tree = ValuedScorer(opened.model, opened.pad_id), Tree((5, 6), ((9, 10),))
    attach_value_model(scorer, model_dir(), CONFIG, [tree], packed=True)
    read = TreeReader(scorer, packed=True, batch_tokens=100)
    with scorer.without_values():
        assert read([tree])[0].values == []
    [values] = read([tree])[0].values
    assert len(values) == 2
