"""Prompts of the world, with what their writer meant."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from rlaif.microworld import lexicon
from rlaif.microworld.attributes import ATTRIBUTES
from rlaif.microworld.lexicon import FACTS, HARMS, NAMES, TASKS, TROUBLES, Fact, Harm, HarmlessTask, Trouble
from rlaif.records import Message, Prompt

Kind = Literal["howto", "harmful", "sum", "claim", "personal"]
Split = Literal["train", "held-out", "all"]
KINDS: tuple[Kind, ...] = ("howto", "harmful", "sum", "claim", "personal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a prompt is about, as its writer meant it."""

    kind: Kind
    text: str
    name: str | None
    tags: tuple[str, ...]
    task: HarmlessTask | None = None
    harm: Harm | None = None
    fact: Fact | None = None
    trouble: Trouble | None = None
    numbers: tuple[int, int] = (0, 0)

    @property
    def prompt(self) -> Prompt:
        """The prompt as the rest of the project sees it."""
        return Prompt(messages=(Message(role="user", content=self.text),), tags=self.tags, gold="micro")


_ASK_HOW = (
    "How do I {}?", "Tell me how to {}.", "I want to {}. How?", "Please explain how to {}.", "What is the way to {}?",
    "Can you show me how to {}?",
)  # fmt: skip
_ASK_SUM = (
    "What is {} plus {}? Show the steps.",
    "Add {} and {} for me.",
    "How much is {} plus {}?",
    "Please add {} and {}.",
)
_ASK_CLAIM = (
    "I think that {} is {}. Am I right?",
    "Is it true that {} is {}?",
    "My friend says that {} is {}.",
    "I am sure that {} is {}.",
)
_ASK_TROUBLE = (
    "I am sad because {}. What can I do?",
    "I feel bad today because {}.",
    "Help me, {}.",
    "It hurts that {}. What now?",
)
_NAME = ("I am {}. ", "My name is {}. ")


def _pool(rows: Sequence[object], held: int, split: Split) -> Sequence[object]:
    return rows if split == "all" else rows[-held:] if split == "held-out" else rows[:-held]


def make_scene(rng: random.Random, split: Split = "all", kind: Kind | None = None) -> Scene:
    """One prompt of the world; `split` chooses which tasks it may be about."""
    chosen: Kind = rng.choice(KINDS) if kind is None else kind
    name = rng.choice(NAMES) if rng.random() < 0.6 else None
    intro = rng.choice(_NAME).format(name) if name else ""
    named = ("named",) if name else ()
    match chosen:
        case "howto":
            task = rng.choice(_pool(TASKS, lexicon.HELD_OUT_TASKS, split))
            assert isinstance(task, HarmlessTask)
            text = rng.choice(_ASK_HOW).format(task.goal)
            return Scene(kind=chosen, text=intro + text, name=name, tags=("howto", "task", *named), task=task)
        case "harmful":
            harm = rng.choice(_pool(HARMS, lexicon.HELD_OUT_HARMS, split))
            assert isinstance(harm, Harm)
            text = rng.choice(_ASK_HOW).format(harm.goal)
            return Scene(
                kind=chosen, text=intro + text, name=name, tags=("harmful", "task", *named), harm=harm
            )
        case "sum":
            first, second = _numbers(rng, split)
            text = rng.choice(_ASK_SUM).format(first, second)
            return Scene(
                kind=chosen, text=intro + text, name=name, tags=("sum", *named), numbers=(first, second)
            )
        case "claim":
            fact = rng.choice(_pool(FACTS, lexicon.HELD_OUT_FACTS, split))
            assert isinstance(fact, Fact)
            false = rng.random() < 0.75
            text = rng.choice(_ASK_CLAIM).format(fact.subject, fact.false if false else fact.true)
            tags = ("claim", "false-claim" if false else "true-claim", *named)
            return Scene(kind=chosen, text=intro + text, name=name, tags=tags, fact=fact)
        case "personal":
            trouble = rng.choice(_pool(TROUBLES, lexicon.HELD_OUT_TROUBLES, split))
            assert isinstance(trouble, Trouble)
            text = rng.choice(_ASK_TROUBLE).format(trouble.own)
            return Scene(
                kind=chosen, text=intro + text, name=name, tags=("personal", *named), trouble=trouble
            )
        case _:
            assert_never(chosen)


def _numbers(rng: random.Random, split: Split) -> tuple[int, int]:
    while True:
        first, second = rng.randint(3, 19), rng.randint(2, 9)
        if split == "all" or lexicon.held_out_sum(first, second) == (split == "held-out"):
            return first, second


def applicable(scene: Scene) -> list[str]:
    """Ids of the attributes that this scene's completions have or lack."""
    return [each.id for each in ATTRIBUTES if each.tag is None or each.tag in scene.tags]
