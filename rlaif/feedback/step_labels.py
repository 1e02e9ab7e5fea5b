"""Labels of the steps of completions, for a process reward model: by rollouts, or by what a judge said of each step.

By rollouts (Math-Shepherd, 2312.08935): the policy goes on from the end of a step n times, and the share of these
answers that are right is P(the step is right). The last step is right where the answer is. An answer whose rightness
could not be told counts neither way; a step of which none could be told has no label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rlaif.feedback.sample import FailedDraw
from rlaif.hashing import derived_seed
from rlaif.judging.protocol import One
from rlaif.judging.step_rewards import beginnings
from rlaif.records import (
    RIGHT_STEP,
    WRONG_STEP,
    Completion,
    Engine,
    Example,
    GenerateRequest,
    Judgment,
    Prompt,
    Sampling,
)

Check = Callable[[Sequence[One]], Mapping[str, float | None]]
"""From answers, P(right) of each by its id; None where that could not be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledStep:
    """The beginning of an answer up to the end of one of its steps."""

    prompt: Prompt
    text: str
    completion: Completion
    """The whole answer."""
    number: int
    """Of the step, from 1 on."""
    p: float | None
    """P(right); None where nothing could be told."""
    rollouts: int = 0
    """How many answers it was told from, where these were drawn for it."""


class RolledOut(NamedTuple):
    """Labelled steps, and the draws that failed."""

    steps: list[LabelledStep]
    failed: list[FailedDraw]


def label_by_rollouts(
    engine: Engine,
    items: Sequence[One],
    check: Check,
    *,
    n: int,
    sampling: Sampling,
    seed: int,
    only_last: bool = False,
) -> RolledOut:
    """Label the steps of completions that came to an end; equal beginnings of one prompt are rolled out once.

    Args:
        engine: the policy, which goes on with an answer that is begun.
        items: prompts with their completions.
        check: whether answers are right.
        n: rollouts of each step but the last.
        sampling: how they are drawn.
        seed: each draw's derives from it, the prompt and the beginning.
        only_last: label the last step alone: the outcome.
    """
    whole = [item for item in items if item[1].finish != "length" and not item[1].open_thought]
    whole = list({each.id: (prompt, each) for prompt, each in whole if not each.tool_calls}.values())
    found = {each.id: beginnings(each.text) for _, each in whole}
    asked: dict[Key, Prompt] = {}
    for prompt, each in () if only_last else whole:
        asked |= {(prompt.id, text): prompt for text in found[each.id][:-1]}
    drawn, failed = _rollouts(engine, asked, n, sampling, seed)
    ends = [(asked[key], each) for key, own in drawn.items() for each in own]
    right = check([*whole, *ends]) if whole else {}
    told = {key: _share([right.get(each.id) for each in own]) for key, own in drawn.items()}
    steps = [
        LabelledStep(
            prompt=prompt,
            text=text,
            completion=each,
            number=number,
            p=right.get(each.id) if number == len(texts) else told[prompt.id, text][0],
            rollouts=0 if number == len(texts) else told[prompt.id, text][1],
        )
        for prompt, each in whole
        for texts in (found[each.id],)
        for number, text in enumerate(texts, 1)
        if number == len(texts) or not only_last
    ]
    return RolledOut(steps, failed)


def _share(numbers: Sequence[float | None]) -> tuple[float | None, int]:
    known = [each for each in numbers if each is not None]
    return (sum(known) / len(known) if known else None), len(known)


Key = tuple[str, str]
"""The id of a prompt, and the beginning of an answer to it."""


def _rollouts(
    engine: Engine, asked: Mapping[Key, Prompt], n: int, sampling: Sampling, seed: int
) -> tuple[dict[Key, list[Completion]], list[FailedDraw]]:
    """By beginning, the whole answers that the policy made of it; one that was cut off is none."""
    requests = {
        f"{prompt.id}|{derived_seed(text)}|{draw}": (key, draw, _going_on(prompt, text, draw, sampling, seed))
        for key, prompt in asked.items()
        for text in (key[1],)
        for draw in range(n)
    }
    replies = {
        each.request_id: each
        for each in engine.generate(replace(request, id=name) for name, (_, _, request) in requests.items())
    }
    drawn: dict[Key, list[Completion]] = {key: [] for key in asked}
    failed = []
    for name, (key, draw, _) in requests.items():
        reply, prompt = replies.get(name), asked[key]
        if reply is None or reply.error is not None:
            reason = "no answer came back" if reply is None else str(reply.error)
            failed.append(FailedDraw(prompt=prompt, draw=draw, reason=reason))
        elif reply.finish != "length":
            text = key[1] + reply.text
            drawn[key].append(
                Completion(
                    prompt_id=prompt.id, text=text, policy=engine.fingerprint, draw=draw, finish=reply.finish
                )
            )
    return drawn, failed


def _going_on(prompt: Prompt, text: str, draw: int, sampling: Sampling, seed: int) -> GenerateRequest:
    return GenerateRequest(
        id="",
        messages=prompt.messages,
        sampling=sampling,
        seed=derived_seed(seed, "step", prompt.id, text, draw),
        draw=draw,
        tools=prompt.tools,
        assistant_prefix=text,
    )


def label_by_judgments(items: Sequence[One], judgments: Sequence[Judgment]) -> list[LabelledStep]:
    """The steps of completions with what a judge said of each (protocol `steps`); what it did not say is no label."""
    said = {each.completion_ids[0]: each for each in judgments if each.steps}
    unique = {each.id: (prompt, each) for prompt, each in items}
    return [
        LabelledStep(prompt=prompt, text=text, completion=each, number=number, p=row["p"])
        for prompt, each in unique.values()
        if each.id in said and len(said[each.id].steps) == len(beginnings(each.text))
        for number, (text, row) in enumerate(zip(beginnings(each.text), said[each.id].steps, strict=True), 1)
    ]


def step_examples(steps: Sequence[LabelledStep], *, hard: bool = False) -> list[Example]:
    """Examples that `rlaif train process-reward` learns from: each beginning right by its label, and wrong by the rest.

    `hard`: a step is right where any rollout was, or where the judge finds that likelier than not. Equal beginnings of
    one prompt that stand in several completions are there as often.
    """
    found = []
    for each in steps:
        if each.p is None:
            continue
        p = float(each.p > 0 if each.rollouts else each.p > 0.5) if hard else each.p
        turn = replace(each.completion.turns[-1], content=each.text, thought="")
        messages = (*each.prompt.messages, *each.completion.lead, turn)
        shares = {RIGHT_STEP: p, WRONG_STEP: 1 - p}
        found += [
            Example(messages=messages, tools=each.prompt.tools, kind=kind, weight=share)
            for kind, share in shares.items()
            if share > 0
        ]
    return found
