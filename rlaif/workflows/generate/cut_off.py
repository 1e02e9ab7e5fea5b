"""Draws that ran into their length limit: what that may mean, said early and at the end.

A base model never ends its turn: every draw is cut off, and nothing else says why no pair is made.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rlaif.feedback.pairing import Truncated
from rlaif.records import (
    Completion,
    Engine,
    GenerateRequest,
    Generation,
    Pair,
    Sampling,
    Score,
    ScoreRequest,
)

EARLY = 16
"""Draws after which a model that has ended none of them is told of."""
MANY = 0.1
"""Share of cut-off draws above which the result says so."""
MOSTLY = 0.5
"""Share of the cut-off draws above which what was cut is the thought."""
ENDLESS = 0.95
"""Share of cut-off draws above which nothing tells how long the answers are."""
FURTHER = 4
"""How many times the present limit is advised at most."""
STEP = 32
"""Limits of tokens are advised in steps of so many."""
CUT = "length"
MAY_LOSE = "let what is cut off lose (--truncated reject)"
_log = logging.getLogger(__name__)


def cut_off(name: str, cut: int, drawn: int, max_tokens: int, pairs: CutPairs | None = None) -> str:
    """What it may mean that so many draws of a model were cut off, and what to do."""
    said = f"{name}: {cut} of {drawn} draws ran into the limit of {max_tokens} tokens (truncated)"
    if pairs is not None and pairs.without:
        said += f", and {pairs.without} of {pairs.prompts} prompts give no pair for it"
    other = f", or {MAY_LOSE}" if pairs is not None and pairs.truncated == "drop" else ""
    room = enough_tokens(cut / drawn, max_tokens)
    if room is None:
        return (
            f"{said}: raise max_tokens (--max-tokens){other}; a base model never ends its turn: name a chat model as "
            "policy, or one whose chat template ends an answer with the end token that the model writes"
        )
    return f"{said}: try --max-tokens {room}{other}"


def enough_tokens(share: float, max_tokens: int) -> int | None:
    """A limit to try next, rounded up to `STEP`: one at which about `MANY` of the answers would be cut off, and at most
    `FURTHER` times the present one; None where nearly none of them ended.

    All that is known is the share that is cut off at the present limit. Answers are taken to end at one rate, token by
    token, so that the share left falls as share ** (tokens / max_tokens). That is too much where answers have a usual
    length just above the limit, hence the bound: the next run knows more.
    """
    if share >= ENDLESS:
        return None
    wanted = max_tokens * math.log(MANY) / math.log(share) if share > MANY else max_tokens
    return math.ceil(min(wanted, FURTHER * max_tokens) / STEP) * STEP


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPairs:
    """What becomes of cut-off draws where pairs are made of them."""

    truncated: Truncated
    prompts: int
    without: int
    """Prompts of which no pair can come because completions were cut off."""


def cut_pairs(drawn: Sequence[Completion], truncated: Truncated) -> CutPairs:
    """Of how many prompts no pair can come, because too few of their different completions have an end."""
    by_prompt: dict[str, list[Completion]] = {}
    for each in drawn:
        by_prompt.setdefault(each.prompt_id, []).append(each)
    without = sum(_too_few(own, truncated) for own in by_prompt.values())
    return CutPairs(truncated=truncated, prompts=len(by_prompt), without=without)


def _too_few(own: Sequence[Completion], truncated: Truncated) -> bool:
    answers = {each.id for each in own if not each.open_thought}
    whole = {each.id for each in own if not each.open_thought and each.finish != CUT}
    lost = any(each.finish == CUT for each in own)
    return lost and (len(whole) < 2 if truncated == "drop" else not whole or len(answers) < 2)


def cut_in_thought(name: str, cut: int, drawn: int, limits: Sampling) -> str:
    """That so many draws of a model ran out of room inside of their thought, and what to do."""
    told = f"{name}: {cut} of {drawn} draws ran out of room inside of their thought (truncated): "
    if limits.max_thought_tokens is None:
        return (
            f"{told}thought and answer share {limits.max_tokens} tokens. Give the thought a room of its own "
            "(--max-thought-tokens), or raise max_tokens (--max-tokens)"
        )
    return f"{told}it may have {limits.max_thought_tokens} tokens. Raise max_thought_tokens (--max-thought-tokens)"


def never_ended(name: str, completions: Sequence[Completion]) -> list[str]:
    """The share of the thoughts of a model that have no end; nothing where all have one."""
    thoughts = [each for each in completions if each.thought or each.open_thought]
    count = sum(each.open_thought for each in thoughts)
    if not count:
        return []
    return [
        f"{name}: {count} of {len(thoughts)} thoughts ({count / len(thoughts):.0%}) have no end mark; behind them "
        "there is no answer, and they count as truncated"
    ]


def often_cut_off(
    name: str, completions: Sequence[Completion], limits: Sampling, truncated: Truncated | None = None
) -> list[str]:
    """A sentence where many draws of a model were cut off, another where thoughts have no end; else nothing.

    `truncated` says what becomes of them where pairs are made; None: none are.
    """
    cut = [each for each in completions if each.finish == CUT]
    said = []
    if len(cut) > MANY * len(completions):
        inside = sum(each.open_thought for each in cut)
        pairs = None if truncated is None else cut_pairs(completions, truncated)
        said.append(_told(name, len(cut), inside, len(completions), limits, pairs))
    return [*said, *never_ended(name, completions)]


def given_cut_off(completions: Sequence[Completion], truncated: Truncated) -> list[str]:
    """The same of completions that were there already, whose limit nobody here set."""
    cut = sum(each.finish == CUT for each in completions)
    if not cut or cut <= MANY * len(completions):
        return []
    pairs = cut_pairs(completions, truncated)
    said = f"{cut} of {len(completions)} completions were cut off (truncated)"
    if pairs.without:
        said += f", and {pairs.without} of {pairs.prompts} prompts give no pair for it"
    return [
        f"{said}: draw them with more room (--max-tokens of rlaif generate)"
        + (f", or {MAY_LOSE}" if truncated == "drop" else "")
    ]


def cut_rejected(pairs: Sequence[Pair]) -> list[str]:
    """How many pairs have a side that was cut off; nothing where none has."""
    count = sum(bool(each.truncated) for each in pairs)
    return [
        f"{count} of {len(pairs)} pairs reject an answer that was cut off: a training learns no end of theirs, and no "
        "figure of length counts them"
    ] * bool(count)


def _told(
    name: str, cut: int, inside: int, drawn: int, limits: Sampling, pairs: CutPairs | None = None
) -> str:
    if inside > MOSTLY * cut:
        return cut_in_thought(name, inside, drawn, limits)
    return cut_off(name, cut, drawn, limits.max_tokens, pairs)


@dataclass(frozen=True, slots=True)
class Watched:
    """An engine whose first draws are looked at: a limit that all of them run into is said while others are drawn."""

    engine: Engine

    @property
    def name(self) -> str:
        """Of the engine behind."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """Of the engine behind."""
        return self.engine.fingerprint

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        """As the engine behind does."""
        limits: list[Sampling] = []

        def seen() -> Iterator[GenerateRequest]:
            for each in requests:
                limits.append(each.sampling)
                yield each

        cut = inside = 0
        for number, reply in enumerate(self.engine.generate(seen()), 1):
            cut += reply.finish == CUT and reply.error is None
            inside += reply.finish == CUT and reply.error is None and reply.open_thought
            if number == cut == EARLY:
                most = max(limits, key=lambda each: each.max_tokens)
                _log.warning("%s", _told(self.name, cut, inside, number, most))
            yield reply

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        """As the engine behind does."""
        return self.engine.score(requests)
