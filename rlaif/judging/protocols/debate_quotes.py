"""`debate-quotes`: two advocates quote from the completions, and the judge sees the quotes alone (2402.06782).

The advocate of a completion quotes the passage of it that follows the principle most, and the passage of the other that
follows it least: best of N by what the judge says of each passage, each a piece of the text, so that none is invented.
Whoever decides has not read the completions: of each it sees what its own advocate and the other one have quoted, one
quote at a time, and adds up how far they follow the principle. Small judges compare the same quotes worse when they
stand side by side in one question (benchmarks/experiments/debate.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from rlaif.constitution import applies
from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols.kinds import Asking, Pairwise
from rlaif.judging.shown import shown
from rlaif.records import Completion, Judgment, Principle, Prompt, State

NAME = "debate-quotes"
PASSAGES = 12
"""Passages of a completion at most: of more sentences, neighbours are one."""
_END = re.compile(r"(?<=[.!?])\s+|\n+")


class Quoted(NamedTuple):
    """What is quoted from a completion: the best passage by its own advocate, the worst by the other's."""

    best: str
    worst: str


def passages(text: str, most: int = PASSAGES) -> list[str]:
    """The sentences of a text, at most `most` pieces; one that has no end of a sentence is one piece."""
    found = [each.strip() for each in _END.split(text) if each.strip()]
    size = -(-len(found) // most) if found else 1
    return [" ".join(found[place : place + size]) for place in range(0, len(found), size)] or [text]


def quoted(scores: Mapping[str, float]) -> Quoted:
    """The quotes from passages with P(follows the principle) each; of equal ones the first."""
    return Quoted(max(scores, key=scores.__getitem__), min(scores, key=scores.__getitem__))


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], _: Asking) -> list[Judgment]:
    """The judge says of each passage how well it follows each principle; what is quoted of the two is set off."""
    scores, failed = _passage_scores(judge, items, principles)
    found: list[Judgment] = []
    for item in items:
        prompt, *two = item
        asked = [each for each in principles if applies(each, prompt)]
        decided = [
            _decided(judge, item, each, scores)
            if all((one.id, each.id) in scores for one in two)
            else _unheard(judge, item, each, failed)
            for each in asked
        ]
        found += [both[order] for order in (0, 1) for both in decided]
    return found


Scores = dict[tuple[str, str], dict[str, Judgment]]
"""By completion and principle: what was said of each passage, where it could be read."""


def _passage_scores(
    judge: Judge, items: Sequence[Two], principles: Sequence[Principle]
) -> tuple[Scores, dict[tuple[str, str], Judgment]]:
    """Scores of passages that could be read, and of completions of which none could, one judgment that failed."""
    whole: dict[str, tuple[Prompt, Completion]] = {
        each.id: (prompt, each) for prompt, *two in items for each in two
    }
    pieces: dict[str, list[tuple[str, str]]] = {}
    asked: dict[str, tuple[Prompt, Completion]] = {}
    for name, (prompt, completion) in whole.items():
        for text in passages(shown(completion)):
            piece = Completion(prompt_id=prompt.id, text=text, policy=completion.policy)
            asked[piece.id] = (prompt, piece)
            pieces.setdefault(piece.id, []).append((name, text))
    scores: Scores = {}
    failed: dict[tuple[str, str], Judgment] = {}
    for each in judge.checklist(list(asked.values()), principles):
        for name, text in pieces[each.completion_ids[0]]:
            key = name, each.principle_id or ""
            if each.value is None:
                failed[key] = each
            else:
                scores.setdefault(key, {})[text] = each
    return scores, failed


def standing(scores: Mapping[str, float]) -> float:
    """How far what is quoted of a completion follows the principle, of 2: its best passage and its worst."""
    own = quoted(scores)
    return scores[own.best] + scores[own.worst]


def _decided(judge: Judge, item: Two, principle: Principle, scores: Scores) -> tuple[Judgment, Judgment]:
    """P(the first follows it more) by the quotes, in both orders: each quote was read alone, so that none is first."""
    prompt, *two = item
    said = [scores[each.id, principle.id] for each in two]
    read = [{text: one.value for text, one in own.items() if one.value is not None} for own in said]
    p = 0.5 + (standing(read[0]) - standing(read[1])) / 4
    calls = [
        call
        for own, values in zip(said, read, strict=True)
        for text in dict.fromkeys(quoted(values))
        for call in own[text].calls
    ]
    first = Judgment(
        protocol=NAME,
        judge=judge.fingerprint,
        prompt_id=prompt.id,
        completion_ids=(two[0].id, two[1].id),
        principle_id=principle.id,
        state=State.PREFERENCE,
        value=p,
        calls=tuple(dict.fromkeys(calls)),
    )
    return first, replace(first, completion_ids=first.completion_ids[::-1], value=1 - p)


def _unheard(
    judge: Judge, item: Two, principle: Principle, failed: Mapping[tuple[str, str], Judgment]
) -> tuple[Judgment, Judgment]:
    """Where nothing can be quoted from one of the two nothing is decided."""
    prompt, *two = item
    lost = [failed[each.id, principle.id] for each in two if (each.id, principle.id) in failed]
    why = Judgment(
        protocol=NAME,
        judge=judge.fingerprint,
        prompt_id=prompt.id,
        completion_ids=(two[0].id, two[1].id),
        principle_id=principle.id,
        state=lost[0].state if lost else State.TRANSPORT,
        value=None,
        calls=tuple(call for each in lost for call in each.calls),
        detail=lost[0].detail if lost else "no passage was judged",
    )
    return why, replace(why, completion_ids=why.completion_ids[::-1])


PROTOCOL = Pairwise(
    name=NAME,
    says="advocates quote the best and the worst passage of each completion; what a judge says of each quote decides",
    ask=ask,
    templates=("checklist",),
    labels=("checklist",),
)
