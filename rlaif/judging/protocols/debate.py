"""`debate`: somebody argues for each side, then the judge, who has read both, says A or B (2402.06782)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from rlaif.constitution import applies
from rlaif.judging.ask import Asked, Replies, ask_texts
from rlaif.judging.labels import AB, CallReading, read_share
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.parse import refuses, said
from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols.kinds import Asking, Pairwise, model
from rlaif.records import Completion, Judgment, Principle, Prompt, State


class _Case(NamedTuple):
    """Two completions in the order shown, and the principle that they are debated by."""

    prompt: Prompt
    pair: tuple[Completion, Completion]
    principle: Principle


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """The judge argues for both sides of each order, then decides; where one side is silent nothing is decided."""
    debater = model(judge, "debate")
    cases = list(_cases(items, principles))
    argued = list(zip(*(_argued(debater, cases, side, how) for side in "AB"), strict=True))
    heard = [place for place, sides in enumerate(argued) if all(each.readings[0].value for each in sides)]
    questions = (_last_question(debater, cases[place], argued[place]) for place in heard)
    read = partial(read_share, AB, "A", State.PREFERENCE)
    ruled = debater.labelled("debate", questions, AB, read)
    decided = dict(zip(heard, ruled, strict=True))
    return [_ruling(debater, sides, decided.get(place)) for place, sides in enumerate(argued)]


def _cases(items: Sequence[Two], principles: Sequence[Principle]) -> Iterator[_Case]:
    for prompt, one, other in items:
        for pair in ((one, other), (other, one)):
            for principle in principles:
                if applies(principle, prompt):
                    yield _Case(prompt, pair, principle)


def _argued(judge: ModelJudge, cases: Sequence[_Case], side: str, how: Asking) -> list[Replies]:
    writing = how.writing(options=judge.options, max_tokens=judge.options.lengths.argument)
    questions = (judge.asked("argue", *case, side=side) for case in cases)
    return ask_texts(judge.engine, f"argue {side}", questions, _argument, writing)


def _argument(text: str) -> CallReading:
    """The argument as the detail of a reading: it is shown to the judge, and is no number."""
    argument = said(text)
    if argument is None or not argument.strip():
        return CallReading(State.UNREADABLE, detail="there is no argument")
    if refuses(argument):
        return CallReading(State.JUDGE_REFUSED, detail="will not argue")
    return CallReading(State.SCORE, 1.0, detail=argument.strip())


def _last_question(judge: ModelJudge, case: _Case, sides: Sequence[Replies]) -> Asked:
    for_a, for_b = (each.readings[0].detail for each in sides)
    return judge.asked(judge.before_label("debate"), *case, argument_a=for_a, argument_b=for_b)


def _ruling(judge: ModelJudge, sides: Sequence[Replies], ruling: Judgment | None) -> Judgment:
    calls = tuple(call for each in sides for call in each.calls)
    if ruling is not None:
        return replace(ruling, calls=(*calls, *ruling.calls))
    silent = next(each for each in sides if each.readings[0].value is None)
    return silent.asked.judgment("debate", judge.fingerprint, calls, silent.readings[0])


PROTOCOL = Pairwise(
    name="debate",
    says="an argument for each side, then A or B, in both orders",
    ask=ask,
    judges=(ModelJudge,),
    templates=("argue", "debate"),
    labels=("debate",),
    writes=True,
)
