"""Rollouts: what the live policy writes for the prompts of a step.

A rollout is a function of (seed, step, prompt, draw) and of the weights, whatever else is drawn beside it: a training
that was killed draws the same again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch

from rlaif.engines.local.generate import Decoder, Draw, Drawn
from rlaif.engines.written import answer_of
from rlaif.errors import ModelError, UnrenderedError
from rlaif.hashing import derived_seed
from rlaif.libraries.peft import without_adapter
from rlaif.libraries.transformers import cache_argument
from rlaif.records import Completion, Conversation, Prompt, Sampling
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
    logprob: float | None
    """Sum of the log-probabilities of `ids` where they were drawn, at the temperature of the draw; None: unknown."""

    @property
    def answers(self) -> bool:
        """Whether it came to an end outside of its thought: else there is no answer that could be judged."""
        return self.ended and not self.completion.open_thought


class Rollouts(Protocol):
    """Draws from the policy as it is now.

    An engine elsewhere, which must be handed new weights between steps, is another one of these.
    """

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
        chat = self._opened.chat
        written = answer_of(chat, asked.ids, chat.decode(drawn.ids), asked.prompt.tools)
        said = Completion(
            prompt_id=asked.prompt.id,
            policy=f"live:{step}",
            draw=number,
            finish=drawn.finish,
            token_ids=tuple(drawn.ids),
            **written,
        )
        end = () if drawn.end is None else (drawn.end,)
        return Rollout(
            completion=said,
            ids=(*drawn.ids, *end),
            ended=drawn.end is not None,
            logprob=drawn.warm_logprob,
        )


def token_prompts(
    opened: Opened, prompts: Sequence[Prompt], max_tokens: int
) -> tuple[list[TokenPrompt], Counter[str]]:
    """The prompts that can be asked, each once, and how many cannot, by reason."""
    distinct = list({each.id: each for each in prompts}.values())
    refused: Counter[str] = Counter({"duplicate": len(prompts) - len(distinct)})
    asked = [
        Conversation(messages=each.messages, tools=each.tools) if each.tools else each.messages
        for each in distinct
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
