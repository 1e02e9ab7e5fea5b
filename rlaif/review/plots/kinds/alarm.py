"""What the alarm of a training read at each look, and where it rang."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import fsum
from typing import Any, NamedTuple

from rlaif.errors import InputError, RunError
from rlaif.plain_files import read_json
from rlaif.review.plots.plot import HEIGHT, WIDTH, Plot, PlotSize, PlotSource
from rlaif.review.plots.style import line_style
from rlaif.runs.layout import ALARM, METRICS


class AlarmLook(NamedTuple):
    """The looks, and the reward of each step."""

    alarm: Mapping[str, Any]
    reward: Sequence[tuple[int, float]]


def _read(source: PlotSource) -> AlarmLook:
    run = source.run
    path = run / ALARM
    if not path.is_file():
        raise InputError(f"{run}: has no {ALARM}; train with an alarm: `rlaif train grpo ... --alarm warn`")
    alarm = read_json(path, RunError, "train again into another directory")
    reward = []
    if (run / METRICS).is_file():
        lines = map(json.loads, (run / METRICS).read_text(encoding="utf-8").splitlines())
        reward = [(int(each["step"]), float(each["reward"])) for each in lines if "reward" in each]
    return AlarmLook(alarm, reward)


def _draw(data: AlarmLook, figure: Any) -> None:
    reward, judge, far = figure.subplots(3, 1, sharex=True)
    checks, steps = data.alarm["checks"], [each["step"] for each in data.alarm["checks"]]
    if data.reward:
        reward.plot(*zip(*data.reward, strict=True), color=line_style(1)["color"])
    reward.set(ylabel="reward")
    scored = [(each["step"], list(each["scores"].values())) for each in checks if each["scores"]]
    if scored:
        judge.plot([step for step, _ in scored], [fsum(own) / len(own) for _, own in scored], **line_style(0))
    judge.set(ylabel="held-out judge")
    far.plot(steps, [each["kl"] or 0.0 for each in checks], **line_style(2))
    far.set(ylabel="KL, nats", xlabel="step of the training")
    rang = data.alarm["rang"]
    for axes in (reward, judge, far):
        axes.axvline(data.alarm["best"], color="0.5", linestyle=":", linewidth=1)
        if rang is not None:
            axes.axvline(rang, color="black", linestyle="--", linewidth=1)
    words = "it did not ring" if rang is None else f"it rang after step {rang}"
    reward.set_title(f"{words}; best at {data.alarm['best']}")


PLOT = Plot(
    name="alarm",
    help="reward, held-out judge and KL by step, and where the alarm rang",
    of="a training with an alarm",
    read=_read,
    draw=_draw,
    size=lambda _: PlotSize(WIDTH, 2 * HEIGHT),
)
