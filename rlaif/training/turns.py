"""An assistant's turn as token ids: what the model met when it wrote it, what it wrote, what of that is learned.

A turn is written where its conversation stood then, whatever the template shows of it later: many templates take
earlier thoughts away. What is written is, in this order: the ids that were sampled, where they are known; of plain
text its tokens; else what the template writes behind its own prompt; else thought and answer between the marks of the
model. Whatever it is, it is read back, and refused where it does not say what the turn says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rlaif.engines.chat_template import Chat, Written
from rlaif.engines.thinking_switches import SWITCHES
from rlaif.engines.thoughts import Split, ThoughtMarks, split
from rlaif.errors import UnrenderedError
from rlaif.exchange.rendered import ends_a_turn
from rlaif.hashing import canonical_json
from rlaif.records import Conversation, Message
from rlaif.training.refused import Refused
from rlaif.training.sampled import Sampled
from rlaif.training.tokens import Ids, Mask, shared

_PROBE = "zqprobe"
THINKING = dict.fromkeys(SWITCHES, True)
"""Variables by which templates are told to let the model think; unknown ones mean nothing to a template."""


class LearnedTurn(NamedTuple):
    """An assistant's turn that is to be learned, and all that stands before it."""

    context: Conversation
    turn: Message
    known: Sampled | None = None
    endless: bool = False
    """Whether one of the two sides of its pair was cut off and was to lose all the same: then neither side's end is
    learned. Else the only token that is always on the chosen side and never on the rejected one would be the one that
    ends a turn, and a model would learn that, and a reward model to read it, rather than what the answers say. What
    was cut off is refused by no setting here; where its tokens are not those that were sampled, its last one is left
    out too, for it is the piece of a word that nobody wrote so."""


class TurnIds(NamedTuple):
    """A turn in tokens."""

    prompt: Ids
    """The conversation before it, up to where the model goes on."""
    answer: Ids
    """What the model writes, with the token that ends its turn unless it was cut off."""
    learned: Mask
    cut: bool = False
    sampled: bool = False
    """Whether they are the very ids that were sampled."""
    thought: int = 0
    """Tokens of a thought that is not empty, marks included."""


@dataclass(frozen=True)
class TurnWriter:
    """Writes turns for one model."""

    chat: Chat
    end_id: int
    """What ends an answer."""
    ends: frozenset[int]
    """All that ends a turn: what the template writes behind a call of a tool may be another token."""
    truncation: str = "drop"
    train_on: str = "all"
    """all | answer, as `LoopConfig.train_on`."""
    answers: bool = False
    """Whether a turn is its text behind the template's prompt and nothing else, as reward models read it."""
    _leads: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def write(self, asked: Sequence[LearnedTurn]) -> list[TurnIds | Refused | UnrenderedError]:
        """Each turn, or why it cannot be learned; an UnrenderedError where the template does not take what precedes."""
        asked = [self._kept(each) for each in asked]
        prompts = self._prompts([each.context for each in asked])
        texts = self.chat.written([each.turn.content for each in asked])
        rendered = [place for place, each in enumerate(asked) if self._is_rendered(each)]
        wholes = self.chat.each_conversation([_whole(asked[place]) for place in rendered])
        by_place = dict(zip(rendered, wholes, strict=True))
        return [
            prompt
            if isinstance(prompt, UnrenderedError)
            else self._turn(each, prompt, text, by_place.get(place))
            for place, (each, prompt, text) in enumerate(zip(asked, prompts, texts, strict=True))
        ]

    def _kept(self, asked: LearnedTurn) -> LearnedTurn:
        """Without the thought of a turn where nobody could tell its tokens, and they are not learned anyway."""
        drawn = asked.known is not None and bool(asked.known.ids)
        unknown = self.train_on == "answer" and not drawn and not self._can_think(asked.context)
        lost = self.answers or unknown
        return asked._replace(turn=replace(asked.turn, thought="")) if lost and asked.turn.thought else asked

    def _can_think(self, context: Conversation) -> bool:
        said = {**context.chat_template_kwargs, **self.chat.kwargs}
        told_not_to = any(said.get(name) is False for name in THINKING)
        return self.chat.thought_marks is not None and not told_not_to

    def _prompts(self, contexts: Sequence[Conversation]) -> list[Ids | UnrenderedError]:
        distinct: dict[tuple[object, ...], Conversation] = {}
        keys = [_key(each) for each in contexts]
        for key, each in zip(keys, contexts, strict=True):
            distinct.setdefault(key, each)
        found = self.chat.each_prompt([*distinct.values()])
        ids = {
            key: tuple(each) if isinstance(each, list) else each
            for key, each in zip(distinct, found, strict=True)
        }
        return [ids[key] for key in keys]

    def _is_rendered(self, asked: LearnedTurn) -> bool:
        if asked.turn.tool_calls or asked.turn.thought:
            return True
        return not self.answers and bool(self._lead(asked.context.chat_template_kwargs))

    def _lead(self, kwargs: Mapping[str, object]) -> str:
        """What the model writes between the template's prompt and a plain answer: nothing, with most templates."""
        name = canonical_json(dict(kwargs))
        if name not in self._leads:
            question = Message(role="user", content="a")
            turns = (question, Message(role="assistant", content=_PROBE))
            prompt = self.chat.each_prompt([_asking((question,), kwargs)])[0]
            whole = self.chat.each_conversation([_asking(turns, kwargs)])[0]
            goes_on = isinstance(prompt, list) and isinstance(whole, list) and whole[: len(prompt)] == prompt
            behind = self.chat.decode(whole[len(prompt) :]) if goes_on else ""  # type: ignore[arg-type, index]
            # a tokenizer that cannot read the probe tells nothing
            self._leads[name] = behind.partition(_PROBE)[0].strip() if _PROBE in behind else ""
        return self._leads[name]

    def _turn(
        self, asked: LearnedTurn, prompt: Ids, text: Written, whole: Sequence[int] | UnrenderedError | None
    ) -> TurnIds | Refused | UnrenderedError:
        turn, known = asked.turn, asked.known
        cut = known is not None and known.cut
        if not (turn.content or turn.tool_calls):
            return Refused.TRUNCATED if cut and self._drops(asked) else self._open(asked, prompt)
        drawn = self._drawn(turn, prompt, known)
        end = self.end_id
        if drawn is not None:
            body = drawn
        elif text.spells or ends_a_turn(turn.content) or self._spells(turn):
            return Refused.END_TOKEN
        elif isinstance(whole, UnrenderedError):
            return whole
        else:
            found = self._composed(turn, prompt, tuple(text.ids), whole)
            if isinstance(found, Refused):
                return found
            body, end = found
        if self.end_id in body and (drawn is not None or whole is None):
            return Refused.END_TOKEN
        if not body or not self._is_said(turn, prompt, body, exact=drawn is not None or whole is None):
            return Refused.ROUND_TRIP
        if cut and self._drops(asked):
            return Refused.TRUNCATED
        if asked.endless:
            torn = cut and drawn is None and len(body) > 1
            return self._learned(prompt, body[:-1] if torn else body, cut, drawn is not None)
        return self._learned(prompt, body if cut else (*body, end), cut, drawn is not None)

    def _drops(self, asked: LearnedTurn) -> bool:
        return self.truncation == "drop" and not asked.endless

    def _spells(self, turn: Message) -> bool:
        if not (turn.thought or turn.tool_calls):
            return False
        said = [turn.thought, *(text for call in turn.tool_calls for text in (call.name, call.arguments))]
        return any(each.spells for each in self.chat.written(said))

    def _drawn(self, turn: Message, prompt: Ids, known: Sampled | None) -> Ids | None:
        """The ids that were sampled, unless a stop string cut the text of the turn out of them."""
        if known is None or not known.ids or self.answers:
            return None
        whole = self.chat.decode(known.ids)
        said = self._split(whole, prompt)
        # the ids of a text that a stop string cut go on behind its end: no token of it ends there for certain
        longer = not turn.tool_calls and said.answer != turn.content and said.answer.startswith(turn.content)
        return None if longer and whole != turn.content else known.ids

    def _composed(
        self, turn: Message, prompt: Ids, text: Ids, whole: Sequence[int] | None
    ) -> tuple[Ids, int] | Refused:
        """What the model writes, and the token that ends it."""
        begun = not self.answers and self.chat.thought_begun(prompt)
        if whole is None:
            return (*(self.chat.closing_ids if begun else ()), *text), self.end_id
        found = self._continued(turn, prompt, tuple(whole))
        if found is not None and self._is_said(turn, prompt, found[0], exact=False):
            return found
        marks = self.chat.thought_marks
        # behind an empty thought that the template has written and closed no other is begun
        if turn.tool_calls or marks is None or self.chat.decode(prompt).rstrip().endswith(marks.end):
            return Refused.UNWRITTEN
        return (*self._thought(turn, begun), *self.chat.closing_ids, *text), self.end_id

    def _continued(self, turn: Message, prompt: Ids, whole: Ids) -> tuple[Ids, int] | None:
        """What the template writes behind its own prompt, up to the token that ends the turn, and that token.

        Some write marks of a thought in prompts only, and not in finished turns.
        """
        same = len(shared([prompt, whole]))
        lead, marks = self.chat.decode(prompt[same:]).strip(), self.chat.thought_marks
        thought: Ids = ()
        if same < len(prompt):
            if marks is None or not lead.startswith(marks.start):
                return None
            inside = lead.removeprefix(marks.start)
            if not inside and not self.answers:
                thought = (*self._thought(turn, begun=True), *self.chat.closing_ids)
            elif inside.strip() != marks.end or turn.thought:
                return None
        behind, end = self._ended(whole[same:])
        return (*thought, *behind), end

    def _ended(self, behind: Ids) -> tuple[Ids, int]:
        """A turn up to the token that ends it, and that token."""
        for place in range(len(behind) - 1, -1, -1):
            if behind[place] in self.ends:
                return behind[:place], behind[place]
            if self.chat.decode(behind[place:]).strip():
                break
        return behind, self.end_id

    def _thought(self, turn: Message, begun: bool) -> Ids:
        """The start of a thought and the thought, as far as its end."""
        marks = self.chat.thought_marks
        assert marks is not None
        blank = "\n" if marks.written_closing.startswith("\n") else ""
        start = () if begun else _mark_ids(self.chat, marks.start + blank)
        return (*start, *self.chat.text_ids([turn.thought])[0])

    def _open(self, asked: LearnedTurn, prompt: Ids) -> TurnIds | Refused:
        """A turn without an answer: a thought that never ended, of which nobody knows that it would have."""
        known = asked.known
        if known is None or not known.cut or self.train_on == "answer" or not asked.turn.thought:
            return Refused.EMPTY
        if known.ids:
            return TurnIds(prompt, known.ids, (), True, True, len(known.ids))
        if self.chat.thought_marks is None:
            return Refused.UNWRITTEN
        body = self._thought(asked.turn, self.chat.thought_begun(prompt))
        return TurnIds(prompt, body, (), True, False, len(body))

    def _split(self, text: str, prompt: Ids) -> Split:
        marks = self.chat.thought_marks
        if marks is None or self.answers:
            return Split("", text)
        return split(text, marks, begun=self.chat.thought_begun(prompt))

    def _is_said(self, turn: Message, prompt: Ids, body: Ids, *, exact: bool) -> bool:
        """Whether the ids say what the turn says; without `exact`, but for blanks that a template strips."""
        text = self.chat.decode(body)
        # alone: what a judge was shown; after the prompt: what the trained model will be read as
        if not self.chat.decode([*prompt, *body]).endswith(text):
            return False
        if not (turn.thought or turn.tool_calls) and text == turn.content:
            return True
        said = self._split(text, prompt)
        if said.open or said.thought.strip() != turn.thought.strip():
            return False
        if turn.tool_calls:
            rest = said.answer.strip()
            return rest.startswith(turn.content.strip()) and all(
                each.name in rest for each in turn.tool_calls
            )
        if exact:
            return said.answer == turn.content
        return said.answer.strip() == turn.content.strip()

    def _learned(self, prompt: Ids, answer: Ids, cut: bool, drawn: bool) -> TurnIds:
        marks = self.chat.thought_marks
        if marks is None or self.answers:
            return TurnIds(prompt, answer, (), cut, drawn)
        text, begun = self.chat.decode(answer), self.chat.thought_begun(prompt)
        if not (begun or text.lstrip().startswith(marks.start)):
            return TurnIds(prompt, answer, (), cut, drawn)
        said = split(text, marks, begun=begun)
        size = self._tokens_of(answer, _thought_end(text, said, marks))
        hidden = not said.thought.strip() or self.train_on == "answer"
        mask = (False,) * size + (True,) * (len(answer) - size) if hidden and size else ()
        return TurnIds(prompt, answer, mask, cut, drawn, size if said.thought.strip() else 0)

    def _tokens_of(self, ids: Ids, characters: int) -> int:
        """How many of the first ids lie in so many first characters: one that reaches beyond does not."""
        low, high = 0, len(ids)
        while low < high:
            middle = (low + high + 1) // 2
            if len(self.chat.decode(ids[:middle])) <= characters:
                low = middle
            else:
                high = middle - 1
        return low


def _thought_end(text: str, said: Split, marks: ThoughtMarks) -> int:
    """Where in a text its answer begins, behind the thought, its marks and the blanks after them."""
    if said.open:
        return len(text)
    if said.answer:
        # it is the last that stands there, but for what closes it: that may hold the same letters
        inner = text.rstrip().removesuffix(marks.answer_end).rstrip() if marks.answer_end else text
        return (inner if inner.endswith(said.answer) else text).rindex(said.answer)
    return text.rindex(marks.end) + len(marks.end)


def _mark_ids(chat: Chat, text: str) -> Ids:
    found: list[int] = chat.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return tuple(found)


def _asking(turns: tuple[Message, ...], kwargs: Mapping[str, object]) -> Conversation:
    return Conversation(messages=turns, chat_template_kwargs=kwargs)


def _whole(asked: LearnedTurn) -> Conversation:
    return replace(asked.context, messages=(*asked.context.messages, asked.turn))


def _key(context: Conversation) -> tuple[object, ...]:
    beside = [list(context.tools), dict(context.chat_template_kwargs)]
    return context.messages, canonical_json(beside) if any(beside) else ""
