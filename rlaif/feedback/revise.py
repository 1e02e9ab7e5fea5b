"""A response written anew so that it follows a principle it broke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from rlaif.feedback.written import Question, UnusableReply, WrittenText, write_texts
from rlaif.hashing import derived_seed
from rlaif.judging.lengths import LENGTHS
from rlaif.judging.shown import Sees, shown, shown_prompt
from rlaif.records import Completion, Engine, Message, Origin, Principle, Prompt, Sampling
from rlaif.templates import Template, load_template, numbered

SAMPLING = Sampling(temperature=0.0, max_tokens=LENGTHS.revision)
TEMPLATE, DIRECT = "revise", "revise-direct"
"""What a reviser is asked by: with a critique, and without one."""
REVISION = "revision"
"""The kind of a revision's origin."""


class Outcome(StrEnum):
    """What came of one critique and revision."""

    REVISED = "revised"
    NO_VIOLATION = "the critique names no violation"
    CRITIQUE_FAILED = "the critique failed"
    CRITIQUE_BROKE_OFF = "the critique broke off"
    CRITIQUE_EMPTY = "the critique is empty"
    CRITIQUE_REFUSED = "the critic refused"
    FAILED = "the revision failed"
    BROKE_OFF = "the revision broke off"
    EMPTY = "the revision is empty"
    UNCHANGED = "the revision changed nothing"
    TOOL_CALL = "it ends in a call of a tool"
    NO_ANSWER = "its thought never ended: there is no answer"
    NO_PRINCIPLE = "no principle applies to its prompt"
    NOT_JUDGED = "no judgment says which principle it breaks"


class Revisable(NamedTuple):
    """A response, what is wrong with it, and the principles that the next one shall follow."""

    prompt: Prompt
    completion: Completion
    critique: str
    principles: Sequence[Principle]


class Revision(NamedTuple):
    """What came of a revision, and the completion where one was made."""

    outcome: Outcome
    completion: Completion | None = None


def refusal_of(completion: Completion) -> Outcome | None:
    """Why a completion cannot be revised: a text is no call of a tool, and of no answer there is none to revise."""
    if completion.tool_calls:
        return Outcome.TOOL_CALL
    return Outcome.NO_ANSWER if completion.open_thought else None


def revise(
    engine: Engine,
    items: Sequence[Revisable],
    *,
    template: Template | None = None,
    sampling: Sampling = SAMPLING,
    seeds: Sequence[int] | None = None,
    sees: Sees = "answer",
) -> list[Revision]:
    """The revision of each item, in their order, or why there is none: see `Outcome`.

    A completion of several turns is shown whole, as `sees` says, and its last turn is written anew: the turns before it
    stay. What the reviser thought is its own, and no thought of the revision. An item without a critique is revised by
    its principles alone.
    """
    refused = [refusal_of(each.completion) for each in items]
    open_ones = [place for place, why in enumerate(refused) if why is None]
    templates = {
        critique: template or load_template(TEMPLATE if critique else DIRECT) for critique in (True, False)
    }
    questions = [
        Question(
            messages=_question(templates[bool(items[place].critique)], items[place], sees),
            seed=_seed(items[place]) if seeds is None else seeds[place],
        )
        for place in open_ones
    ]
    written = dict(zip(open_ones, write_texts(engine, questions, sampling), strict=True))
    return [
        Revision(why) if why is not None else _revision(items[place], written[place], engine.fingerprint)
        for place, why in enumerate(refused)
    ]


def _question(template: Template, item: Revisable, sees: Sees) -> tuple[Message, ...]:
    slots = {
        "prompt": shown_prompt(item.prompt, sees),
        "response": shown(item.completion, sees),
        "principle": _rules(item.principles),
    }
    return template.turns(**slots, **({"critique": item.critique} if item.critique else {}))


def _seed(item: Revisable) -> int:
    return derived_seed(0, "revise", item.completion.id, item.principles[0].id)


def _revision(item: Revisable, written: WrittenText, policy: str) -> Revision:
    before = item.completion
    if written.problem is not None:
        return Revision(_PROBLEMS[written.problem])
    if written.text == before.text.strip():
        return Revision(Outcome.UNCHANGED)
    made = Completion(
        prompt_id=before.prompt_id,
        text=written.text,
        policy=policy,
        draw=before.draw,
        lead=before.lead,
        name=before.name,
        origin=Origin(
            kind=REVISION,
            parent=before.id,
            stage=stage_of(before) + 1,
            critique=item.critique,
            principle=",".join(each.id for each in item.principles),
        ),
    )
    return Revision(Outcome.REVISED, made)


_PROBLEMS = {
    UnusableReply.FAILED: Outcome.FAILED,
    UnusableReply.BROKE_OFF: Outcome.BROKE_OFF,
    UnusableReply.EMPTY: Outcome.EMPTY,
}


def stage_of(completion: Completion) -> int:
    """How many critique-revision steps a completion has behind it."""
    return (
        completion.origin.stage if completion.origin is not None and completion.origin.kind == REVISION else 0
    )


def at_stage(completion: Completion, stage: int) -> Completion:
    """The revision as that of a step: of one that came after steps in which nothing was revised."""
    assert completion.origin is not None
    return replace(completion, origin=replace(completion.origin, stage=stage))


def _rules(principles: Sequence[Principle]) -> str:
    texts = [f"{each.text} {each.revise}" if each.revise else each.text for each in principles]
    return texts[0] if len(texts) == 1 else "\n" + numbered(texts)
