"""Completions drawn from a policy. A draw's randomness derives from seed, prompt and number, never from the batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rlaif.errors import EngineError
from rlaif.hashing import derived_seed
from rlaif.records import Completion, Engine, GenerateRequest, Message, Prompt, Sampling


def sample(
    engine: Engine,
    prompts: Sequence[Prompt],
    *,
    n: int,
    sampling: Sampling,
    seed: int,
    system: str | None = None,
) -> list[Completion]:
    """`n` completions per prompt, in prompt order. `system` is a turn in front of every prompt (rules to follow).

    Raises EngineError when draws failed: what was drawn is kept by a recording engine, and running again goes on.
    """
    front = () if system is None else (Message(role="system", content=system),)

    def requests() -> Iterator[GenerateRequest]:
        for prompt in prompts:
            for draw in range(n):
                yield drawing(prompt, draw, sampling, seed, front)

    found = {reply.request_id: reply for reply in engine.generate(requests())}
    completions, problems = [], []
    for prompt in prompts:
        for draw in range(n):
            reply = found.get(f"{prompt.id}|{draw}")
            if reply is None or reply.error is not None:
                why = "no answer came back" if reply is None else reply.error
                problems.append(f"{why} (prompt {prompt.text[:60]!r})")
                continue
            completions.append(
                Completion(
                    prompt_id=prompt.id,
                    text=reply.text,
                    policy=engine.fingerprint,
                    draw=draw,
                    finish=reply.finish,
                    token_ids=reply.token_ids,
                )
            )
    if problems:
        raise EngineError(
            f"{engine.name}: {len(problems)} of {len(prompts) * n} draws failed, the first with: {problems[0]}; "
            "mend it and run again: the finished ones are kept"
        )
    return completions


def drawing(
    prompt: Prompt, draw: int, sampling: Sampling, seed: int, front: tuple[Message, ...] = ()
) -> GenerateRequest:
    """The request whose answer is draw number `draw` of a prompt."""
    return GenerateRequest(
        id=f"{prompt.id}|{draw}",
        messages=(*front, *prompt.messages),
        sampling=sampling,
        seed=derived_seed(seed, prompt.id, draw),
        draw=draw,
    )
