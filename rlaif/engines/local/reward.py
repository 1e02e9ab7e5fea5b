"""Reward models: a number for each answer, read where its authors read it. They score and never write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from rlaif.engines.chat_template import Chat
from rlaif.engines.chat_turns import Turns
from rlaif.engines.fingerprint import adapter_base, model_fingerprint
from rlaif.engines.local.classifier import ClassifierEngine
from rlaif.engines.local.load import check_vocabulary, load_placed, load_tokenizer, loading
from rlaif.engines.local.shared_prefix import lengthwise
from rlaif.engines.local.token_swaps import place_of, plain_tokens, swap_gains, swapped_texts
from rlaif.engines.written import NO_BODY, asked_of
from rlaif.errors import ModelError, UnrenderedError
from rlaif.hashing import digest
from rlaif.libraries.transformers import context_of, end_ids_of, load_config, read_rows, text_config
from rlaif.records import Conversation, Message, Score, ScoreRequest

OWN_LABEL = "reward"
"""The first label of a reward model that was trained here (`training.models.REWARD_LABEL`)."""
_PROBE = (Message(role="user", content="a"),)


class RewardEngine(ClassifierEngine):
    """A sequence classifier with one label. What `score` gives for an answer is its reward.

    A Bradley-Terry reward is a log-odds up to a constant: between two answers to one prompt the difference of their
    figures is the log-odds that the first is better, just as with log-probabilities.
    """

    noun, what_does = "a reward model", "an answer does"
    gives_gradients = True

    def __init__(
        self, name: str, model: Any, chat: Chat, *, fingerprint: str, batch_tokens: int = 16384
    ) -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.chat = chat
        self.batch_tokens = batch_tokens
        self.model = model
        self.context = context_of(model.config)
        self.end_id = chat.end_token(end_ids_of(model))
        self.whole = reads_whole(model.config, chat)
        """Whether answers are read as the template writes whole conversations, and not up to their end token."""

    def swaps(self, asked: ScoreRequest, *, count: int, top: int, seed: int) -> list[str] | None:
        """As `BaseEngine.swaps`; None too where the template writes the answer in other tokens, or it does not fit."""
        [text], turns = asked.continuations, asked_of(asked)
        [row] = each_whole(self.chat, [turns], [text]) if self.whole else self._ended([turns], [text])
        own = self.chat.text_ids([text])[0]
        if not isinstance(row, list) or not own or len(row) > self.context:
            return None
        if (start := place_of(own, row)) is None:
            return None
        gains = swap_gains(self.model, row, start, len(own))
        return swapped_texts(gains, self.chat, allowed=self._plain, count=count, top=top, seed=seed)

    @cached_property
    def _plain(self) -> list[int]:
        return plain_tokens(self.chat.tokenizer, len(self.model.get_input_embeddings().weight))

    @torch.inference_mode()
    def _score(self, window: Sequence[ScoreRequest]) -> list[Score]:
        texts = [each.assistant_prefix + text for each in window for text in each.continuations]
        owners = [place for place, each in enumerate(window) for _ in each.continuations]
        asked = [asked_of(window[owner]) for owner in owners]
        read = each_whole(self.chat, asked, texts) if self.whole else self._ended(asked, texts)
        rows = {place: row for place, row in enumerate(read) if isinstance(row, list)}
        fitting = [place for place, row in rows.items() if len(row) <= self.context]
        rewards: dict[int, float] = {}
        for batch in lengthwise([len(rows[place]) for place in fitting], self.batch_tokens):
            places = [fitting[each] for each in batch]
            rewards |= dict(zip(places, self._forward([rows[place] for place in places]), strict=True))
        refused = {place: NO_BODY for place, each in enumerate(window) if each.body}
        refused |= {owners[place]: str(row) for place, row in enumerate(read) if not isinstance(row, list)}
        return [
            self._reply(place, request, owners, rewards, refused.get(place))
            for place, request in enumerate(window)
        ]

    def _ended(self, asked: Sequence[Turns], texts: Sequence[str]) -> list[list[int] | UnrenderedError]:
        # a conversation with tools is no key: it stands for itself
        keys = [tuple(each) if not isinstance(each, Conversation) else id(each) for each in asked]
        distinct = dict(zip(keys, asked, strict=True))
        prompts = dict(zip(distinct, self.chat.each_prompt(list(distinct.values())), strict=True))
        answers = self.chat.text_ids(texts)
        return [
            [*prompt, *ids, self.end_id] if isinstance(prompt := prompts[key], list) else prompt
            for key, ids in zip(keys, answers, strict=True)
        ]

    def _forward(self, rows: Sequence[Sequence[int]]) -> list[float]:
        width = max(map(len, rows))
        pad = text_config(self.model.config).pad_token_id
        ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in rows], device=self.model.device)
        mask = torch.tensor(
            [[1] * len(row) + [0] * (width - len(row)) for row in rows], device=self.model.device
        )
        logits = read_rows(self.model, ids, mask)
        found: list[float] = logits[:, 0].double().tolist()
        return found


def reads_whole(config: Any, chat: Chat) -> bool:
    """Whether a reward model is read at the last token of its template's rendering, as its authors read it.

    Those that are trained here (their first label is `reward`) are read at the end token, where they learned to be. So
    are those without a template, which have no rendering of their own.
    """
    return bool(chat.tokenizer.chat_template) and (config.id2label or {}).get(0) != OWN_LABEL


def each_whole(chat: Chat, asked: Sequence[Turns], texts: Sequence[str]) -> list[list[int] | UnrenderedError]:
    """Return the token ids of each conversation with its answer, as the chat template writes a finished one.

    Where it takes one not, the reason stands in its place.
    """
    return chat.each_conversation([_answered(turns, text) for turns, text in zip(asked, texts, strict=True)])


def _answered(asked: Turns, text: str) -> Turns:
    answer = Message(role="assistant", content=text)
    if isinstance(asked, Conversation):
        return replace(asked, messages=(*asked.messages, answer))
    return (*asked, answer)


def reward_fingerprint(
    directory: Path, dtype: str, kwargs: Mapping[str, Any] | None, *, trust_remote_code: bool = False
) -> str:
    """The fingerprint of a reward model's directory; another one where older versions read it at another token."""
    found = model_fingerprint(directory, dtype, kwargs, own_code=trust_remote_code)
    tokenizer = load_tokenizer(directory, trust_remote_code=trust_remote_code)
    chat = Chat(tokenizer, dict(kwargs or {}))
    config = _config(directory, trust_remote_code=trust_remote_code)
    if not reads_whole(config, chat):
        return found
    end = chat.end_token(end_ids_of(config))
    before = [*chat.prompt_ids([_PROBE])[0], *chat.text_ids(["zqprobe"])[0], end]
    return found if each_whole(chat, [_PROBE], ["zqprobe"])[0] == before else digest("read whole", found)


def _config(directory: Path, *, trust_remote_code: bool) -> Any:
    with loading(directory, "config.json cannot be read"):
        return load_config(adapter_base(directory) or directory, trust_remote_code=trust_remote_code)


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
    named = _config(directory, trust_remote_code=trust_remote_code).architectures or ()
    if not any("SequenceClassification" in each or "RewardModel" in each for each in named):
        # its head would be drawn by chance
        raise ModelError(f"{directory}: is a language model and no reward model; train one: --method reward")
    model = load_placed(
        directory,
        device=device,
        device_map=device_map,
        task="reward",
        dtype=dtype,
        trust_remote_code=trust_remote_code,
    )
    if model.config.num_labels != 1 and model.config.id2label[0] != OWN_LABEL:
        raise ModelError(f"{directory}: has {model.config.num_labels} labels; a reward model has one")
    if text_config(model.config).pad_token_id is None:
        raise ModelError(f"{directory}: config.json names no pad_token_id; without one no end can be found")
    chat = Chat(tokenizer, dict(chat_template_kwargs or {}))
    check_vocabulary(directory, chat, model)
    fingerprint = reward_fingerprint(
        directory, dtype, chat_template_kwargs, trust_remote_code=trust_remote_code
    )
    return RewardEngine(name, model, chat, fingerprint=fingerprint, batch_tokens=batch_tokens)
