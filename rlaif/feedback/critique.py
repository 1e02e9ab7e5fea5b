"""What a response does wrong, in words: travels with a pair, and guides a revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rlaif.judging.ask import turn
from rlaif.judging.lengths import LENGTHS
from rlaif.judging.parse import own_text
from rlaif.judging.shown import Sees, shown, shown_prompt
from rlaif.records import Completion, Engine, GenerateRequest, Principle, Prompt, Sampling
from rlaif.templates import Template, load_template, numbered

RULES = 4
"""Rules a critic is shown at most: those that most likely speak against the response, so that it names one of them."""
SAMPLING = Sampling(temperature=0.0, max_tokens=LENGTHS.critique)


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
    """A critique for each completion id. One that failed, broke off or is blank is not there.

    `sees` says what the critic is shown, as of a judge. What it thought first is no part of the critique.
    """
    template = template or load_template("critique")

    def requests() -> Iterator[GenerateRequest]:
        for each in {fault.completion.id: fault for fault in faults}.values():
            text = template.render(
                prompt=shown_prompt(each.prompt, sees),
                response=shown(each.completion, sees),
                principles=numbered([_rule(rule) for rule in each.principles[:RULES]]),
            )
            yield GenerateRequest(id=each.completion.id, messages=turn(text), sampling=sampling)

    written = {reply.request_id: own_text(reply) for reply in engine.generate(requests())}
    return {name: text for name, text in written.items() if text}


def _rule(principle: Principle) -> str:
    return f"{principle.text} {principle.critique}" if principle.critique else principle.text
