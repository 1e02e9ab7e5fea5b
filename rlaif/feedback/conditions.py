"""Conditions under which good and bad answers are learned together (2302.08582): a tag, a system turn, or a thumb."""

from __future__ import annotations

from typing import Literal

from rlaif.feedback.system_turn import FIXED, SystemTurn, tag_line
from rlaif.records import Message, Prompt
from rlaif.templates import load_template

Condition = Literal["tag", "system"]
THUMBS = {"good": "thumb-up", "bad": "thumb-down"}
"""What an example is called whose answer somebody liked or did not."""


def conditioned(prompt: Prompt, side: str, condition: Condition) -> tuple[Message, ...]:
    """The turns of a prompt that ask for a good or a bad answer, as `tag:` and `system:` of a draw ask for it."""
    if condition == "tag":
        return tag_line("good" if side == "good" else "bad").before(prompt)
    return SystemTurn(named=side, text=load_template(FIXED[side]).render()).before(prompt)
