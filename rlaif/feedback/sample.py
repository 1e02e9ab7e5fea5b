"""Completions drawn from a policy. A draw's randomness derives from seed, prompt and number, never from the batch.

A draw that fails costs itself alone: a content filter, or a prompt that is longer than the context, must not stop the
other prompts, now and at every repetition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rlaif.errors import EngineError
from rlaif.feedback.system_turn import SystemTurn
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Engine, GenerateRequest, Prompt, Sampling, repeated_call

MOST_FAILED = 0.5
"""Share of draws that may fail: with more, what is wrong is the model or its server, and not some prompts."""
SHOWN = 60
"""Characters of a prompt by which a message names it."""
LOST = "no answer came back"
TWICE = "it calls tools twice under the id {!r:.60}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDraw:
    """A completion that could not be drawn. It is no refusal of the policy, which would be a text."""

    prompt: Prompt
    draw: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBeginnings:
    """Texts with which answers begin, by prompt id: the model goes on behind them."""

    texts: Mapping[str, str]
    thought: bool = False
    """Whether they begin the thought before the answer."""


class SampledCompletions(NamedTuple):
    """What was drawn, in prompt order, and what could not be."""

    completions: list[Completion]
    failed: list[FailedDraw]


def sample(
    engine: Engine,
    prompts: Sequence[Prompt],
    *,
    n: int,
    sampling: Sampling,
    seed: int,
    system: SystemTurn | None = None,
    begun: AnswerBeginnings | None = None,
) -> SampledCompletions:
    """`n` completions per prompt, in prompt order; `system` is a turn in front of every prompt, and no part of it.

    What is `begun` is no part of a completion either.

    Raises EngineError when more than `MOST_FAILED` of the draws failed: what was drawn is kept by a recording engine,
    and running again goes on.
    """

    def requests() -> Iterator[GenerateRequest]:
        for prompt in prompts:
            for draw in range(n):
                yield _begun(drawing(prompt, draw, sampling, seed, system), prompt, begun)

    found = {reply.request_id: reply for reply in engine.generate(requests())}
    completions, failed = [], []
    for prompt in prompts:
        for draw in range(n):
            reply = found.get(f"{prompt.id}|{draw}")
            twice = repeated_call(reply.tool_calls) if reply is not None else None
            if reply is None or reply.error is not None or twice is not None:
                reason = LOST if reply is None else reply.error or TWICE.format(twice)
                failed.append(FailedDraw(prompt=prompt, draw=draw, reason=reason))
                continue
            completions.append(
                Completion(
                    prompt_id=prompt.id,
                    text=reply.text,
                    policy=engine.fingerprint,
                    draw=draw,
                    finish=reply.finish,
                    token_ids=reply.token_ids,
                    thought=reply.thought,
                    open_thought=reply.open_thought,
                    tool_calls=reply.tool_calls,
                )
            )
    if len(failed) > MOST_FAILED * len(prompts) * n:
        raise EngineError(
            f"{engine.name}: {first_of(failed, len(prompts) * n)}; "
            f"more than {MOST_FAILED:.0%}, so that nothing is made of the others: mend it, or leave such prompts out, "
            "and run again: the finished ones are kept"
        )
    return SampledCompletions(completions, failed)


def first_of(failed: Sequence[FailedDraw], whole: int) -> str:
    """How many of so many draws failed, and why the first one did."""
    first = failed[0]
    return (
        f"{len(failed)} of {whole} draws failed, the first with: {first.reason} "
        f"(prompt {first.prompt.text[:SHOWN]!r})"
    )


def _begun(request: GenerateRequest, prompt: Prompt, begun: AnswerBeginnings | None) -> GenerateRequest:
    if begun is None or not (text := begun.texts.get(prompt.id, "")):
        return request
    return replace(request, assistant_prefix=text, begins_thought=begun.thought)


def drawing(
    prompt: Prompt, draw: int, sampling: Sampling, seed: int, system: SystemTurn | None = None
) -> GenerateRequest:
    """The request whose answer is draw number `draw` of a prompt."""
    return GenerateRequest(
        id=f"{prompt.id}|{draw}",
        messages=prompt.messages if system is None else system.before(prompt),
        sampling=sampling,
        seed=derived_seed(seed, prompt.id, draw),
        draw=draw,
        tools=prompt.tools,
    )
