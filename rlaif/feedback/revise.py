"""A response written anew so that it follows a principle it broke."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rlaif.hashing import derived_seed
from rlaif.judging.ask import turn
from rlaif.judging.lengths import LENGTHS
from rlaif.judging.parse import own_text
from rlaif.judging.shown import Sees, shown, shown_prompt
from rlaif.records import Completion, Engine, GenerateRequest, Principle, Prompt, Sampling
from rlaif.templates import Template, load_template

SAMPLING = Sampling(temperature=0.0, max_tokens=LENGTHS.revision)


class Revisable(NamedTuple):
    """A response, what is wrong with it, and the principle that the next one shall follow."""

    prompt: Prompt
    completion: Completion
    critique: str
    principle: Principle


def revise(
    engine: Engine,
    items: Sequence[Revisable],
    *,
    template: Template | None = None,
    sampling: Sampling = SAMPLING,
    seed: int = 0,
    sees: Sees = "answer",
) -> Mapping[str, Completion]:
    """The revision of each completion id. One that failed, broke off, is blank or changed nothing is not there.

    A completion of several turns is shown whole, as `sees` says, and its last turn is written anew: the turns before it
    stay. What the reviser thought is its own, and no thought of the revision. What ends in a call of a tool is not
    revised: a text is no call.
    """
    template = template or load_template("revise")
    by_id = {each.completion.id: each for each in items if not each.completion.tool_calls}

    def requests() -> Iterator[GenerateRequest]:
        for name, each in by_id.items():
            text = template.render(
                prompt=shown_prompt(each.prompt, sees),
                response=shown(each.completion, sees),
                critique=each.critique,
                principle=_rule(each.principle),
            )
            seed_here = derived_seed(seed, "revise", name, each.principle.id)
            yield GenerateRequest(id=name, messages=turn(text), sampling=sampling, seed=seed_here)

    revised = {}
    for reply in engine.generate(requests()):
        before, text = by_id[reply.request_id].completion, own_text(reply)
        if text and text != before.text.strip():
            revised[before.id] = Completion(
                prompt_id=before.prompt_id,
                text=text,
                policy=engine.fingerprint,
                draw=before.draw,
                lead=before.lead,
                name=before.name,
            )
    return revised


def _rule(principle: Principle) -> str:
    return f"{principle.text} {principle.revise}" if principle.revise else principle.text
