"""Two copies of a model talk with each other, and each learns its own half (open character training, 2511.01689).

To each copy its own turns are the assistant's and the other's are the user's. The first copy answers an opening; the
second one takes that answer for the question with which its conversation begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from rlaif.feedback.system_turn import SystemTurn
from rlaif.feedback.written import Question, write_texts
from rlaif.hashing import derived_seed
from rlaif.records import Engine, Example, Message, Prompt, Sampling

COPIES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTalk:
    """One conversation."""

    opening: Prompt
    number: int
    """Of the conversations with this opening."""
    said: list[str] = field(default_factory=list)
    """The turns, the first copy's and the second's in turn."""

    def begins(self, copy: int, system: SystemTurn | None) -> tuple[Message, ...]:
        """What a copy is given before anybody spoke, 0 the first copy."""
        if copy == 0:
            return self.opening.messages if system is None else system.before(self.opening)
        return () if system is None else (Message(role="system", content=system.text),)

    def seen(self, copy: int, system: SystemTurn | None) -> tuple[Message, ...]:
        """All turns as a copy sees them: what it said itself is the assistant's."""
        spoken = (_turn(copy, place, text) for place, text in enumerate(self.said))
        return (*self.begins(copy, system), *spoken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talks:
    """All conversations, and why some ended before their last turn."""

    talks: list[SelfTalk]
    ended: dict[str, int]
    """How many ended early, by reason: `broke off`, `empty`, `failed`."""


def talk(
    engine: Engine,
    openings: Sequence[Prompt],
    *,
    n: int,
    turns: int,
    system: SystemTurn | None,
    sampling: Sampling,
    seed: int,
) -> Talks:
    """Let two copies talk.

    Args:
        engine: The model that both are.
        openings: What the first copy is asked.
        n: Conversations of each opening.
        turns: Turns of a conversation, those of both copies together.
        system: The system turn of both, or None.
        sampling: How a turn is drawn.
        seed: All randomness derives from it, the opening, and the turn's place.

    Returns:
        The conversations in the order of their openings. A turn that broke off, is empty or failed ends its
        conversation, and is no part of it.
    """
    talks = [SelfTalk(opening=each, number=number) for each in openings for number in range(n)]
    live, ended = list(talks), Counter[str]()
    for place in range(turns):
        questions = [
            Question(
                messages=each.seen(place % COPIES, system),
                seed=derived_seed(seed, "self-talk", each.opening.id, each.number, place),
                draw=each.number,
            )
            for each in live
        ]
        going = []
        for each, reply in zip(live, write_texts(engine, questions, sampling), strict=True):
            if reply.problem is None:
                each.said.append(reply.text)
                going.append(each)
            else:
                ended[reply.problem.value] += 1
        live = going
    return Talks(talks=talks, ended=dict(ended))


def examples_of(talks: Sequence[SelfTalk], system: SystemTurn | None, kind: str) -> list[Example]:
    """Each copy's half of each conversation, all its turns to be learned; of a copy that said nothing none."""
    found = []
    for each in talks:
        for copy in range(COPIES):
            # the second copy is asked by the first one's first turn
            asked = len(each.begins(copy, system)) + copy
            turns = each.seen(copy, system)
            # nobody answered the last turn of the other one
            turns = turns[:-1] if turns and turns[-1].role == "user" else turns
            if len(turns) > asked:
                found.append(Example(messages=turns, kind=kind, learned=len(turns) - asked))
    return found


def _turn(copy: int, place: int, text: str) -> Message:
    role: Literal["assistant", "user"] = "assistant" if place % COPIES == copy else "user"
    return Message(role=role, content=text)
