"""What OpenRLHF posts to its remote reward URL: `query`, the prompt with the answer behind it, and `prompts`.

Both are decoded with their special tokens, so that a mark of the beginning may stand before the prompt, and marks of
the end behind the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rlaif.errors import InputError
from rlaif.workflows.reward.serve.shape import AskedRows, Rewards, WireShape, asked_rows, listed, no_others

_FIELDS = ("query", "prompts", "labels")
_BEFORE = 64
"""Characters that marks of the beginning may take."""
_END = re.compile(
    r"(?:<[|\uff5c][^<>|\uff5c]{1,32}[|\uff5c]>|</s>|<eos>|<pad>|\[PAD\]|<end_of_turn>)\s{0,8}\Z"
)
"""What tokenizers write behind an answer: a mark of the end or of padding."""
_LONGEST = 48
"""Characters of such a mark with the blanks behind it."""


def read(body: Mapping[str, Any]) -> AskedRows:
    """The answer of a row is what stands behind its prompt. `labels` is not read: the judge needs no truth."""
    no_others(body, _FIELDS)
    queries = listed(body, "query", str)
    prompts = listed(body, "prompts", str)
    if len(queries) != len(prompts):
        raise InputError(f"{len(queries)} query and {len(prompts)} prompts: one prompt a query")
    answers = [_answer(query, prompts[row], row) for row, query in enumerate(queries)]
    return asked_rows(prompts, answers, ("prompts", "query"))


def write(body: Mapping[str, Any], rewards: Rewards) -> Mapping[str, Any]:
    """`rewards` for the advantages, `scores` for its filter of groups, `extra_logs` for its log.

    A null cannot become a tensor: OpenRLHF stops rather than count it as a number.
    """
    failed = [float(each is None) for each in rewards]
    return {"rewards": list(rewards), "scores": list(rewards), "extra_logs": {"reward_failed": failed}}


def _answer(query: str, prompt: str, row: int) -> str:
    """What stands behind the prompt, without marks of the end."""
    at = query.find(prompt, 0, len(prompt) + _BEFORE)
    if at < 0:
        raise InputError(f"query[{row}] does not begin with prompts[{row}]: its answer cannot be found")
    start, end = at + len(prompt), len(query)
    # in a window: an answer may be nothing but blanks, which a pattern over the whole text would walk again and again
    while found := _END.search(query[max(start, end - _LONGEST) : end]):
        end = max(start, end - _LONGEST) + found.start()
    return query[start:end]


SHAPE = WireShape(
    name="openrlhf",
    says='`{"query": [...], "prompts": [...], "labels": [...]}` -> '
    '`{"rewards": [...], "scores": [...], "extra_logs": {...}}`',
    read=read,
    write=write,
)
