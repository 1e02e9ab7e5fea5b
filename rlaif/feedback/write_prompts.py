"""New prompts in the manner of given ones, written by a model from a few examples (self-instruct, 2212.10560)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rlaif.hashing import derived_seed
from rlaif.judging.ask import turn
from rlaif.judging.parse import own_text, refuses
from rlaif.records import Engine, GenerateRequest, Message, Prompt, Sampling
from rlaif.templates import load_template

TEMPLATE = "similar-prompt"
_LABEL = re.compile(r"\A(?:new )?prompt\s*:\s*", re.IGNORECASE)
_FENCED = re.compile(r"\A```[^\n]*\n(.*?)\n?```\Z", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftedPrompt:
    """What a model wrote for one request."""

    text: str
    """Empty where it could not be read."""
    like: tuple[Prompt, ...]
    """The given prompts that it was shown, the one that it was to follow last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPrompts:
    """What became of all requests."""

    read: list[DraftedPrompt] = field(default_factory=list)
    unreadable: int = 0
    """Replies that failed, broke off, were empty or refused."""


def write_prompts(
    engine: Engine,
    given: Sequence[Prompt],
    *,
    n: int,
    shots: int,
    sampling: Sampling,
    seed: int,
    round: int = 0,
) -> WrittenPrompts:
    """What `engine` wrote for `n` requests, in their order; each shows `shots` of the given prompts, drawn by the seed.

    The examples are turns: each but the last is asked about and answered by the one behind it, so that one template
    serves for any number. Raises ValueError for fewer given prompts than are shown.
    """
    if len(given) < shots:
        raise ValueError(f"{len(given)} prompts are given, and {shots} are to be shown")
    shown = [_drawn(given, shots, seed, round, place) for place in range(n)]

    def requests() -> Iterator[GenerateRequest]:
        for place, examples in enumerate(shown):
            here = derived_seed(seed, "write prompt", round, place)
            yield GenerateRequest(
                id=str(place), messages=question(examples), sampling=sampling, seed=here, draw=place
            )

    replies = {each.request_id: each for each in engine.generate(requests())}
    found = WrittenPrompts()
    unread = 0
    for place, examples in enumerate(shown):
        reply = replies.get(str(place))
        text = "" if reply is None else cleaned(own_text(reply))
        if text:
            found.read.append(DraftedPrompt(text=text, like=tuple(examples)))
        else:
            unread += 1
    return WrittenPrompts(read=found.read, unreadable=unread)


def question(examples: Sequence[Prompt]) -> tuple[Message, ...]:
    """The turns that ask for a prompt like the last of these; the others are shown as asked and answered."""
    template = load_template(TEMPLATE)
    turns: list[Message] = []
    for one, following in zip(examples, [*examples[1:], None], strict=True):
        turns += turn(template.render(prompt=one.text))
        if following is not None:
            turns.append(Message(role="assistant", content=following.text))
    return tuple(turns)


def cleaned(text: str) -> str:
    """The prompt that a reply holds, without a label or a fence around it; empty for a refusal to write one."""
    bare = _LABEL.sub("", text.strip())
    fenced = _FENCED.match(bare)
    bare = (fenced.group(1) if fenced else bare).strip()
    return "" if refuses(bare) else bare


def _drawn(given: Sequence[Prompt], count: int, seed: int, round: int, place: int) -> list[Prompt]:
    order = sorted(given, key=lambda each: derived_seed(seed, "like", round, place, each.id))
    return order[:count]
