"""Pairs and examples to token ids with exact borders; what is not exact is refused and counted.

A prompt's ids are those of its rendering up to the assistant's turn, once for both answers; an answer's ids are
those of its text alone plus one end token: just what the model meets and writes when it generates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from rlaif.engines.chat import Chat
from rlaif.errors import ThresholdError
from rlaif.records import Example, Message, Pair

Ids = tuple[int, ...]


class Refused(StrEnum):
    """Why a pair or an example is not trained on."""

    TURNS = "turns"
    """An answer is not one assistant turn."""
    EMPTY = "empty"
    SAME = "same"
    ROUND_TRIP = "round_trip"
    """The ids do not decode to the text."""
    END_TOKEN = "end_token"
    """The text itself holds a special token: there would be more than one end."""
    TOO_LONG = "too_long"


REMEDIES = {
    Refused.TURNS: "each side must be one assistant turn",
    Refused.EMPTY: "a side has no text",
    Refused.SAME: "both sides are the same text",
    Refused.ROUND_TRIP: "this model's tokenizer cannot write the text; train another model",
    Refused.END_TOKEN: "the text spells a special token of this model; remove it",
    Refused.TOO_LONG: "prompt and answer exceed the model's context; shorten them or train another model",
}
"""What each reason says to whoever brought the data."""


class TokenPair(NamedTuple):
    """A pair as token ids. Each answer ends with the end token."""

    id: str
    prompt: Ids
    chosen: Ids
    rejected: Ids
    label_prob: float
    weight: float


class TokenExample(NamedTuple):
    """An example as token ids; only `answer` is learned. It ends with the end token."""

    kind: str
    prompt: Ids
    answer: Ids


def relative_weights(pairs: Sequence[TokenPair]) -> list[float]:
    """The pairs' weights in units of their mean: the unit they came in does not count.

    Raises ThresholdError when all are zero.
    """
    mean = sum(pair.weight for pair in pairs) / len(pairs)
    if not mean > 0:
        raise ThresholdError(
            f"all {len(pairs)} pairs have weight 0: nothing can be learned; set `weight` above 0"
        )
    return [pair.weight / mean for pair in pairs]


@dataclass(frozen=True, slots=True)
class Spans:
    """Turns records into ids for one model."""

    chat: Chat
    end_id: int
    max_length: int

    def pairs(self, pairs: Sequence[Pair]) -> tuple[list[TokenPair], Counter[str]]:
        """Pairs in the given order, without the refused ones, and why those were refused."""
        refused: Counter[str] = Counter()
        whole = [pair for pair in pairs if not _counted(_shape(pair), refused)]
        prompts = self.chat.prompt_ids([pair.prompt for pair in whole])
        chosen = self._answers([pair.chosen[0].content for pair in whole], prompts)
        rejected = self._answers([pair.rejected[0].content for pair in whole], prompts)
        kept = []
        for pair, prompt, first, second in zip(whole, prompts, chosen, rejected, strict=True):
            problem = next((each for each in (first, second) if isinstance(each, Refused)), None)
            if not _counted(problem, refused):
                assert not isinstance(first, Refused)
                assert not isinstance(second, Refused)
                kept.append(TokenPair(pair.id, tuple(prompt), first, second, pair.label_prob, pair.weight))
        return kept, refused

    def examples(self, examples: Sequence[Example]) -> tuple[list[TokenExample], Counter[str]]:
        """Examples in the given order, without the refused ones, and why those were refused."""
        refused: Counter[str] = Counter()
        whole = [each for each in examples if not _counted(_answer_shape(each.messages[-1:]), refused)]
        prompts = self.chat.prompt_ids([each.messages[:-1] for each in whole])
        answers = self._answers([each.messages[-1].content for each in whole], prompts)
        kept = []
        for example, prompt, answer in zip(whole, prompts, answers, strict=True):
            if isinstance(answer, Refused):
                refused[answer] += 1
            else:
                kept.append(TokenExample(example.kind, tuple(prompt), answer))
        return kept, refused

    def _answers(self, texts: Sequence[str], prompts: Sequence[Sequence[int]]) -> list[Ids | Refused]:
        encoded = [tuple(ids) for ids in self.chat.text_ids(texts)]
        tokenizer = self.chat.tokenizer
        # an unknown token is a failed round trip, not a second end
        special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id} | {self.end_id}
        answers: list[Ids | Refused] = []
        for text, prompt, ids in zip(texts, prompts, encoded, strict=True):
            if special.intersection(ids):
                answers.append(Refused.END_TOKEN)
            elif not ids or not self._exact(text, prompt, ids):
                answers.append(Refused.ROUND_TRIP)
            elif len(prompt) + len(ids) + 1 > self.max_length:
                answers.append(Refused.TOO_LONG)
            else:
                answers.append((*ids, self.end_id))
        return answers

    def _exact(self, text: str, prompt: Sequence[int], ids: Ids) -> bool:
        # alone: what a judge was shown; after the prompt: what the trained model will be read as
        return self.chat.decode(ids) == text and self.chat.decode([*prompt, *ids]).endswith(text)


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
