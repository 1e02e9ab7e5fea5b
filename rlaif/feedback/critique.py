"""What a response does wrong, in words: travels with a pair, and guides a revision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlaif.feedback.written import Question, UnusableReply, WrittenText, write_texts
from rlaif.judging.lengths import LENGTHS
from rlaif.judging.parse import refuses
from rlaif.judging.shown import Sees, shown, shown_prompt
from rlaif.records import Completion, Engine, Principle, Prompt, Sampling
from rlaif.templates import Template, load_template, numbered

RULES = 4
"""Rules a critic of a pair is shown at most: those that most likely speak against the response, so that it names one
of them."""
SAMPLING = Sampling(temperature=0.0, max_tokens=LENGTHS.critique)
TEMPLATE = "critique"
REFUSAL = 240
"""Characters of a refusal to criticise at most: a longer text that begins as one goes on to something else."""
_RULE = (
    r"(?:(?:of )?(?:any|all|the|these|those|either|its|this|that|given|listed|above) )*(?:rules?|principles?)"
)
_NOTHING = re.compile(
    r"(?:(?:so|thus|therefore|overall)[, ]+)?(?:"
    rf"(?:the|this) (?:response|answer) (?:breaks|violates) (?:no|none) ?(?:{_RULE})?"
    rf"|(?:the|this) (?:response|answer) does not (?:break|violate) {_RULE}"
    rf"|(?:the|this) (?:response|answer) (?:follows|meets|respects|complies with) {_RULE}"
    rf"|(?:there is )?(?:no|nothing)(?: is)? (?:violations?|wrong|to criticis[ez]e|(?:rule|principle) is broken)"
    r"(?: with the (?:response|answer))?"
    r"|no critique(?: is)? (?:needed|necessary)"
    r"|no rules? (?:is|are) broken"
    r")(?: here| at all)?",
    re.IGNORECASE,
)
_MARKS = " \t.!*_`\"'"


class ViolatedPrinciples(NamedTuple):
    """A response and the principles that it most likely breaks, the likeliest first."""

    prompt: Prompt
    completion: Completion
    principles: Sequence[Principle]


def critiques(
    engine: Engine,
    faults: Sequence[ViolatedPrinciples],
    *,
    template: Template | None = None,
    sampling: Sampling = SAMPLING,
    sees: Sees = "answer",
) -> Mapping[str, str]:
    """A critique for each completion id. One that failed, broke off, is blank or refuses is not there.

    `sees` says what the critic is shown, as of a judge. What it thought first is no part of the critique.
    """
    once = {fault.completion.id: fault for fault in faults}
    shown_rules = [each._replace(principles=each.principles[:RULES]) for each in once.values()]
    written = criticise(engine, shown_rules, template=template, sampling=sampling, sees=sees)
    return {name: each.text for name, each in zip(once, written, strict=True) if each.text}


def criticise(
    engine: Engine,
    faults: Sequence[ViolatedPrinciples],
    *,
    template: Template | None = None,
    sampling: Sampling = SAMPLING,
    sees: Sees = "answer",
    seeds: Sequence[int] | None = None,
) -> list[WrittenText]:
    """A critique of each, in their order, by all of its principles; or why there is none."""
    asked = template or load_template(TEMPLATE)
    questions = [
        Question(
            messages=asked.turns(
                prompt=shown_prompt(each.prompt, sees),
                response=shown(each.completion, sees),
                principles=numbered([_rule(rule) for rule in each.principles]),
            ),
            seed=seed,
        )
        for each, seed in zip(faults, seeds or [0] * len(faults), strict=True)
    ]
    # "I can't help with that." is what a critic of a harmful answer says: nobody could revise by it
    return [
        WrittenText("", UnusableReply.REFUSED) if len(each.text) <= REFUSAL and refuses(each.text) else each
        for each in write_texts(engine, questions, sampling)
    ]


def names_no_violation(critique: str) -> bool:
    """Whether a critique ends in saying that no rule is broken: `The response breaks no rule.` and its like.

    The last line decides, and only as a whole: "breaks no rule but the second" names one.
    """
    lines = [each.strip(_MARKS) for each in critique.splitlines() if each.strip(_MARKS)]
    last = lines[-1].removeprefix("Critique:").strip(_MARKS) if lines else ""
    return _NOTHING.fullmatch(last) is not None


def _rule(principle: Principle) -> str:
    return f"{principle.text} {principle.critique}" if principle.critique else principle.text
