"""`rubric`: P(true) of each criterion, one a call, summed by weight to one number a completion (2507.17746)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from rlaif.engines.base import capabilities_of
from rlaif.judging.ask import Asked
from rlaif.judging.cot import CLAMP
from rlaif.judging.labels import YES_NO, read_share
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise
from rlaif.judging.rubrics import Criteria, criteria_by_prompt, summed
from rlaif.judging.scales import HALF, Scale
from rlaif.judging.yes_no import read_yes_no
from rlaif.records import Judgment, Principle, State
from rlaif.templates import load_template

NAME, STATEMENT, RULE = "rubric", "criterion", "checklist"
NUMBERS = Scale(lowest=-1.0, highest=1.0, broken_below=HALF)
"""A weighted mean with weights below 0. Hard criteria are read each by itself, true from one half on."""


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """One judgment a completion, of all criteria that apply to its prompt, each asked by itself.

    A judge of texts without log-probabilities writes its yes or no; a judge that is no model is asked its checklist.
    """
    criteria = criteria_by_prompt((prompt for prompt, _ in items), principles)
    found = (
        _by_model(judge, items, criteria, how)
        if isinstance(judge, ModelJudge)
        else _by_checklist(judge, items, criteria)
    )
    said = {(each.completion_ids[0], str(each.principle_id)): each for each in found}
    return summed(NAME, judge.fingerprint, items, criteria, said)


def _by_model(
    judge: ModelJudge, items: Sequence[One], criteria: Mapping[str, Criteria], how: Asking
) -> list[Judgment]:
    def questions(template: str) -> Iterator[Asked]:
        for prompt, completion in items:
            # all criteria of a completion are neighbours: they share the long beginning, which is computed once
            for each in criteria[prompt.id]:
                yield judge.asked(template, prompt, [completion], each)

    if judge.in_writing:
        writing = how.writing(options=judge.options)
        return judge.voted("checklist-cot", questions(f"{STATEMENT}-cot"), read_yes_no, writing, CLAMP)
    # a model of few words, as the bundled ones are, knows a statement as a rule only
    reads = capabilities_of(judge.engine).reads(load_template(STATEMENT).words)
    template = judge.before_label(STATEMENT if reads else RULE)
    return judge.labelled(
        "checklist", questions(template), YES_NO, partial(read_share, YES_NO, "yes", State.SCORE)
    )


def _by_checklist(judge: Judge, items: Sequence[One], criteria: Mapping[str, Criteria]) -> list[Judgment]:
    groups: dict[tuple[str, ...], tuple[Criteria, list[One]]] = {}
    for prompt, completion in items:
        own = criteria[prompt.id]
        key = tuple(tag for each in own for tag in (each.id, each.text))
        groups.setdefault(key, (own, []))[1].append((prompt, completion))
    return [each for own, group in groups.values() if own for each in judge.checklist(group, own)]


PROTOCOL = Pointwise(
    name=NAME,
    says="P(true) of each criterion of a prompt's rubric, one a call, as one weighted number",
    ask=ask,
    templates=(STATEMENT, RULE),
    labels=(STATEMENT, RULE),
    scale=NUMBERS,
    by_rubrics=True,
)
