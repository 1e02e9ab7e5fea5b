"""`debate-quotes`: two advocates quote from the completions, and the judge sees the quotes alone (2402.06782).

The advocate of a completion quotes the passage of it that follows the principle most, and the passage of the other that
follows it least: best of N by what the judge says of each passage, each a piece of the text, so that none is invented.
Whoever decides has not read the completions: of each it sees what its own advocate and the other one have quoted.
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

    @property
    def shown(self) -> str:
        """The quotes as the judge sees them; a passage that both quote stands once."""
        return self.best if self.best == self.worst else f"{self.best} {self.worst}"


def passages(text: str, most: int = PASSAGES) -> list[str]:
    """The sentences of a text, at most `most` pieces; one that has no end of a sentence is one piece."""
    found = [each.strip() for each in _END.split(text) if each.strip()]
    size = -(-len(found) // most) if found else 1
    return [" ".join(found[place : place + size]) for place in range(0, len(found), size)] or [text]


def quoted(scores: Mapping[str, float]) -> Quoted:
    """The quotes from passages with P(follows the principle) each; of equal ones the first."""
    return Quoted(max(scores, key=scores.__getitem__), min(scores, key=scores.__getitem__))


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], _: Asking) -> list[Judgment]:
    """The judge says of each passage how well it follows each principle, then decides by the quotes, in both orders."""
    scores, failed = _passage_scores(judge, items, principles)
    found: dict[tuple[int, int], tuple[Judgment, Judgment]] = {}
    for number, principle in enumerate(principles):
        places = [place for place, (prompt, *_two) in enumerate(items) if applies(principle, prompt)]
        heard = [
            place for place in places if all((each.id, principle.id) in scores for each in items[place][1:])
        ]
        asked = [_excerpts(items[place], principle, scores) for place in heard]
        said = iter(judge.compare(asked, [principle]) if asked else ())
        for place in heard:
            found[place, number] = _of(items[place], next(said)), _of(items[place], next(said), swapped=True)
        for place in set(places) - set(heard):
            found[place, number] = _unheard(judge, items[place], principle, failed)
    return [
        found[place, number][order]
        for place in range(len(items))
        for order in (0, 1)
        for number in range(len(principles))
        if (place, number) in found
    ]


Scores = dict[tuple[str, str], dict[str, float]]
"""By completion and principle: P(follows it) of each passage."""


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
                scores.setdefault(key, {})[text] = each.value
    return scores, failed


def _excerpts(item: Two, principle: Principle, scores: Scores) -> Two:
    prompt, *two = item
    one, other = (
        Completion(prompt_id=prompt.id, text=quoted(scores[each.id, principle.id]).shown, policy=each.policy)
        for each in two
    )
    return prompt, one, other


def _of(item: Two, said: Judgment, *, swapped: bool = False) -> Judgment:
    """What was said of quotes, as said of the completions that they are from."""
    _, one, other = item
    ids = (other.id, one.id) if swapped else (one.id, other.id)
    return replace(said, protocol=NAME, completion_ids=ids)


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
    says="advocates quote from the completions, and a judge that sees the quotes alone says A or B, in both orders",
    ask=ask,
    templates=("checklist", "compare"),
    labels=("checklist", "compare"),
)
