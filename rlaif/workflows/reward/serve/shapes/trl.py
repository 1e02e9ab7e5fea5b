"""What TRL gives its reward functions: prompts and completions, texts or conversations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.workflows.reward.serve.shape import AskedRows, Rewards, WireShape, asked_rows, listed, no_others

_FIELDS = ("prompts", "completions")


def read(body: Mapping[str, Any]) -> AskedRows:
    """Row by row."""
    no_others(body, _FIELDS)
    return asked_rows(listed(body, "prompts"), listed(body, "completions"), _FIELDS)


def write(body: Mapping[str, Any], rewards: Rewards) -> Mapping[str, Any]:
    """One a row; null is what TRL's functions call None."""
    return {"rewards": list(rewards)}


SHAPE = WireShape(
    name="trl",
    says='`{"prompts": [...], "completions": [...]}`, texts or conversations -> `{"rewards": [0.5, null]}`',
    read=read,
    write=write,
)
