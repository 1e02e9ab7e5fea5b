"""Pairs and examples to token ids with exact borders; what is not exact is refused and counted.

Every assistant's turn of a side is read where it was written (`turns`): behind the rendering of all before it up to
the assistant's turn, which is just what the model meets when it generates. Turns that go on from each other, token by
token, are one part of the side; what users and tools said in between is read and not learned. Where a template shows
a later turn less of an earlier one than it wrote, as many do with thoughts, the two are parts with contexts of their
own, so that each is learned as it was written. What was cut off has no end token, for nobody ended it there; of a
pair that was made with such a side (`truncated`) neither side has one (`LearnedTurn.endless`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from typing import NamedTuple

from rlaif.engines.chat_template import Chat
from rlaif.errors import UnrenderedError
from rlaif.exchange.rendered import holds_turns
from rlaif.records import (
    ASKED_OF,
    Conversation,
    Example,
    Message,
    Pair,
    Prompt,
    Tools,
    prompt_name,
    side_id,
)
from rlaif.training.refused import Refused
from rlaif.training.sampled import Sampled
from rlaif.training.tokens import Ids, Part, TokenExample, TokenPair, shared
from rlaif.training.turn_weights import is_learned, odd_weight
from rlaif.training.turns import THINKING, LearnedTurn, TurnIds, TurnWriter

Turns = tuple[Message, ...]


class _Side(NamedTuple):
    """What is to be learned of one side, and what becomes of it."""

    name: str
    """Of its row, for people."""
    before: Turns
    turns: Turns
    tools: Tools
    thinks: bool
    """Whether the model was let think when it wrote this or the other side."""
    answered: Turns = ()
    """What the answer was sampled behind, where it is read behind something else."""
    cut: bool = False
    """Whether its pair says that it was cut off."""
    endless: bool = False
    """Whether its pair says that of one of the sides: then the end of neither is learned."""


class _Whole(NamedTuple):
    """A side in tokens: contexts of its parts, the last of which is the whole side as it ends."""

    contexts: tuple[Ids, ...]
    """What stands before each part."""
    parts: tuple[Part, ...]
    cut: bool
    sampled: bool
    thoughts: int
    """Tokens of thoughts, marks included."""


def answer_id(prompt: Sequence[Message], turns: Sequence[Message], tools: Tools = ()) -> str:
    """Names an answer to a prompt: the id that its completion has."""
    return side_id(Prompt(messages=tuple(prompt), tools=tools).id, turns)


@dataclass(frozen=True, slots=True)
class Spans:
    """Turns records into ids for one model."""

    chat: Chat
    end_id: int
    max_length: int
    truncation: str = "drop"
    """drop | mask, as `LoopConfig.truncation`."""
    sampled: Mapping[str, Sampled] = field(default_factory=dict)
    """`answer_id` -> how that answer came about; others are taken as texts that somebody ended."""
    reasons: dict[Refused, str] = field(default_factory=dict)
    """The first row that was refused for a reason which only the row tells, with that."""
    train_on: str = "all"
    """all | answer, as `LoopConfig.train_on`."""
    answers: bool = False
    """Whether a side is its last answer alone behind what stands before, as reward models read it: without its
    thought, and at its end."""
    ends: frozenset[int] = frozenset()
    """Tokens that end a turn, beside `end_id`."""
    taught: bool = False
    """Whether an example is also read as its teacher is shown it."""

    def pairs(self, pairs: Sequence[Pair]) -> tuple[list[TokenPair], Counter[str]]:
        """Pairs in the given order, without the refused ones, and why those were refused."""
        refused: Counter[str] = Counter()
        whole = [pair for pair in pairs if not _counted(_shape(pair) or self._refused(pair), refused)]
        sides = [side for pair in whole for side in _sides(pair)]
        found = self._read(sides)
        kept = []
        for place, pair in enumerate(whole):
            both = found[2 * place : 2 * place + 2]
            problem = next((each for each in both if isinstance(each, Refused)), None)
            first, second = both
            if isinstance(first, _Whole) and isinstance(second, _Whole) and first[:2] == second[:2]:
                problem = Refused.SAME  # they differ only where they are cut
            if not _counted(problem, refused):
                assert not isinstance(first, Refused)
                assert not isinstance(second, Refused)
                kept.append(self._token_pair(pair, first, second))
        return kept, refused

    def examples(self, examples: Sequence[Example]) -> tuple[list[TokenExample], Counter[str]]:
        """Examples in the given order, without the refused ones, and why those were refused."""
        refused: Counter[str] = Counter()
        whole = [
            each
            for each in examples
            if not _counted(_side_shape(each.messages[-1:]) or self._refused(each), refused)
        ]
        sides = self._read([_example_side(each) for each in whole])
        shown = self._read([_teacher_side(each) for each in whole]) if self.taught else [None] * len(whole)
        kept = []
        for example, side, taught in zip(whole, sides, shown, strict=True):
            found = side if isinstance(side, Refused) else self._taught_example(example, side, taught)
            if isinstance(found, Refused):
                refused[found] += 1
            else:
                kept.append(found)
        return kept, refused

    def _taught_example(
        self, example: Example, side: _Whole, taught: _Whole | Refused | None
    ) -> TokenExample | Refused:
        """An example, with what its teacher reads where there is one; the same tokens must be learned of both."""
        if isinstance(taught, Refused):
            return Refused.TEACHER_TOO_LONG if taught is Refused.TOO_LONG else taught
        own = self._token_example(example, side)
        if taught is None:
            return own
        if any(
            len(context) + len(part.ids) > self.max_length
            for context, part in zip(taught.contexts, taught.parts, strict=True)
        ):
            return Refused.TEACHER_TOO_LONG
        if _learned_ids(side) != _learned_ids(taught):
            return Refused.TEACHER_TOO_LONG if taught.cut and not side.cut else Refused.UNALIGNED
        return own._replace(taught=self._token_example(example, taught))

    def _read(self, sides: Sequence[_Side]) -> list[_Whole | Refused]:
        """Each side in tokens, or why it is refused."""
        asked = [self._turns_of(side) for side in sides]
        ends = self.ends or self.chat.end_ids([self.end_id])
        writer = TurnWriter(self.chat, self.end_id, ends, self.truncation, self.train_on, self.answers)
        written = iter(writer.write([turn for turns in asked for turn in turns]))
        found: list[_Whole | Refused] = []
        for side, turns in zip(sides, asked, strict=True):
            own = [next(written) for _ in turns]
            found.append(self._joined(side, own))
        return found

    def _turns_of(self, side: _Side) -> list[LearnedTurn]:
        """The assistant's turns of a side, each with all that stands before it."""
        said, last = (*side.before, *side.turns), len(side.before) + len(side.turns) - 1
        kwargs = {name: value for name, value in THINKING.items() if name not in self.chat.kwargs}
        behind = side.answered or side.before
        known = self.sampled.get(answer_id(behind, side.turns, side.tools)) if self.sampled else None
        if side.cut:
            known = Sampled(None if known is None else known.ids, cut=True)
        first = last if self.answers else len(side.before)
        return [
            LearnedTurn(
                Conversation(
                    messages=said[:place],
                    tools=side.tools,
                    chat_template_kwargs=kwargs if side.thinks and not self.answers else {},
                ),
                said[place],
                known if place == last else None,
                side.endless and place == last,
            )
            for place in range(first, last + 1)
            if (said[place].role == "assistant" if self.answers else is_learned(said[place]))
        ]

    def _joined(self, side: _Side, turns: Sequence[TurnIds | Refused | UnrenderedError]) -> _Whole | Refused:
        for each in turns:
            if isinstance(each, UnrenderedError):
                self.reasons.setdefault(Refused.TEMPLATE, f"{side.name}: {each.reason}")
                return Refused.TEMPLATE
            if isinstance(each, Refused):
                return each
        own = [each for each in turns if isinstance(each, TurnIds)]
        if not own:
            return Refused.UNLEARNED
        contexts, parts = _parts(own)
        cut = own[-1].cut
        long = [
            len(context) + len(part.ids) > self.max_length
            for context, part in zip(contexts, parts, strict=True)
        ]
        if any(long):
            if self.truncation == "drop":
                return Refused.TOO_LONG
            cut = True
            rooms = [self.max_length - len(context) for context in contexts]
            pairs = zip(contexts, map(_shortened, parts, rooms), strict=True)
            left = [(context, part) for context, part in pairs if part is not None]
            if not left:
                return Refused.TOO_LONG
            contexts, parts = [context for context, _ in left], [part for _, part in left]
        thoughts = sum(each.thought for each in own)
        return _Whole(tuple(contexts), tuple(parts), cut, own[-1].sampled, thoughts)

    def _refused(self, row: Pair | Example) -> Refused | None:
        """Why a row is refused for what stands in it: a weight that turns cannot have, a prompt that is rendered."""
        sides = [_example_side(row)] if isinstance(row, Example) else _sides(row)
        for side in () if self.answers else sides:
            if (weight := odd_weight(side.turns)) is not None:
                self.reasons.setdefault(Refused.WEIGHT, f"{side.name}: weight {weight!r:.40}")
                return Refused.WEIGHT
        turns = row.messages if isinstance(row, Example) else (*row.prompt, *row.chosen, *row.rejected)
        own = self.chat.turn_tokens
        for text in (each.content for each in turns if each.role == "user"):
            if holds_turns(text) or text.lstrip().startswith(own):
                return Refused.RENDERED
        return None

    def _token_pair(self, pair: Pair, chosen: _Whole, rejected: _Whole) -> TokenPair:
        prompt = shared([*chosen.contexts, *rejected.contexts])
        first, second = (_behind(prompt, each) for each in (chosen, rejected))
        return TokenPair(
            pair.id,
            prompt,
            first[-1].ids,
            second[-1].ids,
            pair.label_prob,
            pair.weight,
            score_gap=pair.score_gap,
            principles={each["id"]: each["p"] for each in pair.principles if each.get("p") is not None},
            cut=chosen.cut or rejected.cut,
            sampled=chosen.sampled + rejected.sampled,
            about=str(pair.provenance.get(ASKED_OF) or prompt_name(pair.prompt)),
            chosen_parts=() if self.answers else _told(first),
            rejected_parts=() if self.answers else _told(second),
            thoughts=(chosen.thoughts, rejected.thoughts),
        )

    def _token_example(self, example: Example, side: _Whole) -> TokenExample:
        prompt = shared(side.contexts)
        parts = _behind(prompt, side)
        return TokenExample(
            example.kind, prompt, parts[-1].ids, example.weight, side.cut, _told(parts), side.thoughts
        )


def _sides(pair: Pair) -> tuple[_Side, _Side]:
    thinks = any(each.thought for each in (*pair.chosen, *pair.rejected))
    name = f"pair {pair.id}"
    chosen, rejected = (
        _Side(
            name,
            pair.prompt,
            turns,
            pair.tools,
            thinks,
            cut=pair.truncated == side,
            endless=bool(pair.truncated),
        )
        for side, turns in (("chosen", pair.chosen), ("rejected", pair.rejected))
    )
    return chosen, rejected


def _example_side(example: Example) -> _Side:
    before, turns = example.messages[: -example.learned], example.messages[-example.learned :]
    thinks = any(each.thought for each in turns)
    return _Side(example.messages[0].content[:60], before, turns, example.tools, thinks)


def _teacher_side(example: Example) -> _Side:
    own = _example_side(example)
    return own._replace(before=example.teacher, answered=own.before) if example.teacher else own


def _learned_ids(side: _Whole) -> list[int]:
    """The tokens that are learned, in order, whatever stands between them."""
    return [token for part in side.parts for token in compress(part.ids, part.learned or repeat(True))]


def _parts(turns: Sequence[TurnIds]) -> tuple[list[Ids], list[Part]]:
    """Contexts and parts: a turn whose context goes on from the turn before it is of one part with that."""
    contexts: list[Ids] = []
    parts: list[Part] = []
    for each in turns:
        mask = each.learned or (True,) * len(each.answer)
        written = (*contexts[-1], *parts[-1].ids) if parts else ()
        if parts and each.prompt[: len(written)] == written:
            between = each.prompt[len(written) :]
            parts[-1] = Part(
                (*parts[-1].ids, *between, *each.answer),
                (*parts[-1].learned, *(False,) * len(between), *mask),
            )
        else:
            contexts.append(each.prompt)
            parts.append(Part(each.answer, mask))
    return contexts, parts


def _shortened(part: Part, room: int) -> Part | None:
    """As much of a part as there is room for; None where nothing of that is learned."""
    short = Part(part.ids[: max(0, room)], part.learned[: max(0, room)])
    return short if any(short.learned) else None


def _behind(prompt: Ids, side: _Whole) -> list[Part]:
    """The parts of a side as they go on from `prompt`."""
    found = []
    for context, part in zip(side.contexts, side.parts, strict=True):
        between = context[len(prompt) :]
        found.append(Part((*between, *part.ids), (*(False,) * len(between), *part.learned)))
    return found


def _told(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Nothing where one part is learned from its first token to its last, as most answers are."""
    if len(parts) == 1 and all(parts[0].learned):
        return ()
    return tuple(Part(each.ids, () if all(each.learned) else each.learned) for each in parts)


def _shape(pair: Pair) -> Refused | None:
    problem = _side_shape(pair.chosen) or _side_shape(pair.rejected)
    if problem is None and pair.chosen == pair.rejected:
        return Refused.SAME
    return problem


def _side_shape(turns: Sequence[Message]) -> Refused | None:
    if not turns or turns[-1].role != "assistant":
        return Refused.TURNS
    empty = (each for each in turns if each.role == "assistant" and not (each.content or each.tool_calls))
    return Refused.EMPTY if any(not each.thought for each in empty) else None


def _counted(problem: Refused | None, refused: Counter[str]) -> bool:
    if problem is not None:
        refused[problem] += 1
    return problem is not None
