"""`rubric-list`: as `rubric`, all criteria of a completion in one call, which is answered by a written list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rlaif.engines.base import capabilities_of
from rlaif.errors import InputError
from rlaif.judging.ask import Asked, Replies, ask_texts
from rlaif.judging.cot import read_votes
from rlaif.judging.labels import CallReading
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, model
from rlaif.judging.protocols.rubric import NUMBERS
from rlaif.judging.rubric_reply import read_list
from rlaif.judging.rubrics import Criteria, criteria_by_prompt, summed
from rlaif.judging.shown import shown_sides
from rlaif.records import Judgment, Principle, State
from rlaif.templates import load_template, numbered

NAME = "rubric-list"
A_LINE = 8
"""Tokens of one line of the list, at most."""


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """One judgment a completion. Raises InputError for a model that cannot read the words of the question."""
    asked = model(judge, NAME)
    if not capabilities_of(asked.engine).reads(load_template(NAME).words):
        raise InputError(
            f"{asked.name}: does not know all words of the template {NAME}.txt, by which all criteria are asked in one "
            "call; ask one a call by `protocol: rubric`"
        )
    criteria = criteria_by_prompt((prompt for prompt, _ in items), principles)
    by_count: dict[int, list[One]] = {}
    for prompt, completion in items:
        by_count.setdefault(len(criteria[prompt.id]), []).append((prompt, completion))
    said: dict[tuple[str, str], Judgment] = {}
    for count, group in by_count.items():
        if count:
            said |= _lists(asked, group, criteria, count, how)
    return summed(NAME, judge.fingerprint, items, criteria, said)


def _lists(
    judge: ModelJudge, items: Sequence[One], criteria: Mapping[str, Criteria], count: int, how: Asking
) -> dict[tuple[str, str], Judgment]:
    """What is said of completions whose rubrics have `count` criteria."""
    questions = [_question(judge, each, criteria[each[0].id]) for each in items]
    room = judge.options.lengths.verdict + A_LINE * count
    writing = how.writing(options=judge.options, max_tokens=room)
    replies = ask_texts(judge.engine, NAME, questions, lambda text: _read(text, count), writing)
    return {
        (completion.id, each.id): _judgment(judge, reply, each, place)
        for (prompt, completion), reply in zip(items, replies, strict=True)
        for place, each in enumerate(criteria[prompt.id])
    }


def _question(judge: ModelJudge, item: One, criteria: Criteria) -> Asked:
    prompt, completion = item
    seen = shown_sides([completion.turns], judge.options.judge_sees, open_thoughts=[completion.open_thought])
    listed = numbered([each.text for each in criteria])
    return Asked(
        judge.question(NAME, prompt, seen, None, principles=listed), prompt.id, (completion.id,), None
    )


def _read(text: str, count: int) -> CallReading:
    """The answers as digits in the detail, `2` for none: a list is no number."""
    whole, clear = read_list(text, count)
    if whole.value is None:
        return whole
    return whole._replace(detail="".join(str(int(clear.get(place, 2))) for place in range(1, count + 1)))


def _judgment(judge: ModelJudge, reply: Replies, criterion: Principle, place: int) -> Judgment:
    """What the texts to a question say of the criterion at a place: the share of those that say yes."""
    readings = [each if each.value is None else _answer(each.detail[place]) for each in reply.readings]
    about = reply.asked._replace(principle_id=criterion.id)
    return about.judgment("checklist", judge.fingerprint, reply.calls, read_votes(readings))


def _answer(digit: str) -> CallReading:
    if digit == "2":
        return CallReading(State.UNREADABLE, detail="the list has no clear answer to this statement")
    return CallReading(State.SCORE, float(digit))


PROTOCOL = Pointwise(
    name=NAME,
    says="all criteria of a prompt's rubric in one call, answered by a written list",
    ask=ask,
    judges=(ModelJudge,),
    templates=(NAME,),
    writes=True,
    reads_text=True,
    votes=True,
    scale=NUMBERS,
    by_rubrics=True,
    sample_reply="\n1: yes",
)
