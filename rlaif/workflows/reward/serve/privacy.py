"""Reasons of failures without texts: what a judge's server says of a call may repeat what it was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rlaif.records import Completion, Prompt

_RUN = 12
"""Characters in a row that a reason may not share with a text."""
_SHORT = 4
"""Characters of a text that is looked for as a whole."""
UNSAID = "a reason that repeats a text, and is not shown"


def shown(reason: str, prompts: Iterable[Prompt], completions: Iterable[Completion]) -> str:
    """The reason where it repeats nothing of these rollouts, else that it does."""
    texts = [turn.content for each in prompts for turn in each.messages]
    texts += [part for each in completions for turn in each.turns for part in (turn.content, turn.thought)]
    return UNSAID if _repeats(reason, texts) else reason


def _repeats(reason: str, texts: Sequence[str]) -> bool:
    whole = "\0".join(texts)
    if any(reason[at : at + _RUN] in whole for at in range(len(reason) - _RUN + 1)):
        return True
    return any(_SHORT <= len(each) < _RUN and each in reason for each in {*texts})
