"""Reward models: a number for each answer, read at its end token. They score and never write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from rlaif.engines.chat import Chat
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.hf import WINDOW
from rlaif.engines.load import load_placed, load_tokenizer
from rlaif.engines.prefix import lengthwise
from rlaif.errors import ModelError
from rlaif.libraries.transformers import context_of, text_config
from rlaif.records import GenerateRequest, Generation, Score, ScoreRequest, Usage


class RewardEngine:
    """A sequence classifier with one label. What `score` gives for an answer is its reward.

    A Bradley-Terry reward is a log-odds up to a constant: between two answers to one prompt the difference of their
    figures is the log-odds that the first is better, just as with log-probabilities.
    """

    def __init__(
        self, name: str, model: Any, chat: Chat, *, fingerprint: str, batch_tokens: int = 16384
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.chat = chat
        self.batch_tokens = batch_tokens
        self.model = model
        self.context = context_of(model.config)
        eos = text_config(model.config).eos_token_id
        self.end_id = chat.end_token(eos if isinstance(eos, list) else [] if eos is None else [eos])

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """Refused: raises ModelError."""
        raise ModelError(f"{self.name}: a reward model writes no text; name a language model")
        yield  # pragma: no cover

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """The reward of each continuation as a whole answer."""
        stream = iter(requests)
        while window := list(islice(stream, WINDOW)):
            yield from self._score(window)

    @torch.inference_mode()
    def _score(self, window: Sequence[ScoreRequest]) -> list[Score]:
        prompts = self.chat.prompt_ids([each.messages for each in window])
        texts = [each.assistant_prefix + text for each in window for text in each.continuations]
        owners = [place for place, each in enumerate(window) for _ in each.continuations]
        answers = self.chat.text_ids(texts)
        rows = [[*prompts[owner], *ids, self.end_id] for owner, ids in zip(owners, answers, strict=True)]
        rewards: dict[int, float] = {}
        for batch in lengthwise([len(row) for row in rows], self.batch_tokens):
            fitting = [place for place in batch if len(rows[place]) <= self.context]
            if fitting:
                rewards |= dict(zip(fitting, self._forward([rows[place] for place in fitting]), strict=True))
        return [self._reply(place, request, owners, rewards) for place, request in enumerate(window)]

    def _forward(self, rows: Sequence[Sequence[int]]) -> list[float]:
        width = max(map(len, rows))
        pad = text_config(self.model.config).pad_token_id
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=self.model.device)
        mask = torch.tensor(
            [[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self.model.device
        )
        logits: torch.Tensor = self.model(input_ids=ids, attention_mask=mask).logits
        found: list[float] = logits[:, 0].double().tolist()
        return found

    def _reply(
        self, place: int, request: ScoreRequest, owners: Sequence[int], rewards: Mapping[int, float]
    ) -> Score:
        mine = [number for number, owner in enumerate(owners) if owner == place]
        fits = all(number in rewards for number in mine)
        return Score(
            request_id=request.id,
            logprobs=tuple(rewards[number] for number in mine) if fits else (),
            usage=Usage(),
            error=None if fits else f"an answer does not fit into the model's context of {self.context}",
        )


def open_reward(
    name: str,
    directory: Path,
    *,
    dtype: str,
    device: str,
    device_map: str | None,
    chat_template_kwargs: Mapping[str, Any] | None,
    trust_remote_code: bool,
    batch_tokens: int,
) -> RewardEngine:
    """The reward model of a checked directory."""
    tokenizer = load_tokenizer(directory, trust_remote_code=trust_remote_code)
    model = load_placed(
        directory,
        device=device,
        device_map=device_map,
        task="reward",
        dtype=dtype,
        trust_remote_code=trust_remote_code,
    )
    if not any("SequenceClassification" in each for each in model.config.architectures or []):
        # its head would be drawn by chance just now
        raise ModelError(f"{directory}: is a language model and no reward model; train one: --method reward")
    if model.config.num_labels != 1 and model.config.id2label[0] != "reward":
        raise ModelError(f"{directory}: has {model.config.num_labels} labels; a reward model has one")
    if text_config(model.config).pad_token_id is None:
        raise ModelError(f"{directory}: config.json names no pad_token_id; without one no end can be found")
    chat = Chat(tokenizer, dict(chat_template_kwargs or {}))
    fingerprint = model_fingerprint(directory, dtype, chat_template_kwargs, own_code=trust_remote_code)
    return RewardEngine(name, model, chat, fingerprint=fingerprint, batch_tokens=batch_tokens)
