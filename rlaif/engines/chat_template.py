"""Conversations to token ids as a model's chat template writes them. Owns what can go wrong between the two.

What somebody wrote is text: `<|end|>` inside a message becomes the tokens of its letters, never the end token. Texts
are encoded, and what came out is compared with the tokenizer's added vocabulary: ordinary text is encoded once.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

from rlaif.boundary import told
from rlaif.engines.letters import Letters, Part
from rlaif.errors import ModelError, RlaifError, UnrenderedError
from rlaif.records import Message

Ids = list[int]
_PROBE = "zqprobe"
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
"""A token of one byte, which a tokenizer falls back to."""
_PLAIN = {"system": "System: ", "user": "Human: ", "assistant": "Assistant: "}
_PRIVATE = range(0xE000, 0xF8FF)
_GIVEN = frozenset({"messages", "tools", "documents", "add_generation_prompt"})
"""Variables of a template that are ours to set."""

_log = logging.getLogger(__name__)


class Written(NamedTuple):
    """A text as a model would write it, letter by letter."""

    ids: Ids
    spells: bool
    """Whether it spells an added token, such as the end of a turn."""


@dataclass(frozen=True)
class Chat:
    """A tokenizer with the options of its template.

    Without a template, turns are `Human: ...` and `Assistant: ...` paragraphs. A template that has no system turn
    gets its text in front of the first user turn. A template that can think is told not to. The clock of a template
    stands at the moment when the tokenizer was opened.

    A template is somebody else's program: what it raises is an UnrenderedError, and so is a user's turn that it leaves
    out. One that cannot write even a single user's turn is a ModelError.
    """

    tokenizer: Any
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    opened: datetime = field(default_factory=datetime.now, repr=False, compare=False)
    _alike: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)
    """Answers of `alike`: labels are few, and asked about again and again."""

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The conversation up to where the assistant's next turn begins."""
        return self._render(messages, generate=True)

    def prompt_ids(self, conversations: Sequence[Sequence[Message]]) -> list[Ids]:
        """Return the token ids of `prompt_text` per conversation; special tokens come from the template only."""
        return self._ids(conversations, generate=True)

    def each_prompt(self, conversations: Sequence[Sequence[Message]]) -> list[Ids | UnrenderedError]:
        """As `prompt_ids`, with the reason in the place of each conversation that the template does not take."""
        return self._each(conversations, generate=True)

    def each_conversation(self, conversations: Sequence[Sequence[Message]]) -> list[Ids | UnrenderedError]:
        """The ids of finished conversations, or the reason: the last assistant turn ends as the template ends it."""
        return self._each(conversations, generate=False)

    def text_ids(self, texts: Sequence[str]) -> list[Ids]:
        """The token ids of texts as a model would write them, none of them an added token."""
        return [each.ids for each in self.written(texts)]

    def written(self, texts: Sequence[str]) -> list[Written]:
        """As `text_ids`, with what is to be known of each text."""
        return [self._written(text, ids) for text, ids in zip(texts, self._encode(texts), strict=True)]

    @cached_property
    def turn_tokens(self) -> tuple[str, ...]:
        """The spellings of the added tokens that the template writes in front of a user's turn."""
        head = self.prompt_text([Message(role="user", content=_PROBE)]).partition(_PROBE)[0]
        own = self._letters.own(self._encode([head])[0]) if head else []
        return tuple(dict.fromkeys(self._letters.control[token] for token in own))

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

    def reads(self, text: str) -> bool:
        """Whether the tokenizer knows every word of a text: none is spelled in bytes, or unknown.

        A model of a closed language, such as the bundled ones, was never shown what it cannot read.
        """
        unknown = self.tokenizer.unk_token_id
        ids = self.text_ids([text])[0]
        tokens = self.tokenizer.convert_ids_to_tokens(ids)
        return not any(
            one == unknown or _BYTE.fullmatch(token) for one, token in zip(ids, tokens, strict=True)
        )

    def end_ids(self, eos_ids: Sequence[int]) -> frozenset[int]:
        """Every token that ends an assistant's turn: the model's, the tokenizer's, the template's.

        Raises ModelError when there is none: such a model would write without end.
        """
        known = {each for each in (*eos_ids, self.tokenizer.eos_token_id) if each is not None}
        if self.tokenizer.chat_template:
            tail = self._encode([self._behind(generate=False)])[0]
            # an added token, whether it has a name or not: chat models made of base ones leave theirs unnamed
            known |= set(tail[:1]) & self._letters.control.keys()
        if not known:
            raise ModelError(
                f"{self.tokenizer.name_or_path}: the tokenizer has no end token and its chat template writes "
                "none; set eos_token in tokenizer_config.json"
            )
        return frozenset(known)

    def end_token(self, eos_ids: Sequence[int]) -> int:
        """The one token that belongs behind an answer, for judging and for training alike.

        Of all tokens that end a turn (`end_ids`), the one that the template writes first behind an answer. Two that
        stand at the same place, as where one's spelling begins the other's, are a tie: the smaller id is taken. Where
        the template writes none: the tokenizer's own, else the model's first. Raises ModelError where there is none.
        """
        known = self.end_ids(eos_ids)
        # with a further turn behind it, as some templates leave the last one open
        tail = self._behind(Message(role="user", content="b"), generate=True)
        places = {token: tail.find(self.tokenizer.convert_ids_to_tokens(token)) for token in sorted(known)}
        written = [token for token, place in places.items() if place >= 0]
        if written:
            return min(written, key=lambda token: places[token])
        named = (self.tokenizer.eos_token_id, *eos_ids, *sorted(known))
        return int(next(each for each in named if each is not None))

    def _behind(self, *further: Message, generate: bool) -> str:
        """What the template writes behind an answer; nothing where it takes one question alone."""
        turns = [Message(role="user", content="a"), Message(role="assistant", content=_PROBE)]
        try:
            return self._render([*turns, *further], generate=generate).rpartition(_PROBE)[2]
        except UnrenderedError:
            return ""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens spelled out: a judge must see what was written."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def _each(
        self, conversations: Sequence[Sequence[Message]], *, generate: bool
    ) -> list[Ids | UnrenderedError]:
        try:
            return [*self._ids(conversations, generate=generate)]
        except UnrenderedError:
            return [self._ids_or_reason(each, generate=generate) for each in conversations]

    def _ids_or_reason(self, messages: Sequence[Message], *, generate: bool) -> Ids | UnrenderedError:
        try:
            return self._ids([messages], generate=generate)[0]
        except UnrenderedError as problem:
            return problem

    def _render(self, messages: Sequence[Message], *, generate: bool) -> str:
        if not self.tokenizer.chat_template:
            return _plain(messages, self.tokenizer.bos_token or "", generate=generate)
        self._check()
        if messages[0].role == "system" and not self._has_system_turn:
            messages = _folded(messages)
        text = self._template(messages, generate)
        for number, each in enumerate(messages, 1):
            if each.role == "user" and each.content.strip() not in text:
                raise self._unrendered(f"turn {number}, the user's, does not stand in what it writes")
        return text

    def _check(self) -> None:
        """Raise ModelError for a template that cannot write a single user's turn, whatever stands in it."""
        if self._fault:
            raise ModelError(self._fault)

    @cached_property
    def _fault(self) -> str:
        place = self.tokenizer.name_or_path
        if taken := _GIVEN & self.kwargs.keys():
            return f"{place}: chat_template_kwargs cannot set {sorted(taken)[0]}, which each request sets; leave it out"
        remedy = (
            "mend the template (chat_template.jinja, or chat_template in tokenizer_config.json), or remove it"
        )
        try:
            text = self._template([Message(role="user", content=_PROBE)], generate=True)
        except UnrenderedError as problem:
            return f"{place}: the chat template fails: {problem.reason}; {remedy}"
        return "" if _PROBE in text else f"{place}: the chat template leaves out what the user says; {remedy}"

    def _unrendered(self, reason: str) -> UnrenderedError:
        return UnrenderedError(str(self.tokenizer.name_or_path), reason)

    @cached_property
    def _has_system_turn(self) -> bool:
        # some templates raise on a system turn, others drop it without a word: both are found by trying
        messages = [Message(role="system", content=_PROBE), Message(role="user", content="a")]
        try:
            return _PROBE in self._template(messages, generate=True)
        except UnrenderedError:
            return False

    @cached_property
    def _options(self) -> dict[str, Any]:
        thinks = "enable_thinking" in str(self.tokenizer.chat_template)
        return {**({"enable_thinking": False} if thinks else {}), **self.kwargs}

    @cached_property
    def _rendering(self) -> Callable[..., str]:
        # loaded with the first rendering only: whoever writes no conversation needs no transformers
        from rlaif.libraries.transformers_templates import chat_template

        return chat_template(self.tokenizer, self._now)

    def _now(self, form: str) -> str:
        _ = self._said_clock
        return self.opened.strftime(form)

    @cached_property
    def _said_clock(self) -> None:
        _log.warning(
            "%s: its chat template writes the date into prompts, so that texts of another day answer another prompt; "
            "where the template has a variable for it, set that: --chat-template-kwargs date_string='26 Jul 2024'",
            self.tokenizer.name_or_path,
        )

    def _template(self, messages: Sequence[Message], generate: bool) -> str:
        turns = [{"role": each.role, "content": each.content} for each in messages]
        try:
            return self._rendering(turns, generate, self._options)
        except RlaifError:
            raise
        except (Exception, RecursionError, MemoryError) as problem:
            raise self._unrendered(told(problem)) from problem

    @cached_property
    def _letters(self) -> Letters:
        return Letters(self.tokenizer)

    @cached_property
    def _owned(self) -> dict[tuple[str, ...], Ids]:
        return {}

    def _ids(self, conversations: Sequence[Sequence[Message]], *, generate: bool) -> list[Ids]:
        found = self._encode([self._render(messages, generate=generate) for messages in conversations])
        for place, messages in enumerate(conversations):
            ids, said = found[place], [each.content for each in messages]
            own = self._own(messages, generate)
            if self._letters.own(ids) != own or not self._letters.plain(said, ids):
                found[place] = self._letters.ids(self._parts(messages, generate))
        return found

    def _own(self, messages: Sequence[Message], generate: bool) -> Ids:
        """The added tokens that the template writes around turns of these roles, in order."""
        kind = (*(each.role for each in messages), "generate" if generate else "")
        if kind not in self._owned:
            said = [f"{_PROBE}{number}q" for number in range(len(messages))]
            probe = [replace(each, content=one) for each, one in zip(messages, said, strict=True)]
            text = self._render(probe, generate=generate)
            for number, (each, one) in enumerate(zip(messages, said, strict=True), 1):
                if one not in text:
                    raise self._unrendered(f"it leaves out turn {number}, the {each.role}'s")
            self._owned[kind] = self._letters.own(self._encode([text])[0])
        return self._owned[kind]

    def _written(self, text: str, seen: Ids) -> Written:
        if self._letters.control.keys().isdisjoint(seen) and self._letters.plain([text], seen):
            return Written(seen, False)
        ids = self._letters.ids([text])
        # unknown characters and bytes are the same either way
        return Written(ids, ids != seen)

    def _parts(self, messages: Sequence[Message], generate: bool = True) -> list[Part]:
        """The rendering as texts and the template's own tokens: what stands in a message is text throughout.

        Marks stand around every message, so that no token begins in one and ends in the template, and in place of
        every token that somebody spelled out.
        """
        sign = next(_signs("".join(each.content for each in messages)))
        hidden: list[str] = []

        def mark(text: str = "") -> str:
            hidden.append(text)
            return f"{sign}{len(hidden) - 1}{sign}"

        marked = [replace(each, content=self._marked(each.content, mark)) for each in messages]
        text = self._render(marked, generate=generate)
        parts: list[Part] = []
        end = 0
        for span in self._letters.spans(text):
            parts += [text[end : span.start], span.token]
            end = span.end
        parts.append(text[end:])
        shown = re.compile(f"{sign}(\\d+){sign}")
        return [
            shown.sub(lambda each: hidden[int(each[1])], part) if isinstance(part, str) else part
            for part in parts
        ]

    def _marked(self, text: str, mark: Callable[..., str]) -> str:
        core = text.strip()
        if not core:
            return text
        lead, _, trail = text.partition(core)
        inner, end = "", 0
        opened = mark()
        for span in self._letters.spans(core):
            inner += core[end : span.start] + mark(core[span.start : span.end])
            end = span.end
        # inside the blanks, which templates may strip
        return f"{lead}{opened}{inner}{core[end:]}{mark()}{trail}"

    def _encode(self, texts: Sequence[str]) -> list[Ids]:
        if not texts:
            return []
        try:
            found: list[Ids] = self.tokenizer(
                list(texts), add_special_tokens=False, split_special_tokens=False, verbose=False
            )["input_ids"]
        except (Exception, MemoryError) as problem:
            raise self._unrendered(f"the tokenizer cannot read it ({told(problem)})") from problem
        return found


def _signs(text: str) -> Iterator[str]:
    """What does not stand in a text, the shortest first: characters that are free for private use."""
    for length in count(1):
        for code in _PRIVATE:
            if (sign := chr(code) * length) not in text:
                yield sign


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
