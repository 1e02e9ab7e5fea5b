"""Pairs and examples to token ids with exact borders; what is not exact is refused and counted.

A prompt's ids are those of its rendering up to the assistant's turn, once for both answers; an answer's ids are
those that were sampled, where they are known, else those of its text alone, and one end token: just what the model
meets and writes when it generates. What was cut off has no end token, for nobody ended it there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, TypeVar

from rlaif.engines.chat_template import Chat
from rlaif.exchange.rendered import ends_a_turn, holds_turns
from rlaif.records import ASKED_OF, Example, Message, Pair, Prompt, completion_id, prompt_name
from rlaif.training.sampled import Sampled
from rlaif.training.tokens import Ids, TokenExample, TokenPair

Row = TypeVar("Row", Pair, Example)


class Refused(StrEnum):
    """Why a pair or an example is not trained on."""

    TURNS = "turns"
    """An answer is not one assistant turn."""
    EMPTY = "empty"
    SAME = "same"
    ROUND_TRIP = "round_trip"
    """The ids do not decode to the text."""
    END_TOKEN = "end_token"
    """The text itself spells a token of turns or ends: letter by letter it would be learned to be typed."""
    TEMPLATE = "template"
    """The model's chat template does not take the prompt, or its tokenizer cannot read it."""
    RENDERED = "rendered"
    """The prompt was already written by a chat template: the model would read one inside the other."""
    TOO_LONG = "too_long"
    TRUNCATED = "truncated"
    """An answer was cut off when it was sampled."""


REMEDIES = {
    Refused.TURNS: "each side must be one assistant turn",
    Refused.EMPTY: "a side has no text",
    Refused.SAME: "both sides are the same text",
    Refused.ROUND_TRIP: "this model's tokenizer cannot write the text; train another model",
    Refused.END_TOKEN: "an answer spells a control token, such as the end of a turn; remove it",
    Refused.TEMPLATE: "the model's chat template does not take the prompt; give its turns in the order that it knows",
    Refused.RENDERED: "the prompt holds a chat template's marks; give the conversation as turns",
    Refused.TOO_LONG: "prompt and answer exceed the model's room, or max_length; shorten them or train another model",
    Refused.TRUNCATED: "an answer was cut off; sample with more tokens, or set truncation: mask",
}
"""What each reason says to whoever brought the data."""


class _Answer(NamedTuple):
    ids: Ids
    cut: bool
    sampled: bool


def answer_id(prompt: Sequence[Message], text: str) -> str:
    """Names an answer to a prompt: the id that its completion has."""
    return completion_id(Prompt(messages=tuple(prompt)).id, text)


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

    def pairs(self, pairs: Sequence[Pair]) -> tuple[list[TokenPair], Counter[str]]:
        """Pairs in the given order, without the refused ones, and why those were refused."""
        refused: Counter[str] = Counter()
        whole = [pair for pair in pairs if not _counted(_shape(pair) or self._asked(pair.prompt), refused)]
        whole, prompts = self._taken(whole, [pair.prompt for pair in whole], refused)
        asked = [pair.prompt for pair in whole]
        chosen = self._answers([pair.chosen[0].content for pair in whole], asked, prompts)
        rejected = self._answers([pair.rejected[0].content for pair in whole], asked, prompts)
        kept = []
        for pair, prompt, first, second in zip(whole, prompts, chosen, rejected, strict=True):
            problem = next((each for each in (first, second) if isinstance(each, Refused)), None)
            if isinstance(first, _Answer) and isinstance(second, _Answer) and first.ids == second.ids:
                problem = Refused.SAME  # they differ only where they are cut
            if not _counted(problem, refused):
                assert not isinstance(first, Refused)
                assert not isinstance(second, Refused)
                kept.append(_token_pair(pair, prompt, first, second))
        return kept, refused

    def examples(self, examples: Sequence[Example]) -> tuple[list[TokenExample], Counter[str]]:
        """Examples in the given order, without the refused ones, and why those were refused."""
        refused: Counter[str] = Counter()
        whole = [
            each
            for each in examples
            if not _counted(_answer_shape(each.messages[-1:]) or self._asked(each.messages[:-1]), refused)
        ]
        whole, prompts = self._taken(whole, [each.messages[:-1] for each in whole], refused)
        asked = [each.messages[:-1] for each in whole]
        answers = self._answers([each.messages[-1].content for each in whole], asked, prompts)
        kept = []
        for example, prompt, answer in zip(whole, prompts, answers, strict=True):
            if isinstance(answer, Refused):
                refused[answer] += 1
            else:
                kept.append(TokenExample(example.kind, tuple(prompt), answer.ids, example.weight, answer.cut))
        return kept, refused

    def _taken(
        self, rows: Sequence[Row], asked: Sequence[Sequence[Message]], refused: Counter[str]
    ) -> tuple[list[Row], list[list[int]]]:
        """The rows whose prompts the chat template takes, and these as ids."""
        kept, prompts = [], []
        for row, ids in zip(rows, self.chat.each_prompt(asked), strict=True):
            if isinstance(ids, list):
                kept.append(row)
                prompts.append(ids)
            else:
                refused[Refused.TEMPLATE] += 1
                named = f"pair {row.id}" if isinstance(row, Pair) else row.messages[0].content[:60]
                self.reasons.setdefault(Refused.TEMPLATE, f"{named}: {ids.reason}")
        return kept, prompts

    def _answers(
        self, texts: Sequence[str], asked: Sequence[Sequence[Message]], prompts: Sequence[Sequence[int]]
    ) -> list[_Answer | Refused]:
        answers: list[_Answer | Refused] = []
        for text, turns, prompt, written in zip(texts, asked, prompts, self.chat.written(texts), strict=True):
            known = self.sampled.get(answer_id(turns, text)) if self.sampled else None
            drawn = self._drawn(text, known)
            # what the model itself wrote may hold control tokens, but no second end
            ids = drawn if drawn is not None else tuple(written.ids)
            if self.end_id in ids or (drawn is None and (written.spells or ends_a_turn(text))):
                answers.append(Refused.END_TOKEN)
            else:
                answers.append(self._answer(text, prompt, ids, known, drawn is not None))
        return answers

    def _answer(
        self,
        text: str,
        prompt: Sequence[int],
        ids: Ids,
        known: Sampled | None,
        drawn: bool,
    ) -> _Answer | Refused:
        cut, room = known is not None and known.cut, self.max_length - len(prompt)
        if not ids or not self._exact(text, prompt, ids):
            return Refused.ROUND_TRIP
        if cut and self.truncation == "drop":
            return Refused.TRUNCATED
        if len(ids) + (not cut) <= room:
            return _Answer(ids if cut else (*ids, self.end_id), cut, drawn)
        if self.truncation == "drop" or room < 1:
            return Refused.TOO_LONG
        return _Answer(ids[:room], True, drawn)

    def _asked(self, turns: Sequence[Message]) -> Refused | None:
        own = self.chat.turn_tokens
        for text in (each.content for each in turns if each.role == "user"):
            if holds_turns(text) or text.lstrip().startswith(own):
                return Refused.RENDERED
        return None

    def _drawn(self, text: str, known: Sampled | None) -> Ids | None:
        if known is None or not known.ids:
            return None
        # the ids of a text that a stop string cut go on behind its end: no token of it ends there for certain
        whole = self.chat.decode(known.ids)
        return None if whole != text and whole.startswith(text) else known.ids

    def _exact(self, text: str, prompt: Sequence[int], ids: Ids) -> bool:
        # alone: what a judge was shown; after the prompt: what the trained model will be read as
        return self.chat.decode(ids) == text and self.chat.decode([*prompt, *ids]).endswith(text)


def _token_pair(pair: Pair, prompt: Sequence[int], chosen: _Answer, rejected: _Answer) -> TokenPair:
    return TokenPair(
        pair.id,
        tuple(prompt),
        chosen.ids,
        rejected.ids,
        pair.label_prob,
        pair.weight,
        score_gap=pair.score_gap,
        principles={each["id"]: each["p"] for each in pair.principles if each.get("p") is not None},
        cut=chosen.cut or rejected.cut,
        sampled=chosen.sampled + rejected.sampled,
        about=str(pair.provenance.get(ASKED_OF) or prompt_name(pair.prompt)),
    )


def _shape(pair: Pair) -> Refused | None:
    problem = _answer_shape(pair.chosen) or _answer_shape(pair.rejected)
    if problem is None and pair.chosen[0].content == pair.rejected[0].content:
        return Refused.SAME
    return problem


def _answer_shape(turns: Sequence[Message]) -> Refused | None:
    if len(turns) != 1 or turns[0].role != "assistant":
        return Refused.TURNS
    return None if turns[0].content else Refused.EMPTY


def _counted(problem: Refused | None, refused: Counter[str]) -> bool:
    if problem is not None:
        refused[problem] += 1
    return problem is not None
