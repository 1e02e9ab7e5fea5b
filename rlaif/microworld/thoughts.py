"""Answers with the thought before them: what the answer is going to do, and of a sum its steps.

They show a model that has never thought how that looks. The thought is true of the answer, and the answer is as the
plain policy writes it, no better: to think well, and to do well by it, is left to be learned from rewards.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from rlaif.microworld.attributes import BY_ID
from rlaif.microworld.gold import truths
from rlaif.microworld.language import write
from rlaif.microworld.scenes import Scene
from rlaif.microworld.sentences import phrases

START, END = "<think>", "</think>"
"""What the written answers have around their thoughts."""
_EVERYWHERE = ("greets", "brief", "offers-help")
"""Attributes that apply to all prompts and are worth a thought."""
_RESULT = re.compile(r"\b(?:The answer is|It is) (\d+)")


NOTHING = "Time will tell."
"""The thought before an answer of which there is nothing good to say."""


class ThoughtfulAnswer(NamedTuple):
    """An answer, and what was thought before it."""

    thought: str
    answer: str

    @property
    def text(self) -> str:
        """Both, as a model writes them."""
        return f"{START}\n{self.thought}\n{END}\n\n{self.answer}"


def write_thoughtful(scene: Scene, rng: random.Random) -> ThoughtfulAnswer:
    """An answer of the plain policy to `scene`, behind a thought that names what it does well."""
    answer = write(scene, rng)
    has = [name for name, value in truths(scene.text, answer).items() if value and _is_planned(name, scene)]
    said = [f"The response {phrases(name)[0].third}." for name in has]
    return ThoughtfulAnswer(" ".join([*_steps(scene, answer, rng), *said]) or NOTHING, answer)


def _is_planned(name: str, scene: Scene) -> bool:
    if name == "refuses-harm":
        return scene.kind == "harmful"
    # whether the sum is right nobody knows while thinking: its steps are said instead
    return name in _EVERYWHERE or (BY_ID[name].tag is not None and name != "right-sum")


def _steps(scene: Scene, answer: str, rng: random.Random) -> list[str]:
    """The sum in two steps that end in what the answer says, be it right or wrong."""
    found = _RESULT.search(answer)
    if scene.kind != "sum" or found is None:
        return []
    first, second = scene.numbers
    part = rng.randint(1, second - 1)
    middle = first + part
    return [f"{first} plus {part} is {middle}.", f"{middle} plus {second - part} is {found[1]}."]
