"""Known labels as examples of several formats: one judge, many heads in text (FLAMe, 2407.10817).

A task is a format with a principle. Each has a cap, of which no answer takes more than half, so that neither a task nor
a word is learned by its frequency; and each format a weight, given, or by what its examples alone were measured to gain
(tail-patch). Every question is put word for word as the judge is asked it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rlaif.hashing import derived_seed
from rlaif.judging.ask import turn
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.shown import shown_sides
from rlaif.judging.traces import KIND, KnownLabel
from rlaif.records import Completion, Constitution, Example, Message, Pair, Principle, Prompt
from rlaif.templates import numbered

FORMATS: Mapping[str, str] = {
    "pairwise": "which of two answers follows a principle better: A or B, in both orders",
    "pointwise": "how well an answer follows a principle: a number from 1 to 5",
    "classification": "whether an answer follows a principle: yes or no",
    "critique": "what a rejected answer does wrong, in words",
}
LOWEST, HIGHEST = 1, 5
"""The ratings of protocol `score`."""
HELPFUL, NEUTRAL, HARMFUL = 1.0, 0.3, 0.0
"""Weights of the tiers of a tail patch: their mixture took 100k, 30k and no examples of a task."""


class KnownGrade(NamedTuple):
    """One answer, and whether it follows a principle."""

    prompt: Prompt
    completion: Completion
    principle: Principle
    follows: float
    """How probably, from 0 to 1."""


class Rendered(NamedTuple):
    """An example of a task, before it is capped and weighed."""

    format: str
    principle: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatMixture:
    """The examples, and how many there are of each format, before and after the caps."""

    examples: list[Example]
    counts: dict[str, int] = field(default_factory=dict)


def tail_patch(gains: Mapping[str, float], margin: float) -> dict[str, float]:
    """Weights of tasks by what training on each alone gained: above `margin`, within it, below it."""
    return {
        name: HELPFUL if gain > margin else HARMFUL if gain < -margin else NEUTRAL
        for name, gain in gains.items()
    }


def pairwise_rows(judge: ModelJudge, labels: Iterable[KnownLabel]) -> Iterator[Rendered]:
    """The question of `compare` about each label, in both orders."""
    for label in labels:
        prompt = Prompt(messages=label.pair.prompt, tools=label.pair.tools)
        seen = shown_sides(label.sides, judge.options.judge_sees)
        for better, order in (("A", 1), ("B", -1)):
            text = judge.question("compare", prompt, seen[::order], label.principle)
            yield Rendered("pairwise", label.principle.id, text, better)


def pointwise_rows(judge: ModelJudge, known: Iterable[KnownGrade]) -> Iterator[Rendered]:
    """The question of `score` about each answer, with the rating nearest to how probably it follows the principle."""
    for each in known:
        rating = round(LOWEST + each.follows * (HIGHEST - LOWEST))
        yield Rendered("pointwise", each.principle.id, _about(judge, "score", each), str(rating))


def classification_rows(judge: ModelJudge, known: Iterable[KnownGrade]) -> Iterator[Rendered]:
    """The question of `checklist` about each answer."""
    for each in known:
        answer = "yes" if each.follows > 0.5 else "no"
        yield Rendered("classification", each.principle.id, _about(judge, "checklist", each), answer)


def critique_rows(judge: ModelJudge, pairs: Iterable[Pair], constitution: Constitution) -> Iterator[Rendered]:
    """The question of `critique` about each rejected answer that has one."""
    rules = numbered([each.text for each in constitution.principles])
    for pair in pairs:
        if pair.critique:
            prompt = Prompt(messages=pair.prompt, tools=pair.tools)
            seen = shown_sides([pair.rejected], judge.options.judge_sees)
            text = judge.question("critique", prompt, seen, None, principles=rules)
            yield Rendered("critique", "", text, pair.critique)


def labels_of_tests(constitution: Constitution) -> tuple[list[KnownLabel], list[KnownGrade]]:
    """What the tests of principles say: which answer is the better one, and that it follows the principle."""
    labels, known = [], []
    for principle in constitution.principles:
        for test in principle.tests:
            prompt = Prompt(messages=test.turns)
            sides = [(Message(role="assistant", content=text),) for text in (test.better, test.worse)]
            pair = Pair(prompt=prompt.messages, chosen=sides[0], rejected=sides[1], label_prob=1.0)
            labels.append(KnownLabel(pair=pair, principle=principle))
            for text, follows in ((test.better, 1.0), (test.worse, 0.0)):
                said = Completion(prompt_id=prompt.id, text=text, policy="")
                known.append(KnownGrade(prompt, said, principle, follows))
    return labels, known


def mixture(rows: Iterable[Rendered], *, cap: int, weights: Mapping[str, float], seed: int) -> FormatMixture:
    """At most `cap` examples of each task, at most half of them with one answer; a format of weight 0 is left out."""
    tasks: dict[tuple[str, str], list[Rendered]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for each in dict.fromkeys(rows):
        counts[f"{each.format}: found"] += 1
        if weights.get(each.format, 1.0) > 0:
            tasks[each.format, each.principle].append(each)
    kept: list[Example] = []
    for task, own in sorted(tasks.items()):
        chosen = _capped(own, cap, derived_seed("cap of a task", seed, *task))
        counts[f"{task[0]}: kept"] += len(chosen)
        kept += [_example(each, weights.get(each.format, 1.0)) for each in chosen]
    random.Random(derived_seed("mixture", seed)).shuffle(kept)
    return FormatMixture(examples=kept, counts=dict(counts))


def _capped(rows: Sequence[Rendered], cap: int, seed: int) -> list[Rendered]:
    order = random.Random(seed).sample(list(rows), len(rows))
    # of answers in words each is another one; of labels no one may fill the task
    limit = cap if len({each.answer for each in rows}) == 1 else max(1, cap // 2)
    taken: Counter[str] = Counter()
    found: list[Rendered] = []
    for each in order:
        if len(found) < cap and taken[each.answer] < limit:
            taken[each.answer] += 1
            found.append(each)
    return found


def _about(judge: ModelJudge, template: str, each: KnownGrade) -> str:
    return judge.asked(template, each.prompt, [each.completion], each.principle).text


def _example(each: Rendered, weight: float) -> Example:
    said = Message(role="assistant", content=each.answer)
    return Example(messages=(*turn(each.question), said), kind=KIND, weight=weight)
