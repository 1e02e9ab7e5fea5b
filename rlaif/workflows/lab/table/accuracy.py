"""How right a trained judge or reward model is on held-out answers whose order gold knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from rlaif.hashing import derived_seed
from rlaif.judging.ask_protocol import ask_pairwise
from rlaif.judging.protocol import Two, reads_principles
from rlaif.judging.protocols import Asking, pairwise
from rlaif.records import Constitution, Judgment
from rlaif.workflows.lab.table.world import AnswerWithGold, MeasuredOn, TableWorld
from rlaif.workflows.models.gold import grade

FIXED_SEED = 7
"""The answers that judges are asked about are the same for all cells."""
DRAWS = 4
CHANCE = 0.5


def judge_figures(
    world: TableWorld, judge: str, first: str | None, asked: MeasuredOn, protocol: str
) -> dict[str, Any]:
    """Accuracy by prompt of a trained judge, and of the one that it was trained from; None: chance stands for it.

    Args:
        world: The open models.
        judge: The trained judge, by its name.
        first: The judge before training.
        asked: The prompts and rules; the answers are the start's.
        protocol: How it is asked.
    """
    answers = world.answers(asked.start, asked, derived_seed("table accuracy", FIXED_SEED), n=DRAWS)
    found = accuracy_by_prompt(world, judge, answers, asked.constitution, protocol)
    start = (
        dict.fromkeys(found, CHANCE)
        if first is None
        else accuracy_by_prompt(world, first, answers, asked.constitution, protocol)
    )
    return {"figure": "accuracy", "by_prompt": found, "start": start, "won": {}, "kl": None, "words": None}


def accuracy_by_prompt(
    world: TableWorld, name: str, answers: Sequence[AnswerWithGold], constitution: Constitution, protocol: str
) -> dict[str, float]:
    """Of each prompt: the share of verdicts, in both orders, that are gold's; ties and unreadable ones are wrong."""
    judge = world.models.judge(name)
    whole = not reads_principles(judge)
    pairs = list(_pairs(answers, whole))
    items: list[Two] = [(one.prompt, one.said, other.said) for one, other in pairs]
    said = ask_pairwise(pairwise(protocol), judge, items, constitution.principles, Asking(again=0))
    truth = _truth(pairs, constitution)
    right: dict[str, list[float]] = {}
    for each in said:
        first, second = each.completion_ids
        better = truth.get((first, second, None if whole else each.principle_id))
        if better is not None:
            right.setdefault(each.prompt_id, []).append(float(_names_first(each) is better))
    return {prompt: round(fmean(own), 4) for prompt, own in right.items()}


def _pairs(answers: Sequence[AnswerWithGold], whole: bool) -> Iterator[tuple[AnswerWithGold, AnswerWithGold]]:
    """Two answers to a prompt; of wholes all pairs that gold distinguishes, else the first two different ones."""
    groups: dict[str, dict[str, AnswerWithGold]] = {}
    for each in answers:
        groups.setdefault(each.prompt.id, {})[each.said.id] = each
    for own in groups.values():
        two = list(combinations(own.values(), 2))
        yield from ([pair for pair in two if pair[0].gold != pair[1].gold] if whole else two[:1])


def _truth(
    pairs: Sequence[tuple[AnswerWithGold, AnswerWithGold]], constitution: Constitution
) -> Mapping[tuple[str, str, str | None], bool]:
    """Whether the first of two is better, by each principle and as a whole (None), where gold distinguishes them."""
    found: dict[tuple[str, str, str | None], bool] = {}
    for one, other in pairs:
        first, second = (grade(each.prompt, each.said, constitution) for each in (one, other))
        values = {name: (first.get(name), second.get(name)) for name in first}
        apart: dict[str | None, bool] = {
            name: bool(a) for name, (a, b) in values.items() if a is not None and b is not None and a != b
        }
        if one.gold != other.gold:
            apart[None] = one.gold > other.gold
        for name, better in apart.items():
            found[one.said.id, other.said.id, name] = better
            found[other.said.id, one.said.id, name] = not better
    return found


def _names_first(judgment: Judgment) -> bool | None:
    if judgment.value is None or judgment.value == CHANCE:
        return None
    return judgment.value > CHANCE
