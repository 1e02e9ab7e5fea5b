"""Traces of a judge by rejection sampling: what it wrote on pairs whose better side is known, where it got that right.

Self-taught evaluators (2408.02666): the judge writes N texts per question, in both orders of a pair; those whose
verdict is the known label are learned from, as many that name A as that name B. A text without a verdict is neither
right nor wrong.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rlaif.constitution import applies
from rlaif.errors import InputError
from rlaif.hashing import derived_seed
from rlaif.judging.ask import Asked, Writing, ask_texts, turn
from rlaif.judging.labels import CallReading
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocols import Pairwise, pairwise
from rlaif.judging.shown import shown_sides
from rlaif.records import (
    ASKED_OF,
    EVEN,
    Constitution,
    Example,
    Message,
    Pair,
    Principle,
    Prompt,
    Sampling,
    State,
    prompt_name,
)

KIND = "judge"
"""The kind of the examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLabel:
    """Two answers to a prompt, and which of them follows a principle better."""

    pair: Pair
    principle: Principle
    chosen_better: bool = True
    """Of a pair whose better side as a whole is the worse one by this principle: False."""

    @property
    def certainty(self) -> float:
        """How sure it is which side is the better one, from .5 to 1."""
        said = {str(each["id"]): each.get("p") for each in self.pair.principles}
        p = said.get(self.principle.id, self.pair.label_prob)
        return EVEN if p is None else max(p, 1 - p)

    @property
    def sides(self) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
        """The turns of the better answer, then those of the worse one."""
        two = self.pair.chosen, self.pair.rejected
        return two if self.chosen_better else two[::-1]


class Trace(NamedTuple):
    """One text that a judge wrote to one question, and what it comes to."""

    text: str
    verdict: str
    """`A` or `B`."""
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedQuestion:
    """One question, and all readable texts to it in the order in which they were drawn."""

    label: KnownLabel
    question: str
    better: str
    """The letter of the better answer in this order."""
    traces: tuple[Trace, ...]
    lost: tuple[State, ...] = ()
    """Why the other texts say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptTraces:
    """What is learned from, and what became of the rest."""

    examples: list[Example]
    pairs: list[Pair]
    """A right and a wrong text to one question."""
    counts: dict[str, int] = field(default_factory=dict)


def known_labels(
    pairs: Iterable[Pair],
    constitution: Constitution,
    only: Sequence[str] = (),
    prompts: Mapping[str, Prompt] | None = None,
) -> tuple[list[KnownLabel], dict[str, int]]:
    """What is known of pairs, by principle, and how many pairs say nothing of which better side is known.

    A pair that was judged by principle says itself what it knows of each. Of one whose better side is known as a whole,
    as where it was made to be so, all principles that apply are asked with that side as the better one: `only` names
    those of which that is true. `prompts` by id say which tags a pair's prompt has.

    Raises InputError for a principle that the constitution has not.
    """
    known = {each.id: each for each in constitution.principles}
    for name in only:
        if name not in known:
            raise InputError(
                f"{constitution.name} has no principle {name!r}; it has: {', '.join(sorted(known))}"
            )
    found: list[KnownLabel] = []
    counts: Counter[str] = Counter()
    for pair in pairs:
        asked = [each for each in known.values() if not only or each.id in only]
        own = list(_labels(pair, asked, prompts or {}))
        counts["ties" if pair.label_prob == EVEN else "no principle"] += not own
        found += own
    return found, {name: count for name, count in counts.items() if count}


def _labels(
    pair: Pair, principles: Sequence[Principle], prompts: Mapping[str, Prompt]
) -> Iterable[KnownLabel]:
    own = Prompt(messages=pair.prompt, tools=pair.tools)
    prompt = prompts.get(own.id, own)
    said = {str(each["id"]): each.get("p") for each in pair.principles}
    for each in principles:
        p = said.get(each.id) if said else pair.label_prob
        # who judged the pair by a principle has seen that it applies
        if p is not None and p != EVEN and (said or applies(each, prompt)):
            yield KnownLabel(pair=pair, principle=each, chosen_better=p > EVEN)


def traceable(protocol: str) -> Pairwise:
    """The pairwise protocol of this name, whose replies hold reasoning and verdict. Raises InputError for others."""
    chosen = pairwise(protocol)
    if chosen.reads is None or not chosen.templates:
        raise InputError(
            f"protocol {protocol!r} writes no reasoning that ends in A or B, so that there is no trace of it to learn "
            "from; name one that does: compare-cot"
        )
    return chosen


def ask_traces(
    judge: ModelJudge,
    labels: Sequence[KnownLabel],
    protocol: str,
    *,
    samples: int,
    sampling: Sampling,
    seed: int,
) -> list[TracedQuestion]:
    """`samples` texts to each label's question, in both orders of its answers; an unreadable one is not asked again."""
    chosen = traceable(protocol)
    read = chosen.reads
    assert read is not None

    def reading(text: str) -> CallReading:
        """The text as the detail of its verdict."""
        said = read(text)
        return said if said.value is None else said._replace(detail=text)

    asked = [each for label in labels for each in asked_in_both_orders(judge, label, chosen.templates[0])]
    options = judge.options
    how = Writing(
        sampling=sampling,
        seed=seed,
        samples=samples,
        chat_template_kwargs=options.chat_template_kwargs,
        body=options.body,
    )
    replies = ask_texts(judge.engine, chosen.name, [question for _, question, _ in asked], reading, how)
    return [
        TracedQuestion(
            label=label,
            question=question.text,
            better=better,
            traces=tuple(_trace(each, better) for each in reply.readings if each.value is not None),
            lost=tuple(each.state for each in reply.readings if each.value is None),
        )
        for (label, question, better), reply in zip(asked, replies, strict=True)
    ]


def asked_in_both_orders(
    judge: ModelJudge, label: KnownLabel, template: str
) -> Iterable[tuple[KnownLabel, Asked, str]]:
    """Both orders of a pair, word for word as the judge is asked, each with the letter of the better answer."""
    prompt = Prompt(messages=label.pair.prompt, tools=label.pair.tools)
    seen = shown_sides(label.sides, judge.options.judge_sees)
    ids = label.pair.completion_ids if label.chosen_better else label.pair.completion_ids[::-1]
    for better, order in (("A", 1), ("B", -1)):
        text = judge.question(template, prompt, seen[::order], label.principle)
        yield label, Asked(text, prompt.id, ids[::order], label.principle.id), better


def _trace(reading: CallReading, better: str) -> Trace:
    verdict = "A" if reading.value else "B"
    return Trace(reading.detail, verdict, verdict == better)


def keep_traces(found: Sequence[TracedQuestion], *, most: int, seed: int) -> KeptTraces:
    """Of each question at most `most` different right texts; then as many that name A as that name B.

    What is too much of one letter is left out by chance. A pair of whose questions none has a right text is dropped.
    """
    kept: dict[str, list[Example]] = {"A": [], "B": []}
    preferred: list[Pair] = []
    counts: Counter[str] = Counter(dict.fromkeys(("texts", "unreadable", "right", "wrong"), 0))
    right_of: dict[str, int] = {}
    for each in found:
        right = list(dict.fromkeys(one.text for one in each.traces if one.right))
        wrong = list(dict.fromkeys(one.text for one in each.traces if not one.right))
        counts["texts"] += len(each.traces) + len(each.lost)
        counts["unreadable"] += len(each.lost)
        counts["right"] += sum(one.right for one in each.traces)
        counts["wrong"] += sum(not one.right for one in each.traces)
        right_of[each.label.pair.id] = right_of.get(each.label.pair.id, 0) + len(right)
        kept[each.better] += [_example(each, text) for text in right[:most]]
        preferred += [_preferred(each, *two) for two in zip(right[:most], wrong, strict=False)]
    fewer = min(map(len, kept.values()))
    rng = random.Random(derived_seed("balance of verdicts", seed))
    balanced = [each for name in ("A", "B") for each in rng.sample(kept[name], fewer)]
    counts["pairs"] = len(right_of)
    counts["pairs without a right text"] = sum(not count for count in right_of.values())
    counts["left out for balance"] = sum(map(len, kept.values())) - 2 * fewer
    counts["kept"] = len(balanced)
    rng.shuffle(balanced)
    return KeptTraces(examples=balanced, pairs=preferred, counts=dict(counts))


def _example(each: TracedQuestion, text: str) -> Example:
    said = Message(role="assistant", content=text)
    return Example(messages=(*turn(each.question), said), kind=KIND, weight=each.label.pair.weight)


def _preferred(each: TracedQuestion, right: str, wrong: str) -> Pair:
    sides = [(Message(role="assistant", content=text),) for text in (right, wrong)]
    return replace(
        each.label.pair,
        prompt=turn(each.question),
        tools=(),
        chosen=sides[0],
        rejected=sides[1],
        label_prob=1.0,
        principles=(),
        score_gap=None,
        chosen_score=None,
        rejected_score=None,
        critique=None,
        revision_of=None,
        provenance={**each.label.pair.provenance, ASKED_OF: prompt_name(each.label.pair.prompt)},
    )
