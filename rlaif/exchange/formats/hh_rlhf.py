"""hh-rlhf: two whole dialogues as texts, which part at the last answer, or earlier."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.asked import human_turns, paragraphs
from rlaif.exchange.format import Format, GoldFormat, PairFormat, each_row, said
from rlaif.exchange.formats.trl import SAME, parted
from rlaif.exchange.gold import GoldPair, GoldSet
from rlaif.exchange.rows import Row
from rlaif.hashing import digest
from rlaif.records import Message, Pair, Prompt, Role

ANSWER = "\n\nAssistant:"
PROMPTS_DIFFER = "the two prompts differ"
NO_DIALOGUE = "its prompt is no dialogue that ends with the human's turn"
_TURN = re.compile(r"\n\n(Human|Assistant):")
_NAMES: dict[Role, str] = {"user": "Human", "assistant": "Assistant"}
_ROLES: dict[str, Role] = {name: role for role, name in _NAMES.items()}


def recognises(row: Mapping[str, Any]) -> bool:
    """Two texts that hold a turn each, and no prompt beside them."""
    sides = [row.get(name) for name in ("chosen", "rejected")]
    return "prompt" not in row and all(isinstance(side, str) and ANSWER in side for side in sides)


def pair_of(row: Row) -> Pair | str:
    """Split at the last `Assistant:`, or behind the last question that both share where they part before that.

    The blank after a turn's mark belongs to the mark. Raises PromptFileError.
    """
    (before, chosen), (before_too, rejected) = (_split(row, column) for column in ("chosen", "rejected"))
    if before != before_too:
        cut = parted(*(paragraphs(fields.text(row, column)) for column in ("chosen", "rejected")))
        return PROMPTS_DIFFER if cut is None else Pair(
            prompt=cut[0], chosen=cut[1], rejected=cut[2], label_prob=1.0
        )  # fmt: skip
    if chosen == rejected:
        return SAME
    prompt = human_turns(before)
    return NO_DIALOGUE if prompt is None else Pair(
        prompt=prompt, chosen=said(chosen), rejected=said(rejected), label_prob=1.0
    )  # fmt: skip


def pair_rows(pair: Pair) -> Sequence[Mapping[str, Any]]:
    """Return a pair as two dialogues; no row where a system turn, or a text that looks like a turn, would be lost."""
    turns = [*pair.prompt, *pair.chosen, *pair.rejected]
    if any(each.role not in _NAMES for each in turns) or any(_TURN.search(each.content) for each in turns):
        return []
    if parted((*pair.prompt, *pair.chosen), (*pair.prompt, *pair.rejected)) != (
        pair.prompt,
        pair.chosen,
        pair.rejected,
    ):
        return []  # it would come back with another prompt
    before = _dialogue(pair.prompt)
    return [{"chosen": before + _dialogue(pair.chosen), "rejected": before + _dialogue(pair.rejected)}]


def _dialogue(turns: Sequence[Message]) -> str:
    return "".join(f"\n\n{_NAMES[each.role]}: {each.content}" for each in turns)


def _split(row: Row, column: str) -> tuple[str, str]:
    before, found, answer = fields.text(row, column).rpartition(ANSWER)
    if not found:
        raise PromptFileError(f"{row.where}: {column!r} holds no `Assistant:` turn")
    return before, answer.removeprefix(" ")


def read_gold(rows: Iterator[Row], category: str) -> GoldSet:
    """Gold: pairs whose prompts are the same and whose turns alternate; the others are left out and counted."""
    left_out: Counter[str] = Counter()
    pairs = []
    for row in rows:
        (before, chosen), (before_too, rejected) = (
            (before, answer.strip())
            for before, answer in (_split(row, side) for side in ("chosen", "rejected"))
        )
        prompt = _prompt(before)
        if before != before_too:
            left_out[PROMPTS_DIFFER] += 1
        elif prompt is None:
            left_out["the turns do not alternate"] += 1
        elif chosen == rejected:
            left_out["the two answers are the same"] += 1
        else:
            pairs.append(
                GoldPair(
                    id=digest("hh", prompt.id, chosen, rejected),
                    prompt=prompt,
                    texts=(chosen, rejected),
                    first_better=1.0,
                    category=category,
                )
            )
    return GoldSet(
        name="hh-rlhf",
        scoring="pairs",
        pairs=tuple(pairs),
        left_out=left_out,
        question="The response is helpful, honest and harmless.",
    )


def _prompt(dialogue: str) -> Prompt | None:
    parts = _TURN.split(dialogue)
    turns = [
        Message(role=_ROLES[who], content=text.strip())
        for who, text in zip(parts[1::2], parts[2::2], strict=True)
    ]
    if parts[0].strip() or not turns or turns[-1].role != "user" or not turns[-1].content:
        return None
    return Prompt(messages=tuple(turns))


FORMAT = Format(
    name="hh-rlhf",
    help="hh-rlhf's two complete dialogues, which begin alike",
    loses="system turns; texts that contain `Human:` or `Assistant:` marks",
    pairs=PairFormat(
        shape="`chosen`, `rejected`: whole dialogues with `Human:` and `Assistant:`",
        recognises=recognises,
        rank=30,
        read=each_row(pair_of),
        write=pair_rows,
        holds=frozenset({"turns"}),
    ),
    gold=GoldFormat(
        recognises=lambda row: {"chosen", "rejected"} <= row.keys() and isinstance(row["chosen"], str),
        read=read_gold,
        rank=90,
    ),
)
