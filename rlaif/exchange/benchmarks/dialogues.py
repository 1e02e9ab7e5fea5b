"""hh-rlhf: two whole dialogues that part at the last answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rlaif.errors import PromptFileError
from rlaif.exchange.benchmarks import fields
from rlaif.exchange.benchmarks.nouns import GoldPair, GoldSet
from rlaif.exchange.rows import Row
from rlaif.hashing import digest
from rlaif.records import Message, Prompt, Role

COLUMNS = frozenset({"chosen", "rejected"})
ANSWER = "\n\nAssistant:"
_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """Pairs whose prompts are the same; the others are left out and counted."""
    left_out: Counter[str] = Counter()
    pairs = []
    for row in rows:
        (before, chosen), (before_too, rejected) = (_split(row, column) for column in ("chosen", "rejected"))
        prompt = _prompt(before)
        if before != before_too:
            left_out["the two prompts differ"] += 1
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
    return GoldSet(name="hh-rlhf", scoring="pairs", pairs=tuple(pairs), left_out=left_out)


def _split(row: Row, column: str) -> tuple[str, str]:
    before, found, said = fields.text(row, column).rpartition(ANSWER)
    if not found:
        raise PromptFileError(f"{row.where}: {column!r} holds no `Assistant:` turn")
    return before, said.strip()


def _prompt(dialogue: str) -> Prompt | None:
    parts = _TURN.split(dialogue)
    said = [
        Message(role=_ROLES[who], content=text.strip())
        for who, text in zip(parts[1::2], parts[2::2], strict=True)
    ]
    if parts[0].strip() or not said or said[-1].role != "user" or not said[-1].content:
        return None
    return Prompt(messages=tuple(said))
