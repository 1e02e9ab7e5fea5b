"""`steps`: is each step right, given those before it? A completion is as right as its least right step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from rlaif.judging.ask import Asked, ask_labels, prompt_slot
from rlaif.judging.labels import YES_NO, read_share
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, model
from rlaif.judging.scales import ORDER
from rlaif.records import Judgment, Principle, State

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def steps_of(text: str) -> list[str]:
    """The lines of a text that are not blank; the sentences of a text of one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        return lines
    return [each for each in _SENTENCE.split(lines[0]) if each]


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """Return one judgment per completion: the probability that its least correct step is correct.

    Principles are not asked about. The minimum is taken, not the product (2312.08935): a product would favour short
    solutions.
    """
    asked = model(judge, "steps")
    read = partial(read_share, YES_NO, "yes", State.SCORE)
    questions = (each for prompt, completion in items for each in _questions(asked, (prompt, completion)))
    said: dict[str, list[Judgment]] = {}
    for each in ask_labels(asked.engine, "steps", questions, YES_NO.continuations, read):
        said.setdefault(each.completion_ids[0], []).append(each)
    return [
        _least(said[completion.id])
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


def _questions(judge: ModelJudge, item: One) -> Iterator[Asked]:
    prompt, completion = item
    steps = steps_of(completion.text)
    for number in range(1, len(steps) + 1):
        shown = "\n".join(steps[:number])
        text = judge.template("step").render(prompt=prompt_slot(prompt), steps=shown)
        # the number of the step keeps the ids of one completion's questions apart
        yield Asked(text, prompt.id, (completion.id,), str(number))


def _least(steps: Sequence[Judgment]) -> Judgment:
    calls = tuple(call for each in steps for call in each.calls)
    failed = next((each for each in steps if each.value is None), None)
    least = failed or min(steps, key=lambda each: each.value or 0.0)
    return replace(
        least, principle_id=None, calls=calls, detail=least.detail or f"step {least.principle_id} decides"
    )


PROTOCOL = Pointwise(
    name="steps",
    says="P(the last step is right) of every step; the least right one counts",
    ask=ask,
    judges=(ModelJudge,),
    templates=("step",),
    scale=ORDER,
    measured_on=("sum", "right-sum"),
)
