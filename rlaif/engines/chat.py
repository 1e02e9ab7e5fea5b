"""Conversations to token ids as a model's chat template writes them. Owns what can go wrong between the two.

What somebody wrote is text: `<|end|>` inside a message becomes the tokens of its letters, never the end token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from jinja2.exceptions import TemplateError

from rlaif.errors import ModelError
from rlaif.records import Message

Ids = list[int]
_PROBE = "zqprobe"
_PLAIN = {"system": "System: ", "user": "Human: ", "assistant": "Assistant: "}


@dataclass(frozen=True)
class Chat:
    """A tokenizer with the options of its template.

    Without a template, turns are `Human: ...` and `Assistant: ...` paragraphs. A template that has no system turn
    gets its text in front of the first user turn. A template that can think is told not to.
    """

    tokenizer: Any
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    _alike: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)
    """Answers of `alike`: labels are few, and asked about again and again."""

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The conversation up to where the assistant's next turn begins."""
        return self._render(messages, generate=True)

    def prompt_ids(self, conversations: Sequence[Sequence[Message]]) -> list[Ids]:
        """The token ids of `prompt_text` of each conversation."""
        safe = [self._marked(each) for each in conversations]
        texts = [self.prompt_text(messages) for messages, _ in safe]
        found: list[Ids] = [[] for _ in texts]
        plain = [place for place, (_, marks) in enumerate(safe) if not marks]
        for place, ids in zip(plain, self._encode([texts[place] for place in plain]), strict=True):
            found[place] = ids
        for place, (_, marks) in enumerate(safe):
            if marks:
                found[place] = self._pieces(texts[place], marks)
        return found

    def text_ids(self, texts: Sequence[str]) -> list[Ids]:
        """The token ids of texts as a model would write them, none of them special."""
        return self._encode(texts, split=True)

    def alike(self, texts: Sequence[str]) -> tuple[int, ...]:
        """For each text the place of the first that is the same tokens; empty where all differ."""
        texts = tuple(texts)
        if len(texts) < 2:
            return ()
        if texts not in self._alike:
            first: dict[tuple[int, ...], int] = {}
            ids = map(tuple, self.text_ids(texts))
            found = tuple(first.setdefault(each, place) for place, each in enumerate(ids))
            self._alike[texts] = found if len(first) < len(found) else ()
        return self._alike[texts]

    def end_ids(self, eos_ids: Sequence[int]) -> frozenset[int]:
        """Every token that ends an assistant's turn: the model's, the tokenizer's, the template's.

        Raises ModelError when there is none: such a model would write without end.
        """
        known = {each for each in (*eos_ids, self.tokenizer.eos_token_id) if each is not None}
        messages = [Message(role="user", content="a"), Message(role="assistant", content=_PROBE)]
        if self.tokenizer.chat_template:
            tail = self._encode([self._render(messages, generate=False).rpartition(_PROBE)[2]])[0]
            special = set(self.tokenizer.all_special_ids)
            known |= set(tail[:1]) & special
        if not known:
            raise ModelError(
                f"{self.tokenizer.name_or_path}: the tokenizer has no end token and its chat template writes "
                "none; set eos_token in tokenizer_config.json"
            )
        return frozenset(known)

    def end_token(self, eos_ids: Sequence[int]) -> int:
        """The one token that belongs behind an answer: what the template writes there, else the model's own end."""
        known = self.end_ids(eos_ids)
        turns = [Message(role="user", content="a"), Message(role="assistant", content=_PROBE)]
        # with a further turn behind it, as some templates leave the last one open
        tail = self.prompt_text([*turns, Message(role="user", content="b")]).rpartition(_PROBE)[2]
        places = {token: tail.find(self.tokenizer.convert_ids_to_tokens(token)) for token in sorted(known)}
        written = [token for token, place in places.items() if place >= 0]
        if written:
            return min(written, key=lambda token: places[token])
        return int(next(each for each in (self.tokenizer.eos_token_id, *eos_ids, *known) if each is not None))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens spelled out: a judge must see what was written."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def _render(self, messages: Sequence[Message], *, generate: bool) -> str:
        if not self.tokenizer.chat_template:
            return _plain(messages, self.tokenizer.bos_token or "", generate=generate)
        if messages[0].role == "system" and not self._has_system_turn:
            messages = _folded(messages)
        try:
            return self._template(messages, generate)
        except TemplateError as problem:
            raise ModelError(
                f"{self.tokenizer.name_or_path}: the chat template fails: {problem}"
            ) from problem

    @cached_property
    def _has_system_turn(self) -> bool:
        # some templates raise on a system turn, others drop it without a word: both are found by trying
        messages = [Message(role="system", content=_PROBE), Message(role="user", content="a")]
        try:
            return _PROBE in self._template(messages, generate=True)
        except TemplateError:
            return False

    @cached_property
    def _options(self) -> dict[str, Any]:
        thinks = "enable_thinking" in str(self.tokenizer.chat_template)
        return {**({"enable_thinking": False} if thinks else {}), **self.kwargs}

    def _template(self, messages: Sequence[Message], generate: bool) -> str:
        turns = [{"role": each.role, "content": each.content} for each in messages]
        text: str = self.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=generate, **self._options
        )
        return text

    @cached_property
    def _special(self) -> re.Pattern[str] | None:
        added = [each.content for each in self.tokenizer.added_tokens_decoder.values() if each.special]
        # the longest first: one special token may begin another
        words = sorted(filter(None, {*added, *self.tokenizer.all_special_tokens}), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, words))) if words else None

    def _marked(self, messages: Sequence[Message]) -> tuple[Sequence[Message], list[str]]:
        """The turns with a numbered mark for every special token that somebody spelled out, and the spellings."""
        special = self._special
        if special is None or not any(special.search(each.content) for each in messages):
            return messages, []
        spelled: list[str] = []

        def mark(match: re.Match[str]) -> str:
            spelled.append(match.group())
            return f"{sign}{len(spelled) - 1}{sign}"

        whole = "".join(each.content for each in messages)
        sign = next(chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in whole)
        marked = [replace(each, content=special.sub(mark, each.content)) for each in messages]
        return marked, [*spelled, sign]

    def _pieces(self, text: str, marks: list[str]) -> Ids:
        *spelled, sign = marks
        ids: Ids = []
        for place, piece in enumerate(re.split(f"{sign}(\\d+){sign}", text)):
            is_mark = place % 2 == 1
            part = spelled[int(piece)] if is_mark else piece
            ids += self._encode([part], split=is_mark)[0]
        return ids

    def _encode(self, texts: Sequence[str], *, split: bool = False) -> list[Ids]:
        if not texts:
            return []
        found: list[Ids] = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=split, verbose=False
        )["input_ids"]
        return found


def _folded(messages: Sequence[Message]) -> list[Message]:
    system, *rest = messages
    if not rest:
        return [replace(system, role="user")]
    first, *others = rest
    return [replace(first, content=f"{system.content}\n\n{first.content}"), *others]


def _plain(messages: Sequence[Message], bos: str, *, generate: bool) -> str:
    turns = "".join(f"{_PLAIN[each.role]}{each.content}\n\n" for each in messages)
    text = bos + turns
    return text + _PLAIN["assistant"].rstrip() if generate else text.rstrip()
