"""Rubrics that a model writes: from a prompt, of its completions, of a pair; checked and refined by a judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rlaif.judging.ask import Asked, Writing, ask_texts
from rlaif.judging.labels import CallReading
from rlaif.judging.parse import STILL_THINKING, said
from rlaif.judging.rubric_text import read_rubric, rubric_lines
from rlaif.judging.rubrics import broken, unread_hard
from rlaif.judging.shown import shown, shown_prompt
from rlaif.records import Completion, Engine, Judgment, Pair, Prompt, Rubric, State, completion_of
from rlaif.templates import Template, load_template

FORM = "rubric-form"
TEMPLATES = (
    FORM,
    "rubric-prompt",
    "rubric-reference",
    "rubric-completions",
    "rubric-pairs",
    "rubric-refine",
)
Scored = Callable[[Sequence[tuple[Prompt, Completion]], Sequence[Rubric]], Sequence[Judgment]]
"""Judges completions by the rubrics of their prompts."""


class RubricRequest(NamedTuple):
    """A question for a rubric: the prompt that it is for, the exact text, and what it is made of."""

    prompt: Prompt
    text: str
    source: str
    """What each criterion says as its source."""
    sides: tuple[str, ...] = ()
    """Ids of what is shown beside the prompt."""
    parent: str = ""
    """Digest of the rubric that is written anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRubrics:
    """What came of asking for rubrics."""

    rubrics: list[Rubric]
    lost: Mapping[str, int] = field(default_factory=dict)
    """How many questions gave no rubric, by the reason."""
    merged: int = 0
    """Criteria that said what another one of their rubric said."""


def from_prompt(prompt: Prompt, reference: str, count: int) -> RubricRequest:
    """Ask for the rubric of a prompt, with an answer that is known to be good where there is one (2507.17746)."""
    if reference:
        text = load_template("rubric-reference").render(
            prompt=shown_prompt(prompt, "answer"), response=reference
        )
        return RubricRequest(prompt, _in_form(text, count), "prompt and reference")
    text = load_template("rubric-prompt").render(prompt=shown_prompt(prompt, "answer"))
    return RubricRequest(prompt, _in_form(text, count), "prompt")


def from_completions(prompt: Prompt, completions: Sequence[Completion], count: int) -> RubricRequest:
    """Ask for the rubric of a prompt with candidate responses shown (RLCF, 2507.18624)."""
    listed = "\n\n".join(
        f"Response {place}:\n{shown(each, 'answer')}" for place, each in enumerate(completions, 1)
    )
    text = load_template("rubric-completions").render(prompt=shown_prompt(prompt, "answer"), responses=listed)
    return RubricRequest(prompt, _in_form(text, count), "completions", tuple(each.id for each in completions))


def from_pair(pair: Pair, count: int) -> RubricRequest:
    """Ask why the chosen side was chosen: hard rules of the prompt, and principles (CRG, 2510.07743)."""
    prompt, (chosen, rejected) = prompt_of(pair), sides_of(pair)
    text = load_template("rubric-pairs").render(
        prompt=shown_prompt(prompt, "answer"),
        chosen=shown(chosen, "answer"),
        rejected=shown(rejected, "answer"),
    )
    return RubricRequest(prompt, _in_form(text, count), "pair", (chosen.id, rejected.id))


def refined(prompt: Prompt, rubric: Rubric, best: Sequence[Completion], count: int) -> RubricRequest:
    """Ask for a rubric anew that does not tell the two best completions apart (2509.21500)."""
    one, other = best
    text = load_template("rubric-refine").render(
        prompt=shown_prompt(prompt, "answer"),
        rubric=rubric_lines(rubric.criteria),
        response_a=shown(one, "answer"),
        response_b=shown(other, "answer"),
    )
    return RubricRequest(prompt, _in_form(text, count), "refined", (one.id, other.id), rubric.digest)


def prompt_of(pair: Pair) -> Prompt:
    """The prompt of a pair."""
    return Prompt(messages=pair.prompt, tools=pair.tools)


def sides_of(pair: Pair) -> tuple[Completion, Completion]:
    """The chosen and the rejected side as completions."""
    name = prompt_of(pair).id
    return (
        completion_of(name, pair.chosen, policy="pair", draw=0),
        completion_of(name, pair.rejected, policy="pair", draw=1),
    )


def written(engine: Engine, asked: Sequence[RubricRequest], how: Writing) -> WrittenRubrics:
    """Ask for rubrics. What is unreadable after `how.again` more tries is counted: there is no rubric in its place."""
    if not asked:
        return WrittenRubrics(rubrics=[])
    questions = [Asked(each.text, each.prompt.id, (each.prompt.id, *each.sides), None) for each in asked]
    rubrics: list[Rubric] = []
    lost: Counter[str] = Counter()
    doubled = 0
    for each, reply in zip(asked, ask_texts(engine, FORM, questions, _read, how), strict=True):
        reading = reply.readings[0]
        if reading.value is None:
            lost[reading.state.value] += 1
            continue
        found = read_rubric(reading.detail, each.source)
        doubled += found.merged
        rubrics.append(
            Rubric(
                prompt=each.prompt.messages,
                tools=each.prompt.tools,
                criteria=found.criteria,
                parent=each.parent,
                made={"writer": engine.fingerprint, "of": each.source, "sides": list(each.sides)},
            )
        )
    return WrittenRubrics(rubrics=rubrics, lost=dict(lost), merged=doubled)


def consistent(
    rubrics: Sequence[Rubric], pairs: Sequence[Pair], judged: Scored
) -> tuple[list[Rubric], Counter[str]]:
    """Keep the rubrics by which a judge gives the label of their pair back (2510.07743); count the others by reason.

    A rubric by which one side could not be judged is not kept either: nothing speaks for it.
    """
    by_prompt = {prompt_of(each).id: each for each in pairs}
    items = [
        (prompt_of(by_prompt[each.prompt_id]), side)
        for each in rubrics
        for side in sides_of(by_prompt[each.prompt_id])
    ]
    said_of = {each.completion_ids[0]: each for each in judged(items, rubrics) if each.principle_id is None}
    kept: list[Rubric] = []
    why: Counter[str] = Counter()
    for each in rubrics:
        chosen, rejected = (said_of.get(side.id) for side in sides_of(by_prompt[each.prompt_id]))
        keys = rank_key(chosen), rank_key(rejected)
        if keys[0] is None or keys[1] is None:
            why["not judged"] += 1
        elif keys[0] > keys[1]:
            kept.append(each)
        else:
            why["another label" if keys[0] < keys[1] else "does not distinguish"] += 1
    return kept, why


def tied(
    drawn: Mapping[str, Sequence[tuple[Prompt, Completion]]], rubrics: Sequence[Rubric], judged: Scored
) -> list[tuple[Rubric, Prompt, list[Completion]]]:
    """The rubrics by which the two best completions of their prompt are alike, with these two."""
    items = [item for each in rubrics for item in drawn.get(each.prompt_id, ())]
    said_of = {each.completion_ids[0]: each for each in judged(items, rubrics) if each.principle_id is None}
    found = []
    for rubric in rubrics:
        own = {each.id: (prompt, each) for prompt, each in drawn.get(rubric.prompt_id, ())}
        ranked = sorted(
            ((key, name) for name in own if (key := rank_key(said_of.get(name))) is not None), reverse=True
        )
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            best = [own[name][1] for _, name in ranked[:2]]
            found.append((rubric, own[ranked[0][1]][0], best))
    return found


def rank_key(judgment: Judgment | None) -> tuple[int, float] | None:
    """What orders completions by a rubric: failed hard criteria before the number; None where it cannot be told."""
    if judgment is None or judgment.value is None or unread_hard(judgment):
        return None
    return -len(broken(judgment)), judgment.value


def _read(text: str) -> CallReading:
    """The rubric's lines in the detail: a rubric is no number."""
    own = said(text)
    if own is None:
        return CallReading(State.UNREADABLE, detail=STILL_THINKING)
    found = read_rubric(own, "")
    if found.problem:
        return CallReading(State.JUDGE_REFUSED if found.refused else State.UNREADABLE, detail=found.problem)
    return CallReading(State.SCORE, 1.0, detail=own)


def _in_form(text: str, count: int) -> str:
    form: Template = load_template(FORM)
    return f"{text}\n{form.render(count=str(count))}"
