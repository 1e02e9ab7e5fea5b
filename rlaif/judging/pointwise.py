"""Pointwise judging: each different completion is put to the judge once, hard principles included."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.ask_protocol import ask_pointwise
from rlaif.judging.protocol import Judge, One, reads_principles
from rlaif.judging.protocols import PER_PRINCIPLE, Asking, pointwise
from rlaif.judging.rubrics import as_principles, under
from rlaif.records import Constitution, Judgment, Rubric


def judge_pointwise(
    judge: Judge,
    constitution: Constitution,
    drawn: Sequence[One],
    name: str = PER_PRINCIPLE,
    how: Asking | None = None,
    *,
    truncated: bool = False,
) -> list[Judgment]:
    """Judge each different completion by the pointwise protocol `name`; none that was cut off, for it is no choice.

    With `truncated` those too: they may be rejected. Never one whose thought did not end: there is no answer.

    A protocol that only orders completions, or reads no principles, cannot say that a hard principle is violated:
    the checklist says that.
    """
    unique = _unique(drawn, truncated=truncated)
    chosen = pointwise(name)
    hard = [] if chosen.absolute else judge_hard_principles(judge, constitution, unique)
    asked = [each for each in constitution.principles if not (hard and each.hard)]
    return [*ask_pointwise(chosen, judge, unique, asked, how or Asking()), *hard]


def judge_by_rubrics(
    judge: Judge,
    constitution: Constitution,
    drawn: Sequence[One],
    rubrics: Sequence[Rubric],
    name: str,
    how: Asking | None = None,
    *,
    truncated: bool = False,
) -> list[Judgment]:
    """Judge each different completion by the rubric of its prompt, by a protocol that asks criteria.

    Beside it the hard principles of the constitution are asked, which stay above every rubric. A completion whose
    prompt has no rubric is judged by nothing; of several rubrics of one prompt the last counts.
    """
    own = {each.prompt_id: each for each in rubrics}
    unique = [(prompt, each) for prompt, each in _unique(drawn, truncated=truncated) if prompt.id in own]
    items = [(under(prompt, own[prompt.id]), each) for prompt, each in unique]
    criteria = as_principles(own[prompt.id] for prompt, _ in unique)
    found = ask_pointwise(pointwise(name), judge, items, criteria, how or Asking())
    return [*found, *judge_hard_principles(judge, constitution, unique)]


def _unique(drawn: Sequence[One], *, truncated: bool) -> list[One]:
    asked = [
        (prompt, each)
        for prompt, each in drawn
        if (truncated or each.finish != "length") and not each.open_thought
    ]
    return list({each.id: (prompt, each) for prompt, each in asked}.values())


def judge_hard_principles(judge: Judge, constitution: Constitution, drawn: Sequence[One]) -> list[Judgment]:
    """Judge each different completion by the hard principles alone; a judge that reads none says nothing of them."""
    hard = [each for each in constitution.principles if each.hard]
    if not hard or not reads_principles(judge):
        return []
    unique = list({each.id: (prompt, each) for prompt, each in drawn}.values())
    return [each for each in judge.checklist(unique, hard) if each.principle_id is not None]
