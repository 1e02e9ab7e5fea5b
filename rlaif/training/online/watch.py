"""Whether online training is going anywhere: a reward that is always the same ends it, with the reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rlaif.runs.layout import METRICS
from rlaif.training.health import Watch
from rlaif.training.online.failures import FailureLink
from rlaif.training.online.rewarded import LINKS, PARTS

CONSTANT_STEPS = 5
"""Steps from the first on after which a reward that never varied ends a training."""

PART, MEAN, DEVIATION = "rewards/", "/mean", "/std"
"""Around a part's name in the names of its figures."""
SURE = 0.01
"""Chance below which a link of failures with something is told."""
SAYS = {
    LINKS[
        0
    ]: "rollouts without a reward were {more} often the longer ones of their group (p {p:.2g}): what is learned is "
    "of the others, and leans to their length; see why they fail",
    LINKS[
        1
    ]: "rewards failed {more} often where the others of the group have high rewards (p {p:.2g}): what is learned "
    "leans away from there; see why they fail",
}


class RewardWatch(Watch):
    """As `Watch`, and looks whether the reward varies at all."""

    def __init__(self, out: Path, stop: Mapping[str, float]) -> None:
        super().__init__(stop, out / METRICS)
        self._steps = 0
        self._links = {name: FailureLink() for name in LINKS}
        self._constant: float | None = None
        """The one reward of all rollouts so far; None once there were two."""
        self._parts: Mapping[str, float] = {}
        """Of each part of the reward the one number of all rollouts so far; nothing once one of them varied."""

    def begin(self, done: int) -> str:
        """As `Watch.begin`."""
        if done and self._log.is_file():
            for line in self._log.read_text(encoding="utf-8").splitlines():
                figures = json.loads(line)
                if figures["step"] <= done:
                    self._count(figures)
        return super().begin(done) or self._said()

    def after(self, done: int, figures: Mapping[str, float]) -> str:
        """As `Watch.after`."""
        self._count(figures)
        return super().after(done, figures) or self._said()

    def warnings(self) -> list[str]:
        """As `Watch.warnings`, and that the reward never varied, where too few steps were taken to end for it."""
        own = [self._words] if self._constant is not None else self._of_parts()
        return [*super().warnings(), *own, *self._of_failures()]

    def _of_parts(self) -> list[str]:
        """A sentence where no part of the reward ever varied, and what was taken off for length did."""
        if not self._parts:
            return []
        known = ", ".join(f"{name} {value:g}" for name, value in self._parts.items())
        return [
            f"the reward said the same of every rollout ({known}): only what length costs varied, and nothing else was "
            "learned; see what it says of a good and of a bad answer"
        ]

    def _of_failures(self) -> list[str]:
        """A sentence for each way in which failing was no chance."""
        found = []
        for name, link in self._links.items():
            if link.p is not None and link.p < SURE and link.effect is not None:
                found.append(SAYS[name].format(more="more" if link.effect > 0 else "less", p=link.p))
        return found

    def _count(self, figures: Mapping[str, float]) -> None:
        parts = _parts_without_spread(figures)
        # of single rollouts no group says whether they differ
        same = figures["frac_reward_zero_std"] == 1 if "frac_reward_zero_std" in figures else bool(parts)
        if not self._steps:
            self._constant, self._parts = figures["reward"] if same else None, parts
        if not same or figures["reward"] != self._constant:
            self._constant = None
        if parts != self._parts:
            self._parts = {}
        self._steps += 1
        for name, link in self._links.items():
            said = {part: figures[f"{name}/{part}"] for part in PARTS if f"{name}/{part}" in figures}
            if said:
                self._links[name] = link.plus(FailureLink(**said))

    def _said(self) -> str:
        if self._constant is None or self._steps != CONSTANT_STEPS:
            return ""
        return f"stopped after step {self._steps}: {self._words}"

    @property
    def _words(self) -> str:
        return (
            f"the reward was {self._constant:g} for every rollout of {self._steps} steps, and nothing can be learned "
            "from a reward that does not vary: see what it says of a good and of a bad answer, take prompts that the "
            "policy sometimes gets right, or raise n or temperature"
        )


def _parts_without_spread(figures: Mapping[str, float]) -> Mapping[str, float]:
    """What each part of the reward was of all rollouts of a step; nothing where one of them varied."""
    parts = {name[len(PART) : -len(MEAN)]: value for name, value in figures.items()
             if name.startswith(PART) and name.endswith(MEAN)}  # fmt: skip
    return {} if any(figures[f"{PART}{name}{DEVIATION}"] for name in parts) else parts
