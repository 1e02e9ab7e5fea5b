"""Whether a training is going well: six figures, each with a plain sentence, a line worth a warning, and a stop.

Figures are means over the last steps, read from the log, so that a resumed run judges as the one never killed.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

WINDOW = 10
"""Steps whose mean is looked at."""
BINS = 10


class Sign(NamedTuple):
    """One way of going wrong."""

    name: str
    warn: float
    """Beyond it, the summary says so."""
    below: bool
    """Whether small is bad."""
    says: str
    """With `{value}` for the figure."""
    remedy: str
    mirror: tuple[str, str] | None = None
    """What it says and what to do where the figure is below zero; None: then nothing is wrong."""

    def beyond(self, value: float, limit: float) -> bool:
        """Whether the figure is on the wrong side of a limit, on either side of zero where both are wrong."""
        return value < limit if self.below else (abs(value) if self.mirror else value) > limit

    def sentences(self, value: float) -> tuple[str, str]:
        """What is wrong, and what to do about it."""
        says, remedy = self.mirror if self.mirror and value < 0 else (self.says, self.remedy)
        return says.format(value=abs(value) if self.mirror else value), f"{remedy[0].upper()}{remedy[1:]}"


LENGTH = "take the loss sigmoid_norm, ld or rdpo, or look at the judge's own taste for length (rlaif audit)"
SIGNS: Mapping[str, Sign] = {
    each.name: each
    for each in (
        Sign(
            "chosen_drop",
            10.0,
            False,
            "chosen answers have become less likely, by {value:.3g} nats each: the margin comes of pushing both down",
            "raise nll (0.05 to 0.2) or beta, or take the loss dpop",
        ),
        Sign(
            "length_drift",
            0.2,
            False,
            "the policy leans to longer answers, by {value:.0%} of their mean",
            LENGTH,
            ("the policy leans to shorter answers, by {value:.0%} of their mean", LENGTH),
        ),
        Sign(
            "margin",
            20.0,
            False,
            "the reward margin is {value:.3g}: pairs are being learned by heart",
            "train fewer steps, lower learning_rate, raise beta, or keep labels soft",
            (
                "the reward margin is -{value:.3g}: rejected answers are being preferred to chosen ones",
                "see that labels are not the wrong way round (rlaif audit), and lower learning_rate",
            ),
        ),
        Sign(
            "kl",
            50.0,
            False,
            "the policy is {value:.3g} nats per answer away from its reference",
            "raise beta, lower learning_rate or train fewer steps",
        ),
        Sign(
            "held_out_accuracy",
            0.5,
            True,
            "of pairs not trained on, {value:.1%} are told right",
            "more pairs, fewer steps, or a judge that agrees with itself (rlaif audit)",
        ),
        Sign(
            "calibration",
            0.15,
            False,
            "on pairs not trained on, the policy is surer than the judge: its probability is off by {value:.3g}",
            "keep labels soft, raise beta, or train fewer steps",
            (
                "on pairs not trained on, the policy is less sure than the judge: its probability is off by "
                "{value:.3g}",
                "train more steps, raise learning_rate, or lower beta",
            ),
        ),
    )
}


def readings(lines: Sequence[Mapping[str, float]], first: Mapping[str, float]) -> dict[str, float]:
    """What the signs are now, from the last lines of the log and its first."""
    found: dict[str, float] = {}
    if "logratios/chosen" in first:
        found["chosen_drop"] = first["logratios/chosen"] - _mean(lines, "logratios/chosen")
    if "length/mean" in first:
        shift = _mean(lines, "length/shift") - first["length/shift"]
        found["length_drift"] = shift / max(_mean(lines, "length/mean"), 1e-9)
    for name, column in (("margin", "rewards/margins"), ("margin", "margin"), ("kl", "kl")):
        if column in first:
            found[name] = _mean(lines, column)
    for line in lines:
        if "held_out/accuracy" in line:
            found["held_out_accuracy"] = line["held_out/accuracy"]
        if "held_out/calibration" in line:
            found["calibration"] = math.copysign(
                line["held_out/calibration"], line.get("held_out/surer", 1.0)
            )
    return found


class Watch:
    """Looks at each step's figures; says when to stop."""

    def __init__(
        self,
        stop: Mapping[str, float],
        log: Path,
        look: Callable[[], Mapping[str, float]] | None = None,
        every: int = 1,
    ) -> None:
        self.stop = stop
        self.every = every
        self._log = log
        self._look = look
        self._first: Mapping[str, float] = {}
        self._lines: deque[Mapping[str, float]] = deque(maxlen=WINDOW)
        self._seen: dict[str, float] = {}

    def begin(self, done: int) -> str:
        """Take up the log of a run that has done so many steps; why it must not go on, or nothing."""
        if done and self._log.is_file():
            for line in self._log.read_text(encoding="utf-8").splitlines():
                figures = json.loads(line)
                if figures["step"] <= done:
                    self._take(figures)
        return self._over(done) if self._lines else ""

    def look(self, done: int, steps: int) -> Mapping[str, float]:
        """Figures of the pairs that are not trained on, where it is time for them."""
        due = done == steps or done % self.every == 0
        return self._look() if self._look is not None and due else {}

    def after(self, done: int, figures: Mapping[str, float]) -> str:
        """Take in a step; why training must stop, in plain words, or nothing."""
        self._take(figures)
        return self._over(done)

    def figures(self) -> dict[str, float]:
        """The signs as they stand."""
        if not self._lines:
            return {}
        return self._seen | readings(list(self._lines), self._first)

    def warnings(self) -> list[str]:
        """A sentence for each sign that is worth one."""
        found = self.figures()
        return [
            "health: {}. {}".format(*sign.sentences(found[name]))
            for name, sign in SIGNS.items()
            if name in found and sign.beyond(found[name], sign.warn)
        ]

    def _take(self, figures: Mapping[str, float]) -> None:
        self._first = self._first or figures
        self._lines.append(figures)
        self._seen |= readings([figures], self._first) if "held_out/accuracy" in figures else {}

    def _over(self, done: int) -> str:
        found = self.figures()
        for name, limit in self.stop.items():
            sign = SIGNS[name]
            if name in found and sign.beyond(found[name], limit):
                side = "below its limit" if sign.below else "above its limit"
                if found[name] < 0:
                    side = "beyond its limit, on either side,"
                said, remedy = sign.sentences(found[name])
                return (
                    f"stopped after step {done}: {name} is {found[name]:.4g}, {side} {limit:g}: {said}. "
                    f"{remedy}. What is trained is kept: the same command with another limit for {name} goes on"
                )
        return ""


def calibration_error(margin_B: Tensor, label_B: Tensor) -> float:
    """Mean distance of sigmoid(margin) from the labels, over bins of equally many pairs."""
    said_B, order_B = torch.sigmoid(margin_B.double()), torch.argsort(margin_B)
    error = 0.0
    for part in torch.tensor_split(order_B, min(BINS, len(order_B))):
        error += len(part) * abs(float((said_B[part] - label_B.double()[part]).mean()))
    return error / max(1, len(order_B))


def held_out_figures(margin_B: Tensor, label_B: Tensor) -> dict[str, float]:
    """Accuracy, margin and calibration on pairs that are not trained on.

    `surer`: how much nearer to 1 the probability of the side that the policy prefers is than the judge's of that side.
    """
    prefers_B = margin_B > 0
    side_B = torch.where(prefers_B, label_B.double(), 1 - label_B.double())
    return {
        "held_out/surer": float((torch.sigmoid(margin_B.double().abs()) - side_B).mean()),
        "held_out/accuracy": float((margin_B > 0).double().mean()),
        "held_out/margin": float(margin_B.double().mean()),
        "held_out/calibration": calibration_error(margin_B, label_B),
    }


def _mean(lines: Sequence[Mapping[str, float]], name: str) -> float:
    seen = [line[name] for line in lines if name in line]
    return sum(seen) / len(seen) if seen else 0.0
