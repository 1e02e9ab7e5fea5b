"""Conversations to token ids as a model's chat template writes them. Owns what can go wrong between the two.

What somebody wrote is text: `<|end|>` inside a message becomes the tokens of its letters, never the end token. Texts
are encoded, and what came out is compared with the tokenizer's added vocabulary: ordinary text is encoded once.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

from rlaif.boundary import told
from rlaif.engines.chat_turns import (
    ThoughtForm,
    Turns,
    as_turn,
    conversation,
    is_bare,
    mapped,
    mapped_tools,
    named_tool,
    tool_name,
)
from rlaif.engines.letters import Letters, Part
from rlaif.engines.thoughts import ThoughtMarks, found_marks, tag_marks
from rlaif.errors import ModelError, RlaifError, UnrenderedError
from rlaif.records import Conversation, Message, Role, ToolCall

Ids = list[int]
_PROBE = "zqprobe"
_BYTE = re.compile(r"<0x[0-9A-Fa-f]{2}>")
"""A token of one byte, which a tokenizer falls back to."""
_PLAIN = {"system": "System: ", "developer": "System: ", "user": "Human: ", "assistant": "Assistant: "}
_USUAL = re.compile(r"[\w.:/ -]*")
"""Names and ids that are nothing but names and ids."""
_PRIVATE = range(0xE000, 0xF8FF)
GIVEN = frozenset({"messages", "tools", "documents", "add_generation_prompt"})
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
    gets its text in front of the first user turn; a developer's turn that it does not know is a system turn. A
    template that can think is told not to, unless options say otherwise. The clock of a template stands at the moment
    when the tokenizer was opened.

    A template is somebody else's program: what it raises is an UnrenderedError, and so is a user's turn, a call, the
    result of a tool or a tool that it leaves out. Earlier thoughts are left out by many, and rightly so. One that
    cannot write even a single user's turn is a ModelError.
    """

    tokenizer: Any
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Options of the template, behind those of a conversation."""
    marks: tuple[str, str] | None = None
    """The start and the end of a thought, where the user names them."""
    opened: datetime = field(default_factory=datetime.now, repr=False, compare=False)
    _alike: dict[tuple[str, ...], tuple[int, ...]] = field(default_factory=dict, repr=False, compare=False)
    """Answers of `alike`: labels are few, and asked about again and again."""

    def prompt_text(self, messages: Turns) -> str:
        """The conversation up to where the assistant's next turn begins."""
        return self._render(conversation(messages), generate=True)

    def prompt_ids(self, conversations: Sequence[Turns]) -> list[Ids]:
        """Return the token ids of `prompt_text` per conversation; special tokens come from the template only."""
        return self._ids(conversations, generate=True)

    def each_prompt(self, conversations: Sequence[Turns]) -> list[Ids | UnrenderedError]:
        """As `prompt_ids`, with the reason in the place of each conversation that the template does not take."""
        return self._each(conversations, generate=True)

    def each_conversation(self, conversations: Sequence[Turns]) -> list[Ids | UnrenderedError]:
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
            return self._render(conversation([*turns, *further]), generate=generate).rpartition(_PROBE)[2]
        except UnrenderedError:
            return ""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, special tokens spelled out: a judge must see what was written."""
        text: str = self.tokenizer.decode(
            list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text

    def _each(self, conversations: Sequence[Turns], *, generate: bool) -> list[Ids | UnrenderedError]:
        try:
            return [*self._ids(conversations, generate=generate)]
        except UnrenderedError:
            return [self._ids_or_reason(each, generate=generate) for each in conversations]

    def _ids_or_reason(self, turns: Turns, *, generate: bool) -> Ids | UnrenderedError:
        try:
            return self._ids([turns], generate=generate)[0]
        except UnrenderedError as problem:
            return problem

    def _render(self, asked: Conversation, *, generate: bool) -> str:
        if not self.tokenizer.chat_template:
            return self._paragraphs(asked, generate=generate)
        self._check()
        if taken := GIVEN & asked.chat_template_kwargs.keys():
            raise self._unrendered(
                f"chat_template_kwargs cannot set {sorted(taken)[0]}, which each request sets"
            )
        asked = self._known_roles(asked)
        text = self._template(asked, generate)
        for number, each in enumerate(asked.messages, 1):
            if each.role == "user" and each.content.strip() not in text:
                raise self._unrendered(f"turn {number}, the user's, does not stand in what it writes")
        return text

    def _paragraphs(self, asked: Conversation, *, generate: bool) -> str:
        """A conversation without a template: of a thought nothing is written, as in earlier turns of most templates."""
        calls = any(each.role == "tool" or each.tool_calls for each in asked.messages)
        if calls or asked.tools:
            raise self._unrendered(
                "without a chat template there is no way to write tools, their calls and results"
            )
        return _plain(asked.messages, self.tokenizer.bos_token or "", generate=generate)

    def _known_roles(self, asked: Conversation) -> Conversation:
        """The conversation without the roles that the template does not know."""
        messages: Sequence[Message] = asked.messages
        if any(each.role == "developer" for each in messages) and not self._has_turn("developer"):
            messages = _as_system(messages)
        if messages[0].role == "system" and not self._has_turn("system"):
            messages = _folded(messages)
        return asked if messages is asked.messages else replace(asked, messages=tuple(messages))

    def _check(self) -> None:
        """Raise ModelError for a template that cannot write a single user's turn, whatever stands in it."""
        if self._fault:
            raise ModelError(self._fault)

    @cached_property
    def _fault(self) -> str:
        place = self.tokenizer.name_or_path
        if taken := GIVEN & self.kwargs.keys():
            return f"{place}: chat_template_kwargs cannot set {sorted(taken)[0]}, which each request sets; leave it out"
        remedy = (
            "mend the template (chat_template.jinja, or chat_template in tokenizer_config.json), or remove it"
        )
        try:
            text = self._template(conversation([Message(role="user", content=_PROBE)]), generate=True)
        except UnrenderedError as problem:
            return f"{place}: the chat template fails: {problem.reason}; {remedy}"
        return "" if _PROBE in text else f"{place}: the chat template leaves out what the user says; {remedy}"

    def _unrendered(self, reason: str) -> UnrenderedError:
        return UnrenderedError(str(self.tokenizer.name_or_path), reason)

    def _has_turn(self, role: Role) -> bool:
        # some templates raise on a turn that they do not know, others drop it without a word: found by trying
        if role not in self._turns_known:
            messages = [Message(role=role, content=_PROBE), Message(role="user", content="a")]
            self._turns_known[role] = _PROBE in self._tried(messages, generate=True)
        return self._turns_known[role]

    @cached_property
    def _turns_known(self) -> dict[Role, bool]:
        return {}

    def _tried(self, messages: Sequence[Message], *, generate: bool, **form: Any) -> str:
        """What the template makes of turns; nothing where it fails."""
        try:
            return self._template(conversation(messages), generate, **form)
        except UnrenderedError:
            return ""

    @cached_property
    def _options(self) -> dict[str, Any]:
        thinks = "enable_thinking" in self._source
        return {**({"enable_thinking": False} if thinks else {}), **self.kwargs}

    @cached_property
    def _source(self) -> str:
        return str(self.tokenizer.chat_template or "")

    @cached_property
    def thought_marks(self) -> ThoughtMarks | None:
        """The marks between which this model writes its thoughts; None where nothing tells of any.

        They are the user's; else those of the table that the template's prompt ends with, that it writes or takes
        away, or that are tokens of their own; else whatever the template puts around a thought.
        """
        if self.marks:
            return ThoughtMarks(*self.marks)
        tail = self._tried([Message(role="user", content="a")], generate=True) if self._source else ""
        found = found_marks(self._source, tail, set(self._letters.control.values()))
        around = self._around_thought
        if found is None:
            return tag_marks(*around) if around else None
        if around and found.end in around[1]:
            return replace(found, closing=around[1])
        return found

    @cached_property
    def _around_thought(self) -> tuple[str, str] | None:
        """What the template writes before a thought, behind the prompt, and from the thought to the answer."""
        if self._thought_form is ThoughtForm.NONE:
            return None
        question = Message(role="user", content="a")
        answer = Message(role="assistant", content=f"{_PROBE}a", thought=f"{_PROBE}t")
        head, _, behind = self._tried([question, answer], generate=False).partition(answer.thought)
        prompt = self._tried([question], generate=True)
        start = head.removeprefix(prompt) if head.startswith(prompt) else ""
        closing, answered, _ = behind.partition(answer.content)
        return (start, closing) if answered else None

    def thought_begun(self, prompt: Sequence[int]) -> bool:
        """Whether a prompt ends with the start mark, so that the model's text begins inside of its thought."""
        marks = self.thought_marks
        if marks is None:
            return False
        # a token is a byte at least; blanks may stand behind the mark
        tail = self.decode(prompt[-len(marks.start.encode()) - 8 :])
        return tail.rstrip().endswith(marks.start)

    @cached_property
    def start_ids(self) -> Ids:
        """The tokens of the start mark."""
        marks = self.thought_marks
        return [] if marks is None else self._encode([marks.start])[0]

    @cached_property
    def closing_ids(self) -> Ids:
        """The tokens from the end of a thought that is cut off to where the answer begins."""
        marks = self.thought_marks
        return [] if marks is None else self._encode([marks.written_closing])[0]

    @cached_property
    def behind_end_ids(self) -> Ids:
        """What of `closing_ids` is still to come where the model wrote the end mark itself."""
        marks = self.thought_marks
        return [] if marks is None else self._encode([marks.written_closing.partition(marks.end)[2]])[0]

    @cached_property
    def _thought_form(self) -> ThoughtForm:
        answer = Message(role="assistant", content="b", thought=_PROBE)
        turns = [Message(role="user", content="a"), answer]
        forms = (ThoughtForm.FIELDS, ThoughtForm.PARTS) if self._source else ()
        for form in forms:
            text = self._tried(turns, generate=False, thoughts=form)
            # a template that knows no parts writes the whole list, quotes included
            if _PROBE in text and not re.search(f"['\"]{_PROBE}", text):
                return form
        return ThoughtForm.NONE

    @cached_property
    def _arguments_as_text(self) -> bool:
        """Whether the template takes the arguments of a call as text alone: those that add them up fail on objects."""
        call = ToolCall(name=f"{_PROBE}c", arguments=json.dumps({"a": f"{_PROBE}v"}), id="call00000")
        turns = [Message(role="user", content="a"), Message(role="assistant", content="", tool_calls=(call,))]
        texts = {each: self._tried(turns, generate=False, as_text=each) for each in (False, True)}
        return next((each for each in texts if f"{_PROBE}v" in texts[each]), False)

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

    def _template(
        self,
        asked: Conversation,
        generate: bool,
        *,
        thoughts: ThoughtForm | None = None,
        as_text: bool | None = None,
    ) -> str:
        # each is found by trying, and only where there is something of the kind
        if thoughts is None and any(each.thought for each in asked.messages):
            thoughts = self._thought_form
        if as_text is None and any(each.tool_calls for each in asked.messages):
            as_text = self._arguments_as_text
        turns = [
            as_turn(each, thoughts or ThoughtForm.NONE, arguments_as_text=bool(as_text))
            for each in asked.messages
        ]
        options = {**self._options, **asked.chat_template_kwargs}
        try:
            return self._rendering(turns, generate, options, asked.tools)
        except RlaifError:
            raise
        except (Exception, RecursionError, MemoryError) as problem:
            raise self._unrendered(told(problem)) from problem

    @cached_property
    def _letters(self) -> Letters:
        return Letters(self.tokenizer)

    @cached_property
    def _owned(self) -> dict[tuple[Any, ...], Ids]:
        return {}

    def _ids(self, conversations: Sequence[Turns], *, generate: bool) -> list[Ids]:
        asked = [conversation(each) for each in conversations]
        found = self._encode([self._render(each, generate=generate) for each in asked])
        for place, each in enumerate(asked):
            ids, said = found[place], [one.content for one in each.messages]
            own = self._own(each, generate)
            plain = (
                self._letters.plain(said, ids) if _is_plain(each) else self._letters.fallbacks.isdisjoint(ids)
            )
            if self._letters.own(ids) != own or not plain:
                found[place] = self._letters.ids(self._parts(each, generate))
        return found

    def _own(self, asked: Conversation, generate: bool) -> Ids:
        """The added tokens that the template writes around turns of this shape, in order."""
        end = "generate" if generate else ""
        if _is_plain(asked):
            kind: tuple[Any, ...] = (*(each.role for each in asked.messages), end)
            probe, wanted = None, dict[str, str]()
        else:
            probe, wanted = self._probe(asked)
            shown = [
                [each.identity for each in probe.messages],
                list(probe.tools),
                dict(probe.chat_template_kwargs),
            ]
            kind = (json.dumps(shown, default=str), end)
        if kind not in self._owned:
            if probe is None:
                probe, wanted = self._probe(asked)
            text = self._render(probe, generate=generate)
            for sign, what in wanted.items():
                if sign not in text:
                    raise self._unrendered(f"it leaves out {what}")
            self._owned[kind] = self._letters.own(self._encode([text])[0])
        return self._owned[kind]

    def _probe(self, asked: Conversation) -> tuple[Conversation, dict[str, str]]:
        """A conversation of the same shape with signs for its texts, and those that the template must not leave out."""
        wanted: dict[str, str] = {}
        messages = []
        for number, each in enumerate(asked.messages):
            turn = f"turn {number + 1}, the {each.role}'s"
            said = each.content
            if is_bare(each) or said.strip():
                said = f"{_PROBE}{number}q"
                wanted[said] = turn
            thought = f"{_PROBE}{number}t" if each.thought.strip() else ""
            calls = tuple(
                self._probe_call(call, f"{_PROBE}{number}c{place}", turn, wanted)
                for place, call in enumerate(each.tool_calls)
            )
            named = mapped(each, str, self._without_tokens)
            messages.append(replace(named, content=said, thought=thought, tool_calls=calls))
        tools = []
        for place, tool in enumerate(mapped_tools(asked.tools, self._without_tokens, self._without_tokens)):
            tools.append(named_tool(tool, sign := f"{_PROBE}{place}f"))
            wanted[sign] = f"tool {place + 1}, {tool_name(asked.tools[place])}"
        return replace(asked, messages=tuple(messages), tools=tuple(tools)), wanted

    def _probe_call(self, call: ToolCall, sign: str, turn: str, wanted: dict[str, str]) -> ToolCall:
        wanted[f"{sign}n"] = f"a call of {turn}"
        values = count()

        def value(text: str) -> str:
            if not text:
                return text
            wanted[found := f"{sign}v{next(values)}q"] = f"arguments of a call of {turn}"
            return found

        turned = mapped(
            Message(role="assistant", content="", tool_calls=(call,)), value, self._without_tokens
        )
        return replace(turned.tool_calls[0], name=f"{sign}n")

    def _without_tokens(self, text: str) -> str:
        for span in reversed(self._letters.spans(text)):
            text = text[: span.start] + text[span.end :]
        return text

    def _written(self, text: str, seen: Ids) -> Written:
        if self._letters.control.keys().isdisjoint(seen) and self._letters.plain([text], seen):
            return Written(seen, False)
        ids = self._letters.ids([text])
        # unknown characters and bytes are the same either way
        return Written(ids, ids != seen)

    def _parts(self, turns: Turns, generate: bool = True) -> list[Part]:
        """The rendering as texts and the template's own tokens: what stands in a message is text throughout.

        Marks stand around every message, so that no token begins in one and ends in the template, and in place of
        every token that somebody spelled out.
        """
        asked = conversation(turns)
        sign = next(_signs(_all_text(asked)))
        hidden: list[str] = []

        def mark(text: str = "") -> str:
            hidden.append(text)
            return f"{sign}{len(hidden) - 1}{sign}"

        text = self._render(self._all_marked(asked, mark), generate=generate)
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

    def _all_marked(self, asked: Conversation, mark: Callable[..., str]) -> Conversation:
        """The conversation with marks in all texts; in names and ids only where these are odd, alike for alike ones."""
        words: dict[str, str] = {}

        def text(each: str) -> str:
            return self._marked(each, mark)

        def word(each: str) -> str:
            if each not in words:
                words[each] = each if _USUAL.fullmatch(each) and not self._letters.spans(each) else text(each)
            return words[each]

        messages = tuple(mapped(each, text, word) for each in asked.messages)
        return replace(asked, messages=messages, tools=mapped_tools(asked.tools, text, word))

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


def _is_plain(asked: Conversation) -> bool:
    return not (asked.tools or asked.chat_template_kwargs) and all(map(is_bare, asked.messages))


def _all_text(asked: Conversation) -> str:
    if _is_plain(asked):
        return "".join(each.content for each in asked.messages)
    return json.dumps(
        [[each.identity for each in asked.messages], list(asked.tools)], ensure_ascii=False, default=str
    )


def _as_system(messages: Sequence[Message]) -> list[Message]:
    """Developer's turns as system turns; one that follows a system turn is its next paragraph."""
    found: list[Message] = []
    for each in messages:
        if each.role == "developer" and found and found[-1].role == "system":
            found[-1] = replace(found[-1], content=f"{found[-1].content}\n\n{each.content}")
        else:
            found.append(replace(each, role="system") if each.role == "developer" else each)
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
