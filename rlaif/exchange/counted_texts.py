"""What is counted of turns: the text of a question, of an answer and of its thoughts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rlaif.records import Message

_GAP = "\n\n"


def asked_text(turns: Sequence[Message]) -> str:
    """What a prompt asks: the contents of all its turns but the system's and developer's, which many prompts share.

    Two dialogues that end alike are two questions.
    """
    return _joined(each.content for each in turns if each.role not in ("system", "developer"))


def answer_text(turns: Sequence[Message]) -> str:
    """What is answered: the contents of all turns of the assistant.

    Neither thoughts nor calls nor results of tools, nor what a user says in between.
    """
    return _joined(each.content for each in turns if each.role == "assistant")


def thought_text(turns: Sequence[Message]) -> str:
    """What is thought: of all turns."""
    return _joined(each.thought for each in turns)


def _joined(texts: Iterable[str]) -> str:
    return _GAP.join(each for each in texts if each)
