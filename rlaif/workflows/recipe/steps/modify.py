"""The step `modify`: both sides of a pair without a judge, the bad one a good answer to another instruction.

Self-Taught Evaluators (2408.02666): a model writes an instruction that is related to the prompt and not the same, and
answers that one well. For the prompt itself its answer is worse than one to the prompt, however well it reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from rlaif.auditing.sameness import NEAR, jaccard, shingles
from rlaif.hashing import derived_seed
from rlaif.judging.ask import turn
from rlaif.judging.parse import own_text
from rlaif.records import Completion, GenerateRequest, Origin, Prompt, prompt_name
from rlaif.settings import setting
from rlaif.templates import load_template
from rlaif.workflows.recipe.drawing import (
    BOTH,
    DRAW,
    DrawSettings,
    ShownPrompt,
    asked_prompts,
    check_draws,
    draw_shown,
    sampling_of,
    writers,
)
from rlaif.workflows.recipe.step import Expected, Facts, Job, RunJob, Step

KIND = "modified"
WRITER = "writer"
UNWRITTEN, SAME, ALIKE, NO_QUESTION = "unwritten", "same", "alike", "no question"
WORDS: Mapping[str, str] = {
    UNWRITTEN: "nobody wrote another instruction, or it broke off",
    SAME: "the other instruction is the prompt itself",
    ALIKE: "the other instruction is too near to the prompt",
    NO_QUESTION: "the prompt does not end with a user's turn",
}
MOSTLY = 0.5
"""Share of instructions that are dropped above which the table of rounds says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifySettings(DrawSettings):
    """How another instruction is asked for, and how both are answered."""

    ask: Literal["related", "similar"] = setting(
        "related",
        help="How it is asked for: `related` in subject, or `similar` in kind, as the bundled models know it.",
    )
    alike: float = setting(
        NEAR,
        help="Jaccard similarity of word triples with the prompt from which on an instruction is dropped.",
        above=0,
        most=1,
    )


class Other(NamedTuple):
    """A prompt and the instruction that was written in its place; None where there is none, and why."""

    prompt: Prompt
    text: str | None
    dropped: str = ""


class ModifiedSides(NamedTuple):
    """What was drawn, and what became of the instructions."""

    drawn: list[tuple[Prompt, Completion]]
    dropped: Mapping[str, int]
    written: int
    warnings: list[str]


def others(job: Job, prompts: list[Prompt]) -> list[Other]:
    """`n` other instructions for each prompt, in their order."""
    template, settings = load_template(f"{job.settings.ask}-prompt"), job.settings
    asked = [each for each in prompts if each.messages[-1].role == "user"]
    sampling = sampling_of(job, WRITER)

    def requests() -> Iterator[GenerateRequest]:
        for prompt in asked:
            for place in range(settings.n):
                yield GenerateRequest(
                    id=f"{prompt.id}|{place}",
                    messages=turn(template.render(prompt=prompt.text)),
                    sampling=sampling,
                    seed=derived_seed(job.seed, "modify", prompt.id, place),
                    draw=place,
                )

    replies = writers(job, WRITER).writer(job.model(WRITER)).generate(requests())
    written = {each.request_id: own_text(each) for each in replies}
    return [
        _other(prompt, written.get(f"{prompt.id}|{place}", ""), settings.alike)
        for prompt in prompts
        for place in range(settings.n)
    ]


def _other(prompt: Prompt, text: str, alike: float) -> Other:
    if prompt.messages[-1].role != "user":
        return Other(prompt, None, NO_QUESTION)
    if not text:
        return Other(prompt, None, UNWRITTEN)
    if prompt_name(shown(prompt, text).messages) == prompt_name(prompt.messages):
        return Other(prompt, None, SAME)
    if jaccard(shingles(text), shingles(prompt.text)) >= alike:
        return Other(prompt, None, ALIKE)
    return Other(prompt, text)


def shown(prompt: Prompt, text: str) -> Prompt:
    """The prompt with another last turn of the user; nothing beside its turns and tools is kept."""
    last = replace(prompt.messages[-1], content=text)
    return Prompt(messages=(*prompt.messages[:-1], last), tools=prompt.tools)


def _made(job: Job) -> ModifiedSides:
    found = others(job, asked_prompts(job))
    asked = []
    for each in found:
        if each.text is None:
            continue
        origin = Origin(kind=KIND, side="good")
        asked.append(ShownPrompt(prompt=each.prompt, shown=each.prompt, origin=origin))
        bad = replace(origin, side="bad", note=each.text)
        asked.append(ShownPrompt(prompt=each.prompt, shown=shown(each.prompt, each.text), origin=bad))
    dropped = Counter(each.dropped for each in found if each.text is None)
    sides = draw_shown(job, asked)
    return ModifiedSides(sides.drawn, dict(dropped), len(found), sides.warnings)


def make(job: RunJob) -> Facts:
    """Draw both sides of the round's prompts."""
    made = _made(job)
    job.write(made.drawn)
    lost = sum(made.dropped.values())
    why = "; ".join(f"{WORDS[name]} ({count})" for name, count in made.dropped.items())
    said = [f"{lost} of {made.written} instructions were dropped: {why}"]
    warnings = [*made.warnings, *(said if lost > MOSTLY * made.written else ())]
    facts = {"completions": len(made.drawn), "instructions": made.written, "dropped": dict(made.dropped)}
    return facts | ({"warnings": warnings} if warnings else {})


def forecast(job: Job) -> list[tuple[Prompt, Completion]]:
    """Return the completions that would be drawn if every instruction is another one."""
    return _made(job).drawn


def halts(_: RunJob, facts: Facts) -> str | None:
    """Return why nothing can follow, or None."""
    if facts["completions"]:
        return None
    why = "; ".join(f"{WORDS[name]} ({count})" for name, count in facts["dropped"].items())
    return f"no prompt has an answer to another instruction: {why or 'all draws failed'}"


def work(expected: Expected) -> int:
    """Count the instructions, and the answers to them and to the prompts."""
    settings, held = expected.entry.settings, expected.sizes["prompts"]
    count = min(settings.prompts or held, held)
    expected.sizes.update(asked=count, completions=2 * count * settings.n)
    return int(3 * count * settings.n)


STEP = Step(
    name="modify",
    help="A model answers prompts, and instructions that it wrote in their place: good and bad sides of pairs.",
    settings=ModifySettings,
    needs=(("prompts",),),
    makes="completions",
    roles={"model": "policy", WRITER: "policy"},
    takes="train",
    make=make,
    forecast=forecast,
    check=check_draws,
    halts=halts,
    work=work,
    unit=lambda _: DRAW,
    sides=lambda _: BOTH,
)
