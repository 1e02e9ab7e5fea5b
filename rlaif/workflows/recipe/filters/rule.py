"""A rule of a filter: its key in a recipe, what it is for and needs, and which rows it leaves out, each with why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rlaif.feedback.score import ScoredCompletion
from rlaif.records import Completion, Example, Judgment, Pair, Prompt

COMPLETIONS, PAIRS, EXAMPLES, PROMPTS = "completions", "pairs", "examples", "prompts"
TEXTS = (COMPLETIONS, PAIRS, EXAMPLES)
"""Kinds whose rows hold answers."""
ALL = (*TEXTS, PROMPTS)
Reasons = Mapping[int, str]
"""Place of a row that is left out -> why, in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A row of any kind, as rules read it."""

    prompt: str
    """Id of its prompt."""
    question: str
    """Text of the prompt's last turn."""
    answers: tuple[str, ...]
    """The answer; of a pair the chosen one first; of a prompt none."""
    ids: tuple[str, ...] = ()
    """Ids of the answers' completions, where they have some."""
    record: Any = None
    """The row itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """All that rules read."""

    kind: str
    items: Sequence[Item]
    scored: Mapping[str, ScoredCompletion] = field(default_factory=dict)
    """What the judgments that belong to the rows make of each completion, by its id."""
    second: Mapping[str, ScoredCompletion] = field(default_factory=dict)
    """The same by other judgments of them."""
    logprobs: Mapping[str, float] = field(default_factory=dict)
    """Log-probability, in nats, of completions under the model that the step names, by their ids."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRule:
    """One rule. Its key in a recipe is its name."""

    name: str
    says: str
    """What is left out, for people: `answers that end as many others do`."""
    type: Any
    """The type of its value."""
    setting: Any
    """Its value's field, by `rlaif.settings.setting`; None, its default, leaves nothing out."""
    drops: Callable[[Given, Any], Reasons]
    """Which rows are left out by this value, and why."""
    turn: int = 0
    """When it looks: 0 at each row by itself, 1 at all that is left then, 2 where it picks of those."""
    of: tuple[str, ...] = ALL
    """Kinds of artefact that it knows."""
    judgments: bool = False
    """Whether it reads the judgments that belong to the rows."""
    second: bool = False
    """Whether it reads other judgments than those that pairs were made of."""
    logprobs: bool = False
    """Whether it reads how probable answers are under a model."""


def completion_item(prompt: Prompt, said: Completion) -> Item:
    """A completion as rules read it."""
    return Item(
        prompt=prompt.id, question=prompt.text, answers=(said.text,), ids=(said.id,), record=(prompt, said)
    )


def pair_item(pair: Pair) -> Item:
    """A pair as rules read it."""
    prompt = Prompt(messages=pair.prompt, tools=pair.tools)
    answers = (pair.chosen[-1].content, pair.rejected[-1].content)
    return Item(prompt=prompt.id, question=prompt.text, answers=answers, ids=pair.completion_ids, record=pair)


def example_item(example: Example) -> Item:
    """An example as rules read it."""
    turns, said = example.messages[: -example.learned], example.messages[-1]
    prompt = Prompt(messages=turns, tools=example.tools)
    return Item(prompt=prompt.id, question=prompt.text, answers=(said.content,), record=example)


def prompt_item(prompt: Prompt) -> Item:
    """A prompt as rules read it."""
    return Item(prompt=prompt.id, question=prompt.text, answers=(), record=prompt)


def by_prompt(items: Sequence[Item]) -> Mapping[str, list[int]]:
    """Places of the rows of each prompt."""
    found: dict[str, list[int]] = {}
    for place, each in enumerate(items):
        found.setdefault(each.prompt, []).append(place)
    return found


def judgments_of(prompts: Sequence[str], judgments: Sequence[Judgment]) -> Mapping[str, list[Judgment]]:
    """The judgments of each of the prompts, by its id."""
    found: dict[str, list[Judgment]] = {each: [] for each in prompts}
    for each in judgments:
        if each.prompt_id in found:
            found[each.prompt_id].append(each)
    return found
