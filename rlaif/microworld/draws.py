"""Random choices for a training row: scene, text, phrasing of the principle, attribute, label noise."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rlaif.microworld.attributes import CONDITIONS
from rlaif.microworld.edits import edit
from rlaif.microworld.gold import truths
from rlaif.microworld.language import MISLEAD, write
from rlaif.microworld.scenes import Scene, Split, applicable, make_scene
from rlaif.microworld.sentences import Form, Rule, compose

Reading = Literal["plain", "phrased", "few-negated", "negated", "composed"]


@dataclass(frozen=True, slots=True)
class LabelNoise:
    """Deliberate damage to the judge's labels; off in the shipped models.

    `planted_flaw` is the share of `compare` labels that follow the planted feature (a harmless sentence or the
    longer text) instead of gold; `judge_noise` the share of one-token labels flipped (yes/no, ratings, A/B).
    """

    planted_flaw: float = 0.0
    flaw: Literal["token", "length"] = "token"
    judge_noise: float = 0.0


@dataclass(frozen=True, slots=True)
class WorldDraw:
    rng: random.Random
    reading: Reading
    split: Split
    knobs: LabelNoise

    def scene(self) -> Scene:
        return make_scene(self.rng, self.split)

    def judged_scene(self) -> Scene:
        """A scene to judge answers to: sums come more often, for a sum is hard to check."""
        return make_scene(self.rng, self.split, "sum" if self.rng.random() < 0.22 else None)

    def written(self, scene: Scene, forced: int = 3) -> str:
        """A completion in which `forced` attributes are fair coins, so that rare ones are met as well.

        Half of them have more distractors than the policy's texts: a judge that meets another task's hazard in only
        one text of twenty learns to accept any hazard.
        """
        names = hard_first(self.rng, applicable(scene))[:forced]
        wants = {name: self.rng.random() < 0.5 for name in names}
        return write(scene, self.rng, wants, self.rng.choice((MISLEAD, 0.6)))

    def two(self, scene: Scene) -> list[str]:
        """A pair of completions; in three of ten the second is the first with a few small edits."""
        first = self.written(scene)
        if self.rng.random() >= 0.3:
            return [first, self.written(scene)]
        second = first
        for name in hard_first(self.rng, applicable(scene))[:4]:
            second = edit(scene, second, name, not truths(scene.text, second)[name]) or second
        return [first, second] if self.rng.random() < 0.5 else [second, first]

    def label(self, value: bool) -> bool:
        return value != (self.rng.random() < self.knobs.judge_noise)


# What it takes two places of a text, or arithmetic, to see is met more often than its share.
_EMPHASIS = {
    "repeats": 5.0, "right-sum": 5.0, "uses-name": 4.0, "warns": 2.5, "lists-needs": 4.0, "orders-steps": 5.0,
    "gives-advice": 5.0, "shows-sympathy": 4.0, "corrects": 3.0, "gives-reason": 5.0, "offers-alternative": 4.0,
    "brief": 3.0, "shows-working": 3.0,
}  # fmt: skip
# What is hardest is asked several times of one text, in other words: a shared beginning makes that cheap.
_AGAIN = {
    "right-sum": 4, "uses-name": 3, "repeats": 2, "orders-steps": 2, "lists-needs": 2, "gives-advice": 2,
    "offers-alternative": 2, "shows-sympathy": 2, "warns": 2, "gives-reason": 2,
}  # fmt: skip


def hard_first(rng: random.Random, names: Sequence[str]) -> list[str]:
    """`names` in random order, weighted so that attributes that are hard to judge come early."""
    return sorted(names, key=lambda name: rng.random() ** (1 / _EMPHASIS.get(name, 1.0)), reverse=True)


def again(names: Sequence[str]) -> list[str]:
    """Repeat the attributes that are hard to judge, so that a row asks about them more often."""
    return [name for name in names for _ in range(_AGAIN.get(name, 1))]


_FORMS: Mapping[Reading, tuple[tuple[Form, float], ...]] = {
    "plain": (("positive", 1.0),),
    "phrased": (("positive", 1.0),),
    # so few that reading every rule as a positive one still pays: from there the exception is learned, while
    # with two in five the model first unlearns what it could do
    "few-negated": (("positive", 0.78), ("negative", 0.22)),
    "negated": (("positive", 0.6), ("negative", 0.4)),
    "composed": (
        ("positive", 0.36), ("negative", 0.24), ("both", 0.12), ("but-not", 0.1), ("if", 0.1), ("if-not", 0.08),
    ),
}  # fmt: skip


def draw_rule(
    rng: random.Random, reading: Reading, scene: Scene, attribute: str, held_out: bool | None = False
) -> tuple[str, Rule]:
    """A sentence about `attribute` at this level, and what it means."""
    forms = _FORMS[reading]
    form = rng.choices([name for name, _ in forms], [share for _, share in forms])[0]
    return rule_of_form(rng, form, scene, attribute, held_out, canonical=reading == "plain")


def rule_of_form(
    rng: random.Random,
    form: Form,
    scene: Scene,
    attribute: str,
    held_out: bool | None,
    canonical: bool = False,
) -> tuple[str, Rule]:
    """A sentence of this form; conditions are true of the scene two times in three."""
    second = condition = None
    if form in ("both", "but-not"):
        second = rng.choice([each for each in applicable(scene) if each != attribute])
    if form in ("if", "if-not"):
        fitting = [tag for tag in CONDITIONS.values() if tag in scene.tags]
        others = [tag for tag in CONDITIONS.values() if tag not in scene.tags]
        condition = rng.choice(fitting if fitting and rng.random() < 0.67 else others)
    text = compose(
        form, attribute, rng, second=second, condition=condition, held_out=None if canonical else held_out,
        canonical=canonical,
    )  # fmt: skip
    parts: tuple[tuple[str, bool], ...] = ((attribute, form not in ("negative", "if-not")),)
    if second is not None:
        parts = ((attribute, True), (second, form == "both"))
    return text, Rule(parts, condition)


def sample(rng: random.Random, items: Sequence[str], count: int) -> list[str]:
    """Draw `count` different items, or all where there are fewer."""
    return rng.sample(items, min(count, len(items)))
