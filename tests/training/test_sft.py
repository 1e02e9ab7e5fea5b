"""Imitation: the last turn is learned, token by token, and nothing before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rlaif.errors import ThresholdError
from rlaif.training import SFTConfig, train_sft
from rlaif.training.models import open_causal
from rlaif.training.packing import pack
from rlaif.training.scorer import BranchScorer
from rlaif.training.sft import Imitation
from rlaif.training.spans import Spans

from .builders import example, make_examples
from .conftest import MakeDirectory


def history(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_the_examples_are_learned(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = SFTConfig(steps=40, batch_size=4, learning_rate=3e-3, schedule="constant")
    train_sft(
        config, [example("a", "mix flour"), example("b", "never")], policy=model_dir(), out=tmp_path / "out"
    )
    lines = history(tmp_path / "out")
    assert lines[-1]["loss"] < 0.1 < lines[0]["loss"]
    assert lines[-1]["mean_token_accuracy"] == 1.0


def test_the_loss_is_the_mean_over_the_answers_tokens(model_dir: MakeDirectory) -> None:
    config = SFTConfig(steps=1, batch_size=3)
    opened = open_causal(model_dir(), config)
    examples = [example("a", "mix flour and water then wait"), example("b", "no"), example("c", "yes yes")]
    objective = Imitation(config, Spans(opened.chat, opened.end_id, opened.room).examples(examples)[0])
    trees = objective.trees(0)
    batch = pack(trees, packed=True, pad_id=0, with_last=False)
    found = objective.part(0, range(3), batch, BranchScorer(opened.model, 0)(batch)).loss
    terms = []
    for tree in trees:
        row = torch.tensor([[*tree.prefix, *tree.branches[0]]])
        labels = torch.tensor([[*[-100] * len(tree.prefix), *tree.branches[0]]])
        terms.append((opened.model(input_ids=row, labels=labels).loss, len(tree.branches[0])))
    expected = sum(loss * count for loss, count in terms) / sum(count for _, count in terms)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def test_passes_of_any_size_make_the_same_step(model_dir: MakeDirectory, tmp_path: Path) -> None:
    for tokens in (15, 10_000):
        config = SFTConfig(steps=2, batch_size=6, batch_tokens=tokens, learning_rate=1e-3)
        train_sft(config, make_examples(9), policy=model_dir(), out=tmp_path / str(tokens))
    for one, other in zip(history(tmp_path / "15"), history(tmp_path / "10000"), strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)
        assert one["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-4)


def test_an_epoch_takes_every_example_once(model_dir: MakeDirectory, tmp_path: Path) -> None:
    summary = train_sft(
        SFTConfig(batch_size=4, epochs=2, learning_rate=1e-3),
        make_examples(9),
        policy=model_dir(),
        out=tmp_path / "out",
    )
    assert summary.steps == 5


def test_no_examples_is_said(model_dir: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(ThresholdError):
        train_sft(SFTConfig(), [], policy=model_dir(), out=tmp_path / "out")
