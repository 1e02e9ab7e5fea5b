"""What ms-swift gives its reward plugins: each row's conversation, the answer as its last turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.errors import InputError
from rlaif.workflows.reward.serve.shape import AskedRows, Rewards, WireShape, asked_rows, listed, no_others


def read(body: Mapping[str, Any]) -> AskedRows:
    """The last turn of a row is its answer, all before it the prompt."""
    no_others(body, ("messages",))
    rows = listed(body, "messages", list)
    for row, each in enumerate(rows):
        if len(each) < 2:
            raise InputError(f"messages[{row}] has fewer than two turns: a prompt and its answer")
    return asked_rows([each[:-1] for each in rows], [each[-1:] for each in rows], ("messages", "messages"))


def write(body: Mapping[str, Any], rewards: Rewards) -> Mapping[str, Any]:
    """One a row."""
    return {"rewards": list(rewards)}


SHAPE = WireShape(
    name="swift",
    says='`{"messages": [[{"role": ..., "content": ...}, ...], ...]}` -> `{"rewards": [0.5, null]}`',
    read=read,
    write=write,
)
