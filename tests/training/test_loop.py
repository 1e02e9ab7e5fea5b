"""The schedule, the optimizer's groups, the log."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rlaif.training import DPOConfig, SFTConfig, train_sft
from rlaif.training.loop import learning_rate
from rlaif.training.models import default_learning_rate
from rlaif.training.progress import LiveLine, MetricsLog
from rlaif.training.summary import last_figures

from .builders import make_examples, read_weights
from .conftest import MakeDirectory


def rates(schedule: str, warmup: float, steps: int = 10) -> list[float]:
    config = SFTConfig(schedule=schedule, warmup_share=warmup)
    return [learning_rate(step, steps, config, 1.0) for step in range(steps)]


def test_a_schedules_rates_are_the_values_by_hand() -> None:
    assert rates("constant", 0.0) == [1.0] * 10
    assert rates("constant", 0.4)[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert rates("linear", 0.0) == pytest.approx([(10 - step) / 10 for step in range(10)])
    assert rates("linear", 0.2)[:3] == pytest.approx([0.5, 1.0, 1.0])
    cosine = rates("cosine", 0.0)
    assert cosine[0] == pytest.approx(1.0)
    assert cosine[5] == pytest.approx(0.5)
    wsd = rates("wsd", 0.2)
    assert wsd == pytest.approx([0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5])


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "wsd"])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.8])
def test_no_step_is_taken_at_rate_zero_or_above_the_peak(schedule: str, warmup: float) -> None:
    for steps in (1, 2, 7, 50):
        assert all(0 < rate <= 1.0 + 1e-12 for rate in rates(schedule, warmup, steps))


def test_gradients_are_clipped_to_the_norm(model_dir: MakeDirectory, tmp_path: Path) -> None:
    # one step of plain AdamW moves each weight by the rate whatever the norm: the second moment tells
    base = SFTConfig(steps=2, batch_size=2, learning_rate=1e-2, schedule="constant", warmup_share=0.0)
    for clip in (1e-6, 1.0):
        config = replace(base, clip_norm=clip)
        train_sft(config, make_examples(4), policy=model_dir(), out=tmp_path / str(clip))
    lines = [
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0])
        for name in ("1e-06", "1.0")
    ]
    # the norm that is reported is the one before clipping
    assert lines[0]["grad_norm"] == lines[1]["grad_norm"] > 1.0
    small, large = (read_weights(tmp_path / name)["model.norm.weight"] for name in ("1e-06", "1.0"))
    assert not torch.equal(small, large)


def test_weight_decay_spares_the_scales_of_norms(model_dir: MakeDirectory, tmp_path: Path) -> None:
    config = SFTConfig(
        steps=1, batch_size=1, learning_rate=1e-3, weight_decay=100.0, warmup_share=0.0, schedule="constant"
    )
    train_sft(config, make_examples(1), policy=model_dir(), out=tmp_path / "out")
    before, after = read_weights(model_dir()), read_weights(tmp_path / "out")
    assert (after["model.norm.weight"] - before["model.norm.weight"]).abs().max() < 2e-3
    shrunk = (
        after["model.layers.0.mlp.up_proj.weight"].norm() / before["model.layers.0.mlp.up_proj.weight"].norm()
    )
    assert shrunk == pytest.approx(0.9, abs=0.01)


def test_the_rate_falls_with_the_size() -> None:
    small, large = torch.nn.Linear(10, 10), torch.nn.Linear(5000, 5000)
    assert default_learning_rate(small, DPOConfig()) == 3e-4
    assert default_learning_rate(large, DPOConfig()) == 1e-5
    assert default_learning_rate(large, DPOConfig(lora=8)) == pytest.approx(2e-4)


def test_the_log_drops_what_will_be_done_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path, done=0, tensorboard=None)
    for step in (1, 2, 3):
        log.write(step, {"loss": step / 2})
    log.close()
    with path.open("a") as stream:
        stream.write('{"step": 4, "lo')
    again = MetricsLog(path, done=2, tensorboard=None)
    again.write(3, {"loss": 9.0})
    assert again.close() == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 1.0}, {"step": 3, "loss": 9.0}]


def test_tensorboard_has_every_figure(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = MetricsLog(tmp_path / "metrics.jsonl", done=0, tensorboard=tmp_path / "events")
    for step in (1, 2):
        log.write(step, {"loss": 0.5 * step, "rewards/margins": 0.1})
    log.close()
    events = EventAccumulator(str(tmp_path / "events")).Reload()
    assert set(events.Tags()["scalars"]) == {"loss", "rewards/margins"}
    assert [(each.step, each.value) for each in events.Scalars("loss")] == [(1, 0.5), (2, 1.0)]


def test_the_live_line_is_quiet_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = LiveLine("dpo")
    line(1, 2, {"loss": 0.5})
    line.close()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_last_figures_are_those_of_the_last_tenth() -> None:
    lines = [{"step": float(step), "seconds": 1.0, "loss": float(step)} for step in range(20)]
    assert last_figures(lines) == {"loss": 18.5}


def test_what_only_some_of_the_last_steps_measured_is_the_mean_over_those() -> None:
    lines = [{"step": float(step), "loss": 1.0} for step in range(40)]
    for step, value in ((10, 9.0), (37, 2.0), (39, 4.0)):
        lines[step]["held_out/accuracy"] = value
    assert last_figures(lines) == {"loss": 1.0, "held_out/accuracy": 3.0}
    assert last_figures(lines[:39]) == {"loss": 1.0, "held_out/accuracy": 2.0}  # stopped where nobody looked
    assert last_figures(lines[:36]) == {"loss": 1.0}
