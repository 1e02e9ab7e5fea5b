"""An injected evaluator: the best weights are the ones written, and training stops when nothing gets better."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rlaif.errors import InputError, RecipeError
from rlaif.training import SFTConfig, train_sft
from rlaif.training.best import EvaluationStanding, figure_of, standing
from rlaif.training.runner import snapshot_directory

from .builders import make_examples, read_weights
from .conftest import MakeDirectory

CONFIG = SFTConfig(steps=6, batch_size=2, learning_rate=2e-3, evaluate_every=2, patience=1)


class Scripted:
    """Says what it was told to, and keeps the weights that it was shown."""

    def __init__(self, out: Path, values: Mapping[int, float]) -> None:
        self.folder, self.values = snapshot_directory(out), values
        self.shown: dict[int, dict[str, torch.Tensor]] = {}

    def evaluate(self, step: int) -> Mapping[str, float]:
        self.shown[step] = {name: each.clone() for name, each in read_weights(self.folder).items()}
        return {"win_rate": self.values[step], "length": float(step)}


def test_the_best_weights_are_written_and_training_stops(model_dir: MakeDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluator = Scripted(out, {2: 0.6, 4: 0.5, 6: 0.9})
    summary = train_sft(CONFIG, make_examples(6), policy=model_dir(), out=out, evaluator=evaluator)
    assert list(evaluator.shown) == [2, 4]
    assert (summary.steps, summary.best_step) == (4, 2)
    assert summary.notes == (
        "stopped after step 4: win_rate has not risen above 0.6, its value after step 2, in 1 evaluations",
    )
    written = read_weights(out)
    assert all(torch.equal(each, written[name]) for name, each in evaluator.shown[2].items())
    assert not all(torch.equal(each, written[name]) for name, each in evaluator.shown[4].items())
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("evaluation/win_rate") for line in lines] == [None, 0.6, None, 0.5]
    assert not snapshot_directory(out).exists()


def test_without_patience_training_goes_on_and_the_best_is_kept(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    evaluator = Scripted(out, {2: 0.5, 4: 0.6, 5: 0.1})
    config = replace(CONFIG, steps=5, patience=0)
    summary = train_sft(config, make_examples(6), policy=model_dir(), out=out, evaluator=evaluator)
    assert list(evaluator.shown) == [2, 4, 5]  # the last step is always looked at
    assert (summary.steps, summary.best_step, summary.notes) == (5, 4, ())
    written = read_weights(out)
    assert all(torch.equal(each, written[name]) for name, each in evaluator.shown[4].items())


def test_an_adapter_is_shown_merged_and_its_best_is_written(model_dir: MakeDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluator = Scripted(out, {2: 0.6, 4: 0.5})
    config = replace(CONFIG, lora=2)
    train_sft(config, make_examples(6), policy=model_dir(), out=out, evaluator=evaluator)
    written = read_weights(out)
    assert written.keys() == evaluator.shown[2].keys()
    for name, each in evaluator.shown[2].items():
        torch.testing.assert_close(each, written[name], rtol=1e-6, atol=1e-7)
    base = read_weights(model_dir())
    assert any(not torch.equal(base[name], each) for name, each in evaluator.shown[2].items())


def test_another_figure_can_be_watched(model_dir: MakeDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluator = Scripted(out, {2: 0.6, 4: 0.5, 6: 0.4})
    config = replace(CONFIG, evaluate_figure="length")
    summary = train_sft(config, make_examples(6), policy=model_dir(), out=out, evaluator=evaluator)
    assert summary.best_step == 6


def test_a_figure_that_is_not_there_is_refused(model_dir: MakeDirectory, tmp_path: Path) -> None:
    out = tmp_path / "out"
    config = replace(CONFIG, evaluate_figure="gold")
    with pytest.raises(InputError, match="gives no 'gold'; it gives: win_rate, length"):
        train_sft(config, make_examples(6), policy=model_dir(), out=out, evaluator=Scripted(out, {2: 0.6}))


def test_an_evaluator_and_its_interval_belong_together(model_dir: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no evaluator is given"):
        train_sft(CONFIG, make_examples(6), policy=model_dir(), out=tmp_path / "out")
    config = replace(CONFIG, evaluate_every=0, patience=0)
    evaluator = Scripted(tmp_path, {})
    with pytest.raises(RecipeError, match="evaluate_every is 0, yet an evaluator is given"):
        train_sft(config, make_examples(6), policy=model_dir(), out=tmp_path / "out", evaluator=evaluator)
    assert not (tmp_path / "out").exists()


def test_the_standing_is_that_of_the_log() -> None:
    lines = [
        {"step": 1.0, "loss": 1.0},
        {"step": 2.0, "evaluation/gold": 0.5},
        {"step": 4.0, "evaluation/gold": 0.7},
        {"step": 6.0, "evaluation/gold": 0.7},
        {"step": 8.0, "evaluation/gold": 0.6},
    ]
    found = standing(lines, "gold")
    assert found == (4, 0.7, 2)  # an equal is no rise
    assert found.stops(2)
    assert not found.stops(3)
    assert not found.stops(0)
    assert standing([], "gold") == EvaluationStanding()


def test_the_first_figure_is_watched_unless_one_is_named() -> None:
    assert figure_of({"gold": 0.5, "length": 3.0}, None) == ("gold", 0.5)
    assert figure_of({"gold": 0.5, "length": 3.0}, "length") == ("length", 3.0)
    with pytest.raises(InputError, match="nothing"):
        figure_of({}, None)
