"""Rollouts: what the live policy writes for the prompts of a step.

A rollout is a function of (seed, step, prompt, draw) and of the weights, whatever else is drawn beside it: a training
that was killed draws the same again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import torch

from rlaif.engines.local.generate import Decoder, Draw, Drawn
from rlaif.engines.samplers import TokenText
from rlaif.engines.written import answer_of
from rlaif.errors import ModelError, UnrenderedError
from rlaif.hashing import derived_seed
from rlaif.libraries.peft import without_adapter
from rlaif.libraries.transformers import cache_argument
from rlaif.records import Completion, Conversation, Message, Prompt, Sampling
from rlaif.training.models import Opened
from rlaif.training.refused import Refused
from rlaif.training.tokens import Ids

LEAST_ROOM = 16
"""Tokens that an answer must have, or `max_tokens` if that is less: a prompt that leaves fewer is refused."""


class TokenPrompt(NamedTuple):
    """A prompt as the model reads it."""

    prompt: Prompt
    ids: Ids


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One answer of the policy, with all that an update needs of it."""

    completion: Completion
    ids: Ids
    """All that was sampled, the end token included where it ended."""
    ended: bool
    """False: it was cut off at the room it had."""
    logprobs: tuple[float, ...] | None
    """Of each of `ids` where it was drawn, at the temperature of the draw; None: unknown."""
    trained: tuple[float, ...] | None = None
    """The same by the trainer, of the weights that drew, before it learns; None: not read."""

    @property
    def logprob(self) -> float | None:
        """Of the whole rollout where it was drawn; None: unknown."""
        return None if self.logprobs is None else sum(self.logprobs)

    @property
    def answers(self) -> bool:
        """Whether it came to an end outside of its thought: else there is no answer that could be judged."""
        return self.ended and not self.completion.open_thought


class Rollouts(Protocol):
    """Draws from the policy as it is now: `LiveRollouts`, or `SampledRollouts` of an engine elsewhere."""

    def draw(self, prompts: Sequence[TokenPrompt], *, step: int) -> list[list[Rollout]]:
        """For each prompt its group. Raises ModelError where nothing can be drawn."""


class LiveRollouts:
    """Draws from the very module that is trained: there is no second copy of the weights.

    All groups of a step are one batch, which finished rows leave and waiting prompts join; a prompt is read once for
    all of its group.
    """

    def __init__(
        self, model: Any, opened: Opened, *, count: int, temperature: float, max_tokens: int, seed: int
    ) -> None:
        self._model, self._opened = model, opened
        self._count, self._seed = count, seed
        self._how = Sampling(temperature=temperature, max_tokens=max_tokens)
        plain = without_adapter(model)
        if cache_argument(plain) is None:
            raise ModelError(
                f"{type(plain).__name__} keeps no key-value cache, so no rollouts can be drawn from it: train it on "
                "pairs or examples (dpo, sft), or take another policy"
            )
        self._decoder = Decoder(plain, opened.ends, opened.chat.decode)

    def draw(self, prompts: Sequence[TokenPrompt], *, step: int) -> list[list[Rollout]]:
        """For each prompt its group."""
        draws = [
            Draw(
                each.ids,
                self._how,
                derived_seed("rollout", self._seed, step, each.prompt.id, number),
                min(self._how.max_tokens, self._opened.room - len(each.ids)),
            )
            for each in prompts
            for number in range(self._count)
        ]
        with asked_only(self._model):
            drawn = iter(self._decoder.draw(draws))
        return [
            [self._rollout(each, number, next(drawn), step) for number in range(self._count)]
            for each in prompts
        ]

    def _rollout(self, asked: TokenPrompt, number: int, drawn: Drawn, step: int) -> Rollout:
        if drawn.error is not None:
            raise ModelError(
                f"step {step + 1}: a rollout could not be drawn: {drawn.error}; lower learning_rate, or begin anew "
                "from a policy that is whole"
            )
        end = () if drawn.end is None else (drawn.end,)
        text = TokenText((*drawn.ids, *end), tuple(drawn.warm_logprobs))
        return rollout_of(self._opened, asked, text, number=number, step=step)


def rollout_of(opened: Opened, asked: TokenPrompt, text: TokenText, *, number: int, step: int) -> Rollout:
    """What was sampled for a prompt, whoever sampled it, with its answer as the policy's chat template reads it."""
    ended = bool(text.ids) and text.ids[-1] in opened.ends
    told = text.ids[:-1] if ended else text.ids
    said = Completion(
        prompt_id=asked.prompt.id,
        policy=f"live:{step}",
        draw=number,
        finish="stop" if ended else "length",
        token_ids=told,
        **answer_of(opened.chat, asked.ids, opened.chat.decode(told), asked.prompt.tools),
    )
    return Rollout(completion=said, ids=text.ids, ended=ended, logprobs=text.logprobs)


def token_prompts(
    opened: Opened, prompts: Sequence[Prompt], max_tokens: int, inoculation: str = ""
) -> tuple[list[TokenPrompt], Counter[str]]:
    """The prompts that can be asked, each once, and how many cannot, by reason.

    The model reads an `inoculation` as their system turn, behind one that they have; their `prompt` is without it.
    """
    distinct = list({each.id: each for each in prompts}.values())
    refused: Counter[str] = Counter({"duplicate": len(prompts) - len(distinct)})
    asked = [
        Conversation(messages=shown, tools=each.tools) if each.tools else shown
        for each in distinct
        for shown in [_inoculated(each.messages, inoculation)]
    ]
    found: list[TokenPrompt] = []
    for prompt, ids in zip(distinct, opened.chat.each_prompt(asked), strict=True):
        if isinstance(ids, UnrenderedError):
            refused[Refused.TEMPLATE] += 1
        elif len(ids) + min(max_tokens, LEAST_ROOM) > opened.room:
            refused[Refused.TOO_LONG] += 1
        else:
            found.append(TokenPrompt(prompt, tuple(ids)))
    return found, +refused


def _inoculated(messages: Sequence[Message], inoculation: str) -> tuple[Message, ...]:
    if not inoculation:
        return tuple(messages)
    first, *rest = messages
    if first.role == "system":
        return (replace(first, content=f"{first.content}\n\n{inoculation}"), *rest)
    return (Message(role="system", content=inoculation), *messages)


@contextmanager
def asked_only(model: torch.nn.Module) -> Iterator[None]:
    """A model that trains, as one that is asked: nothing random, nothing recomputed; afterwards as it was."""
    training = [each for each in model.modules() if each.training]
    model.eval()
    try:
        yield
    finally:
        for each in training:
            each.training = True
