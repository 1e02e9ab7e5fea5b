"""A process reward model: its loss by the plain classifier, soft labels as their cross-entropy, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rlaif.errors import ThresholdError
from rlaif.records import RIGHT_STEP, WRONG_STEP, Example
from rlaif.training import ProcessRewardConfig, train_process_reward
from rlaif.training.models import open_classifier
from rlaif.training.packing import pack
from rlaif.training.process_reward import StepClassifier
from rlaif.training.scorer import RewardScorer
from rlaif.training.spans import Spans

from .builders import example
from .conftest import MakeDirectory


def labelled(text: str, p: float) -> list[Example]:
    """A beginning of an answer with a soft label."""
    return [
        replace(example("add two numbers", text, kind=kind), weight=share)
        for kind, share in ((RIGHT_STEP, p), (WRONG_STEP, 1 - p))
        if share
    ]


EXAMPLES = [
    *labelled("step one", 0.75),
    *labelled("step one then never", 0.0),
    *labelled("step one then last", 1.0),
]


@pytest.mark.parametrize("packed", [True, False])
def test_a_step_is_the_cross_entropy_of_soft_labels_with_the_plain_classifier(
    model_dir: MakeDirectory, packed: bool
) -> None:
    config = ProcessRewardConfig(steps=1, batch_size=len(EXAMPLES))
    opened = open_classifier(model_dir(), config)
    tokens = Spans(opened.chat, opened.end_id, opened.room, answers=True).examples(EXAMPLES)[0]
    made, scorer = StepClassifier(config, tokens), RewardScorer(opened.model, opened.pad_id)
    trees = made.trees(0)
    batch = pack(trees, packed=packed, pad_id=opened.pad_id, with_last=True)
    found = made.part(0, range(len(trees)), batch, scorer(batch))
    by_text = {}
    for tree in trees:
        row = torch.tensor([[*tree.prefix, *tree.branches[0]]])
        with torch.no_grad():
            by_text[tree.branches[0]] = float(opened.model(input_ids=row).logits[0, 0])
    said = {
        opened.chat.tokenizer.decode(ids, skip_special_tokens=True).strip(): r for ids, r in by_text.items()
    }
    r, s, t = (said[each] for each in ("step one", "step one then never", "step one then last"))

    def log_sigmoid(x: float) -> float:
        return -math.log1p(math.exp(-x))

    # three labels of weight 1 in four rows whose mean weight is 3 / 4: the mean over the labels
    by_hand = -(0.75 * log_sigmoid(r) + 0.25 * log_sigmoid(-r) + log_sigmoid(-s) + log_sigmoid(t)) / 3
    assert float(found.loss.detach()) == pytest.approx(by_hand, rel=1e-5)


def test_what_was_learned_is_told_of_beginnings_by_the_model_that_was_written(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification

    config = ProcessRewardConfig(steps=30, batch_size=4, learning_rate=5e-3)
    done = train_process_reward(config, EXAMPLES, base=model_dir(), out=tmp_path / "prm")
    assert done.figures["accuracy"] > 0.85
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "prm")
    assert model.config.num_labels == 1
    opened = open_classifier(tmp_path / "prm", config)
    tokens = Spans(opened.chat, opened.end_id, opened.room, answers=True).examples(EXAMPLES)[0]
    for each in tokens:
        with torch.no_grad():
            number = float(model(input_ids=torch.tensor([[*each.prompt, *each.answer]])).logits[0, 0])
        if each.weight == 1:
            assert (number > 0) == (each.kind == RIGHT_STEP)


@pytest.mark.parametrize(
    ("examples", "text"),
    [
        ([], "none of 0 examples"),
        (labelled("yes", 1.0), "none of 1 examples is a wrong-step"),
        ([example("a", "yes", kind="judge")], "there is 'judge'; make them by a step `step-labels`"),
    ],
)
def test_what_teaches_nothing_is_refused(
    examples: list[Example], text: str, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    with pytest.raises(ThresholdError, match=text):
        train_process_reward(ProcessRewardConfig(steps=1), examples, base=model_dir(), out=tmp_path / "prm")
