"""Follows a text while it is drawn: is it inside of its thought, and what has to be written next? No model, no tensors.

A thought that has used up its room is closed by the tokens that the template writes there. Where labels are read
behind a thought, it is closed wherever it ends, and what stands before the label is written behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from rlaif.engines.thoughts import ThoughtMarks


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


class Follower:
    """Follows one text."""

    def __init__(self, plan: ThoughtPlan, decode: Callable[[Sequence[int]], str]) -> None:
        self.plan = plan
        self.forced: deque[int] = deque()
        """Tokens that come next, whatever the model would write."""
        self.reads = False
        """Whether labels are read as soon as nothing is forced any more."""
        self.sampled = 0
        """Tokens that the model wrote, those that were cut off again left out."""
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
        self._inside = False

    def _look(self, ids: Sequence[int]) -> None:
        marks = self.plan.marks
        if marks is None:
            return
        if not self._decided:
            # the last character may not be whole
            text = self._decode(ids).lstrip().rstrip("\ufffd")
            self._inside = text.startswith(marks.start)
            self._decided = self._inside or not marks.start.startswith(text)
        if self._inside and marks.end in self._tail(ids, marks.end):
            self._inside = False
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
