"""Signs of a training that goes wrong: figures by hand, sentences, stops that a higher limit lifts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.errors import ThresholdError
from rlaif.training import DPOConfig, RewardConfig, train_dpo, train_reward
from rlaif.training.configs.pairs import LIMITS
from rlaif.training.health import SIGNS, Watch, calibration_error, held_out_figures, readings

from .builders import make_pairs, same_weights
from .conftest import MakeDirectory

FIRST = {"logratios/chosen": 0.0, "length/shift": 0.0, "length/mean": 10.0, "rewards/margins": 0.0, "kl": 0.0}


def watch(tmp_path: Path, **stop: float) -> Watch:
    return Watch(stop, tmp_path / "metrics.jsonl")


def test_every_sign_can_be_a_stop() -> None:
    assert tuple(SIGNS) == LIMITS


def test_health_figures_are_the_values_by_hand() -> None:
    lines = [
        {
            "logratios/chosen": -4.0,
            "length/shift": 1.0,
            "length/mean": 10.0,
            "rewards/margins": 3.0,
            "kl": 2.0,
        },
        {
            "logratios/chosen": -8.0,
            "length/shift": 3.0,
            "length/mean": 10.0,
            "rewards/margins": 5.0,
            "kl": 4.0,
        },
    ]
    assert readings(lines, FIRST) == {
        "chosen_drop": 6.0, "length_drift": pytest.approx(0.2), "margin": 4.0, "kl": 3.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("chosen_drop", {"logratios/chosen": -30.0}),
        ("length_drift", {"length/shift": 4.0}),
        ("length_drift", {"length/shift": -4.0}),
        ("margin", {"rewards/margins": 60.0}),
        ("kl", {"kl": 120.0}),
        ("held_out_accuracy", {"held_out/accuracy": 0.3, "held_out/calibration": 0.0}),
        ("calibration", {"held_out/accuracy": 0.9, "held_out/calibration": 0.4}),
    ],
)
def test_each_sign_stops_beyond_its_limit_and_warns_in_plain_words(
    name: str, figures: dict[str, float], tmp_path: Path
) -> None:
    sign = SIGNS[name]
    strict, lax = (watch(tmp_path, **{name: limit}) for limit in (sign.warn, 0.01 if sign.below else 1e6))
    assert strict.after(1, FIRST) == ""
    assert lax.after(1, FIRST) == ""
    for step in range(2, 14):
        said = strict.after(step, FIRST | figures)
        assert lax.after(step, FIRST | figures) == ""
    assert f"stopped after step 13: {name} is" in said
    assert sign.remedy[1:] in said
    assert [each for each in lax.warnings() if each.startswith("health: ")] == lax.warnings()
    assert len(lax.warnings()) == 1
    assert watch(tmp_path).warnings() == []


@pytest.mark.parametrize(
    ("figures", "mirrored", "says", "says_of_the_mirror"),
    [
        (
            {"length/shift": 4.0},
            {"length/shift": -4.0},
            "leans to longer answers, by 40%",
            "to shorter answers, by 40%",
        ),
        (
            {"rewards/margins": 60.0},
            {"rewards/margins": -60.0},
            "the reward margin is 60: pairs are being learned by heart",
            "the reward margin is -60: rejected answers are being preferred",
        ),
        (
            {"held_out/accuracy": 0.9, "held_out/calibration": 0.4, "held_out/surer": 0.4},
            {"held_out/accuracy": 0.9, "held_out/calibration": 0.4, "held_out/surer": -0.4},
            "surer than the judge: its probability is off by 0.4. Keep labels soft",
            "less sure than the judge: its probability is off by 0.4. Train more steps",
        ),
        (
            {"logratios/chosen": -30.0},
            {"logratios/chosen": 30.0},
            "have become less likely, by 30 nats",
            None,
        ),
        ({"kl": 120.0}, {"kl": 0.0}, "120 nats per answer away from its reference", None),
        ({"held_out/accuracy": 0.3}, {"held_out/accuracy": 0.7}, "30.0% are told right", None),
    ],
)
def test_words_say_the_direction_of_a_fault_and_of_its_mirror_image(
    figures: dict[str, float],
    mirrored: dict[str, float],
    says: str,
    says_of_the_mirror: str | None,
    tmp_path: Path,
) -> None:
    for given, expected in ((figures, says), (mirrored, says_of_the_mirror)):
        seen = watch(tmp_path)
        seen.after(1, FIRST)
        for step in range(2, 14):
            seen.after(step, FIRST | given)
        said = seen.warnings()
        assert said == [] if expected is None else expected in said[0]


def test_a_policy_is_surer_or_less_sure_than_its_judge() -> None:
    label = torch.tensor([0.8, 0.8])
    assert held_out_figures(torch.tensor([4.0, 4.0]), label)["held_out/surer"] == pytest.approx(
        0.182, abs=1e-3
    )
    assert held_out_figures(torch.tensor([0.1, 0.1]), label)["held_out/surer"] == pytest.approx(
        -0.275, abs=1e-3
    )
    # sure of the side that the judge calls worse is surer than the judge
    assert held_out_figures(torch.tensor([-4.0, -4.0]), label)["held_out/surer"] > 0.7


def test_a_resumed_watch_judges_as_the_one_never_killed(tmp_path: Path) -> None:
    lines = [{"step": step, **FIRST, "kl": float(step)} for step in range(1, 9)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in lines))
    whole, resumed = watch(tmp_path, kl=5.0), watch(tmp_path, kl=5.0)
    assert whole.begin(0) == ""
    said = [whole.after(int(each["step"]), each) for each in lines]
    assert said[-1] == ""
    assert resumed.begin(8) == ""
    assert resumed.figures() == whole.figures()
    assert "above its limit" in watch(tmp_path, kl=4.0).begin(8)


def test_calibration_error_and_held_out_figures_are_the_values_by_hand() -> None:
    logits = torch.tensor([math.log(0.8 / 0.2), math.log(0.6 / 0.4)])
    assert calibration_error(logits, torch.tensor([0.8, 0.6])) == pytest.approx(0.0, abs=1e-7)
    assert calibration_error(logits, torch.tensor([1.0, 0.5])) == pytest.approx((0.2 + 0.1) / 2)
    found = held_out_figures(torch.tensor([1.0, -1.0, 3.0]), torch.tensor([0.9, 0.9, 0.9]))
    assert found["held_out/accuracy"] == pytest.approx(2 / 3)
    assert found["held_out/margin"] == pytest.approx(1.0)


def test_a_stop_keeps_what_is_trained_and_a_higher_limit_goes_on_to_the_same_weights(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    config = DPOConfig(steps=8, batch_size=4, learning_rate=5e-3)
    given: Any = {"policy": model_dir(), "reference": "previous", "pairs": make_pairs(8)}
    with pytest.raises(ThresholdError, match="kl is") as stopped:
        train_dpo(replace(config, stop={"kl": 1e-4}), out=tmp_path / "out", **given)
    assert "goes on" in str(stopped.value)
    assert not (tmp_path / "out/train.json").exists()
    with pytest.raises(ThresholdError):  # the same limit: not one step more
        train_dpo(replace(config, stop={"kl": 1e-4}), out=tmp_path / "out", **given)
    done = len((tmp_path / "out/metrics.jsonl").read_text().splitlines())
    train_dpo(replace(config, stop={"kl": 1e6}), out=tmp_path / "out", **given)
    assert done < 8
    train_dpo(config, out=tmp_path / "never", **given)
    assert same_weights(tmp_path / "out", tmp_path / "never")


@pytest.mark.parametrize(("steps", "every"), [(4, 2), (22, 7), (22, 22)])
@pytest.mark.parametrize("method", ["dpo", "reward"])
def test_held_out_pairs_are_looked_at_and_not_trained_on(
    method: str, steps: int, every: int, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    shared: Any = {"steps": steps, "batch_size": 4, "held_out": 0.25, "held_out_every": every}
    shared |= {"learning_rate": 1e-3}
    if method == "dpo":
        summary = train_dpo(
            DPOConfig(**shared),
            make_pairs(12),
            policy=model_dir(),
            reference="previous",
            out=tmp_path / "out",
        )
    else:
        summary = train_reward(RewardConfig(**shared), make_pairs(12), base=model_dir(), out=tmp_path / "out")
    assert summary.counts["held_out"] == 3
    assert summary.counts["pairs"]["trained"] == 9
    lines = [json.loads(line) for line in (tmp_path / "out/metrics.jsonl").read_text().splitlines()]
    looked = [step for step, line in enumerate(lines, 1) if "held_out/accuracy" in line]
    assert looked == sorted({*range(every, steps + 1, every), steps})
    # the last tenth holds steps that measured it and steps that did not
    said = [
        line["held_out/accuracy"] for line in lines[-2 if steps > 20 else -1 :] if "held_out/accuracy" in line
    ]
    assert summary.figures["held_out/accuracy"] == pytest.approx(sum(said) / len(said))
