"""Follows a text while it is drawn: is it inside of its thought, and what has to be written next? No model, no tensors.

A thought that has used up its room is closed by the tokens that the template writes there. Where labels are read
behind a thought, it is closed wherever it ends, and what stands before the label is written behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from rlaif.engines.chat_template import Chat
from rlaif.engines.thoughts import ThoughtMarks
from rlaif.records import Sampling


class ThoughtPlan(NamedTuple):
    """What a draw has to know of its thought."""

    marks: ThoughtMarks | None
    """None: the text is a thought without marks."""
    begun: bool
    """Whether the prompt ends with the start mark."""
    room: int
    """Tokens of the thought."""
    closing: tuple[int, ...] = ()
    """From the end of a thought that is cut off to the answer."""
    behind_end: tuple[int, ...] = ()
    """What of that follows the end mark."""
    label_prefix: tuple[int, ...] | None = None
    """What stands before a label; None: no label is read, the model goes on with its answer."""
    labels: tuple[int, ...] = ()
    """The tokens whose log-probabilities are read there; none: the text alone is wanted."""


def budget_plan(
    chat: Chat, prompt: Sequence[int], how: Sampling, *, inside: bool = False
) -> ThoughtPlan | None:
    """What bounds the thought behind a prompt; None where nothing does, or no marks of thoughts are known.

    `inside`: the prompt ends with a thought that its request has begun.
    """
    marks = chat.thought_marks
    if how.max_thought_tokens is None or marks is None:
        return None
    begun = inside or chat.thought_begun(prompt)
    # who has still to begin it needs its start mark, were it only to close it behind that
    room = how.max_thought_tokens if begun else max(how.max_thought_tokens, len(chat.start_ids))
    return ThoughtPlan(marks, begun, room, tuple(chat.closing_ids))


def label_plan(
    chat: Chat,
    prompt: Sequence[int],
    how: Sampling,
    prefix: str,
    answers: Sequence[Sequence[int]],
    context: int,
) -> ThoughtPlan | None:
    """What makes labels be read behind a thought; None where `context` tokens leave no room for one."""
    before = tuple(chat.text_ids([prefix])[0]) if prefix else ()
    closing = tuple(chat.closing_ids)
    limit = how.max_tokens if how.max_thought_tokens is None else how.max_thought_tokens
    longest = max(map(len, answers), default=0)
    room = min(limit, context - len(prompt) - len(closing) - len(before) - longest)
    if room < 1:
        return None
    labels = tuple(each[0] for each in answers) if longest == 1 and all(answers) else ()
    begun = chat.thought_begun(prompt)
    return ThoughtPlan(chat.thought_marks, begun, room, closing, tuple(chat.behind_end_ids), before, labels)


def forced_stretch(
    plan: ThoughtPlan, ids: Sequence[int], decode: Callable[[Sequence[int]], str]
) -> tuple[int, int] | None:
    """From and to where a text that was drawn by `plan` has tokens that nobody sampled; equal where it has none.

    None where other tokens stand where the plan would have forced its own: the text was drawn in another way.
    """
    followed = ThoughtFollower(plan, decode)
    start = stop = 0
    for count, token in enumerate(ids, 1):
        if not followed.forced:
            followed.saw(ids[:count])
            continue
        if followed.forced.popleft() != token:
            return None
        followed.wrote(ids[:count])
        start, stop = start if stop else count - 1, count
    return start, stop


class ThoughtFollower:
    """Follows one text."""

    def __init__(self, plan: ThoughtPlan, decode: Callable[[Sequence[int]], str]) -> None:
        self.plan = plan
        self.forced: deque[int] = deque()
        """Tokens that come next, whatever the model would write."""
        self.reads = False
        """Whether labels are read as soon as nothing is forced any more."""
        self.sampled = 0
        """Tokens that the model wrote, those that were cut off again left out."""
        self.ended = False
        """Whether there was a thought, and it is over."""
        self._decode = decode
        self._inside = plan.begun and plan.marks is not None
        self._decided = self._inside or plan.marks is None
        self._answer_from = 0
        if self._inside and plan.label_prefix is None and plan.room == 0:
            self._close()

    def answered(self, ids: Sequence[int], most: int) -> bool:
        """Whether the answer has used up its `most` tokens."""
        return not (self._inside or self.forced) and self._decided and len(ids) - self._answer_from >= most

    def saw(self, ids: Sequence[int]) -> None:
        """Hear of a token that was drawn, the last of `ids`."""
        self.sampled += 1
        self._look(ids)
        if self._inside and len(ids) >= self.plan.room:
            self._close()

    def wrote(self, ids: Sequence[int]) -> None:
        """Hear of a token that was forced, the last of `ids`."""
        if not self.forced:
            self._answer_from = len(ids)

    def kept(self, ids: Sequence[int], ends: Collection[int], stop: Sequence[str]) -> int | None:
        """How many of `ids` are the thought, where it is over with the last one; None while it goes on.

        From then on what comes next is forced, and the labels are read behind it.
        """
        self.sampled += 1
        if ids[-1] in ends:
            return self._over(len(ids) - 1)
        was_inside = self._inside
        self._look(ids)
        if was_inside and not self._inside:
            return self._over(len(ids), ended=True)
        if (cut := self._stopped(ids, stop)) is not None:
            return self._over(cut)
        return self._over(len(ids)) if len(ids) >= self.plan.room else None

    def _over(self, kept: int, *, ended: bool = False) -> int:
        closing = self.plan.behind_end if ended else self.plan.closing if self._inside else ()
        self.forced = deque((*closing, *(self.plan.label_prefix or ())))
        self._inside, self.reads, self.sampled = False, True, kept
        return kept

    def _close(self) -> None:
        self.forced = deque(self.plan.closing)
        self._inside, self.ended = False, True

    def _look(self, ids: Sequence[int]) -> None:
        marks = self.plan.marks
        if marks is None:
            return
        if not self._decided:
            text = self._decode(ids).lstrip()
            if not marks.start.isascii():
                # its last character may not be whole
                text = text.rstrip("\ufffd")
            self._inside = text.startswith(marks.start)
            # a token is a byte at least: so many blanks begin no mark
            endless = len(ids) > len(marks.start.encode()) + 8
            self._decided = self._inside or endless or not marks.start.startswith(text)
        if self._inside and marks.end in self._tail(ids, marks.end):
            self._inside, self.ended = False, True
            self._answer_from = len(ids)

    def _tail(self, ids: Sequence[int], text: str) -> str:
        # a token is a byte at least: what has just been completed begins no further back
        return self._decode(ids[-len(text.encode()) - 8 :])

    def _stopped(self, ids: Sequence[int], stop: Sequence[str]) -> int | None:
        """How many tokens stand wholly before a stop string that has just been completed."""
        if not any(each in self._tail(ids, each) for each in stop):
            return None
        text = self._decode(ids)
        cut = min(place for each in stop if (place := text.find(each)) >= 0)
        count = len(ids) - 1
        while count and len(self._decode(ids[:count])) > cut:
            count -= 1
        return count
