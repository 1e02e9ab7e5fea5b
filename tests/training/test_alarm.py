"""An injected alarm: it only warns, stops a training, or gives it the weights of before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rlaif.errors import RunError, ThresholdError
from rlaif.records import AlarmAction, AlarmReading
from rlaif.training import GRPOConfig, SFTConfig, train_online, train_sft

from .builders import make_examples, read_weights, same_weights
from .conftest import MakeDirectory

CONFIG = SFTConfig(steps=6, batch_size=2, learning_rate=2e-3, checkpoint_every=3, trackers=())
SCORES = {0: 0.2, 2: 0.6, 4: 0.5, 6: 0.1}


class ScriptedAlarm:
    """Rings at the first look whose score is below a limit; keeps the weights that it was shown."""

    every = 2

    def __init__(self, do: AlarmAction, scores: Mapping[int, float] = SCORES, limit: float = 0.55) -> None:
        self.do: AlarmAction = do
        self.scores, self.limit = scores, limit
        self.seen: list[int] = []
        self.shown: dict[int, dict[str, torch.Tensor]] = {}

    @property
    def fingerprint(self) -> str:
        return f"{self.do} below {self.limit}"

    def begin(self, done: int) -> AlarmReading:
        self.seen = [step for step in self.scores if step <= done and step % self.every == 0]
        return self._reading({})

    def look(self, step: int, policy: Path) -> AlarmReading:
        self.seen = [*(each for each in self.seen if each < step), step]
        self.shown[step] = {name: each.clone() for name, each in read_weights(policy).items()}
        return self._reading({"score": self.scores[step]})

    def _reading(self, figures: Mapping[str, float]) -> AlarmReading:
        best = max(self.seen, key=lambda each: (self.scores[each], -each))
        low = [each for each in self.seen if each and self.scores[each] < self.limit]
        return AlarmReading(
            figures=figures,
            rings=f"the score is low after step {low[0]}" if low else "",
            best=best == self.seen[-1],
            best_step=best,
        )


def test_before_the_first_step_the_alarm_looks_at_the_weights_as_they_were(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    alarm, policy = ScriptedAlarm("warn"), model_dir()
    train_sft(CONFIG, make_examples(6), policy=policy, out=tmp_path / "out", alarm=alarm)
    assert list(alarm.shown) == [0, 2, 4, 6]
    assert all(torch.equal(each, alarm.shown[0][name]) for name, each in read_weights(policy).items())


def test_an_alarm_that_warns_changes_nothing_and_says_why_it_rang(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    policy = model_dir()
    plain = train_sft(CONFIG, make_examples(6), policy=policy, out=tmp_path / "plain")
    warned = train_sft(
        CONFIG, make_examples(6), policy=policy, out=tmp_path / "warned", alarm=ScriptedAlarm("warn")
    )
    assert same_weights(tmp_path / "plain", tmp_path / "warned")
    assert plain.notes == ()
    assert warned.notes == ("the score is low after step 4",)
    lines = [json.loads(line) for line in (tmp_path / "warned" / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("alarm/score") for line in lines] == [None, 0.6, None, 0.5, None, 0.1]


def test_a_training_that_its_alarm_stopped_goes_on_where_it_only_warns(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    policy, out = model_dir(), tmp_path / "stopped"
    with pytest.raises(ThresholdError, match="stopped after step 4 by the alarm: the score is low"):
        train_sft(CONFIG, make_examples(6), policy=policy, out=out, alarm=ScriptedAlarm("stop"))
    with pytest.raises(ThresholdError, match="stopped after step 4"):
        train_sft(CONFIG, make_examples(6), policy=policy, out=out, alarm=ScriptedAlarm("stop"))
    train_sft(CONFIG, make_examples(6), policy=policy, out=out, alarm=ScriptedAlarm("warn"))
    train_sft(CONFIG, make_examples(6), policy=policy, out=tmp_path / "plain")
    assert same_weights(out, tmp_path / "plain")


def test_back_writes_the_best_weights_before_the_alarm(model_dir: MakeDirectory, tmp_path: Path) -> None:
    out, alarm = tmp_path / "out", ScriptedAlarm("back")
    summary = train_sft(CONFIG, make_examples(6), policy=model_dir(), out=out, alarm=alarm)
    assert (summary.steps, summary.best_step) == (4, 2)
    assert summary.notes == ("the score is low after step 4. The weights are those after step 2",)
    written = read_weights(out)
    assert all(torch.equal(each, written[name]) for name, each in alarm.shown[2].items())
    assert not (out / ".training").exists()


def test_after_a_stop_the_same_training_can_be_taken_back(model_dir: MakeDirectory, tmp_path: Path) -> None:
    policy, out = model_dir(), tmp_path / "out"
    stopped = ScriptedAlarm("stop")
    with pytest.raises(ThresholdError):
        train_sft(CONFIG, make_examples(6), policy=policy, out=out, alarm=stopped)
    train_sft(CONFIG, make_examples(6), policy=policy, out=out, alarm=ScriptedAlarm("back"))
    written = read_weights(out)
    assert all(torch.equal(each, written[name]) for name, each in stopped.shown[2].items())


@pytest.mark.parametrize("place", [1, 2, 3, 4])
def test_a_training_that_was_interrupted_goes_back_to_the_same_weights(
    model_dir: MakeDirectory, tmp_path: Path, place: int
) -> None:
    policy, config = model_dir(), replace(CONFIG, checkpoint_every=1)
    train_sft(config, make_examples(6), policy=policy, out=tmp_path / "whole", alarm=ScriptedAlarm("back"))

    def dies(step: int, *_: object) -> None:
        if step == place:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_sft(
            config,
            make_examples(6),
            policy=policy,
            out=tmp_path / "cut",
            alarm=ScriptedAlarm("back"),
            progress=dies,
        )
    train_sft(config, make_examples(6), policy=policy, out=tmp_path / "cut", alarm=ScriptedAlarm("back"))
    assert same_weights(tmp_path / "whole", tmp_path / "cut")


def test_what_an_alarm_took_back_is_not_given_to_whoever_asks_without_it(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    policy, out = model_dir(), tmp_path / "out"
    first = train_sft(CONFIG, make_examples(6), policy=policy, out=out, alarm=ScriptedAlarm("back"))
    again = train_sft(CONFIG, make_examples(6), policy=policy, out=out, alarm=ScriptedAlarm("back"))
    assert again.best_step == first.best_step
    with pytest.raises(RunError, match="its alarm took it back to step 2"):
        train_sft(CONFIG, make_examples(6), policy=policy, out=out)


def test_an_alarm_that_never_rings_takes_nothing_back(model_dir: MakeDirectory, tmp_path: Path) -> None:
    policy = model_dir()
    quiet = ScriptedAlarm("back", {step: step / 10 for step in SCORES}, limit=0.0)
    train_sft(CONFIG, make_examples(6), policy=policy, out=tmp_path / "quiet", alarm=quiet)
    train_sft(CONFIG, make_examples(6), policy=policy, out=tmp_path / "plain")
    assert same_weights(tmp_path / "quiet", tmp_path / "plain")


def test_reinforcement_learning_asks_its_alarm_too(model_dir: MakeDirectory, tmp_path: Path) -> None:
    from .online.helpers import Counted, prompts

    config = GRPOConfig(
        steps=4, batch_size=2, n=3, max_tokens=8, learning_rate=3e-3, truncated="keep", trackers=()
    )
    alarm = ScriptedAlarm("back")
    summary = train_online(
        config,
        prompts(),
        Counted(lambda each: float(len(each.text))),
        policy=model_dir(),
        out=tmp_path / "out",
        alarm=alarm,
    )
    assert (list(alarm.shown), summary.best_step) == ([0, 2, 4], 2)
