"""`steps`: is each step right, given those before it? A completion is as right as its least right step.

The steps of one text are its lines. Of a completion of several turns, as where tools were called, each turn of the
assistant is a step, its calls included; what stands between them, such as a tool's result, is shown and not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from rlaif.judging.ask import Asked
from rlaif.judging.labels import YES_NO, read_share
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, model
from rlaif.judging.scales import ORDER
from rlaif.judging.shown import Sees, shown_prompt, shown_turns
from rlaif.records import Completion, Judgment, Principle, State

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


class ShownStep(NamedTuple):
    """One step of a completion."""

    turn: int
    """Which of the completion's turns it stands in, from 1 on."""
    shown: str
    """All up to its end, as a judge is shown it."""


def steps_of(text: str) -> list[str]:
    """The lines of a text that are not blank; the sentences of a text of one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        return lines
    return [each for each in _SENTENCE.split(lines[0]) if each]


def steps(completion: Completion, sees: Sees = "answer") -> list[ShownStep]:
    """The steps of a completion: turns of the assistant where there are several turns or a call, else lines.

    Where a judge sees the thought of a completion of one turn, its lines are steps too.
    """
    turns = completion.turns
    if len(turns) == 1 and not completion.tool_calls:
        thought = steps_of(completion.thought) if sees == "all" else []
        lines = [*thought, *steps_of(completion.text)]
        return [ShownStep(1, "\n".join(lines[:number])) for number in range(1, len(lines) + 1)]
    return [
        ShownStep(number, shown_turns(turns[:number], sees))
        for number, each in enumerate(turns, 1)
        if each.role == "assistant"
    ]


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Return one judgment per completion: the probability that its least correct step is correct.

    The judgment holds those of all steps beside it. Principles are not asked about. The minimum is taken, not the
    product (2312.08935): a product would favour short solutions.
    """
    asked = model(judge, "steps")
    read = partial(read_share, YES_NO, "yes", State.SCORE)
    found = {completion.id: steps(completion, asked.options.judge_sees) for _, completion in items}
    questions = (
        each for prompt, completion in items for each in _questions(asked, (prompt, completion), found)
    )
    said: dict[str, list[Judgment]] = {}
    for each in asked.labelled("steps", questions, YES_NO, read):
        said.setdefault(each.completion_ids[0], []).append(each)
    return [
        _least(said[completion.id], found[completion.id])
        if completion.id in said
        else Judgment(
            protocol="steps",
            judge=asked.fingerprint,
            prompt_id=prompt.id,
            completion_ids=(completion.id,),
            principle_id=None,
            state=State.ABSTAIN,
            value=None,
            detail="the completion has no step",
        )
        for prompt, completion in items
    ]


def _questions(judge: ModelJudge, item: One, found: dict[str, list[ShownStep]]) -> Iterator[Asked]:
    prompt, completion = item
    template = judge.template(judge.before_label("step"))
    seen = shown_prompt(prompt, judge.options.judge_sees)
    for number, step in enumerate(found[completion.id], 1):
        text = template.render(prompt=seen, steps=step.shown)
        # the number of the step keeps the ids of one completion's questions apart
        yield Asked(text, prompt.id, (completion.id,), str(number))


def _least(said: Sequence[Judgment], found: Sequence[ShownStep]) -> Judgment:
    calls = tuple(call for each in said for call in each.calls)
    failed = next((each for each in said if each.value is None), None)
    least = failed or min(said, key=lambda each: each.value or 0.0)
    rows = tuple(
        {"step": number, "turn": step.turn, "state": each.state.value, "p": each.value}
        for number, (each, step) in enumerate(zip(said, found, strict=True), 1)
    )
    detail = least.detail or f"step {least.principle_id} decides"
    return replace(least, principle_id=None, calls=calls, detail=detail, steps=rows)


PROTOCOL = Pointwise(
    name="steps",
    says="P(the last step is right) of every step; the least right one counts",
    ask=ask,
    judges=(ModelJudge,),
    templates=("step",),
    labels=("step",),
    scale=ORDER,
    measured_on=("sum", "right-sum"),
)
