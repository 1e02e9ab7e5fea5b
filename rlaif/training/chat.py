"""Conversations to text as a chat template writes them, and the one token that ends an assistant's turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jinja2.exceptions import TemplateError

from rlaif.errors import ModelError
from rlaif.records import Message

_PROBE = "zq"
_PLAIN = {"system": "System: ", "user": "Human: ", "assistant": "Assistant: "}


@dataclass(frozen=True, slots=True)
class Chat:
    """A tokenizer with the options of its template. Without a template, turns are `Human: ...` lines."""

    tokenizer: Any
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The conversation up to where the assistant's next turn begins."""
        return self._render(messages, generate=True)

    def end_token(self, eos_ids: Sequence[int]) -> int:
        """The token that the template puts behind an assistant's turn, else the first of `eos_ids`.

        Raises ModelError when there is none: a model that never learns to end a turn would write without end.
        """
        messages = [Message(role="user", content="a"), Message(role="assistant", content=_PROBE)]
        tail = self._render(messages, generate=False).rpartition(_PROBE)[2]
        tail_ids = self.tokenizer(tail, add_special_tokens=False)["input_ids"]
        ends = [*eos_ids, self.tokenizer.eos_token_id, *self.tokenizer.all_special_ids]
        for candidates in (tail_ids, ends):
            found = [token for token in candidates if token is not None and token in ends]
            if found:
                return int(found[0])
        raise ModelError(
            f"{self.tokenizer.name_or_path}: the tokenizer has no end token and its chat template writes none;"
            " set eos_token in tokenizer_config.json"
        )

    def _render(self, messages: Sequence[Message], *, generate: bool) -> str:
        if not self.tokenizer.chat_template:
            return _plain(messages, self.tokenizer.bos_token or "", generate=generate)
        try:
            return self._template(messages, generate)
        except TemplateError as problem:
            if messages[0].role != "system":
                raise ModelError(
                    f"{self.tokenizer.name_or_path}: the chat template fails: {problem}"
                ) from problem
        return self._template(_folded(messages), generate)

    def _template(self, messages: Sequence[Message], generate: bool) -> str:
        turns = [{"role": each.role, "content": each.content} for each in messages]
        text: str = self.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=generate, **self.kwargs
        )
        return text


def _folded(messages: Sequence[Message]) -> list[Message]:
    # templates without a system turn raise on one: its text goes in front of the user's
    system, first, *rest = messages
    return [replace(first, content=f"{system.content}\n\n{first.content}"), *rest]


def _plain(messages: Sequence[Message], bos: str, *, generate: bool) -> str:
    turns = "".join(f"{_PLAIN[each.role]}{each.content}\n\n" for each in messages)
    text = bos + turns
    return text + _PLAIN["assistant"].rstrip() if generate else text.rstrip()
