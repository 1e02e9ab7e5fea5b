"""A part without what its numbers owe to length: r' = r - a (words - mean words), with a fitted anew in each step.

Length is the first hole that a policy finds (2310.03716). The slope is that of least squares within groups, over the
completions that the policy has just drawn: prompts that want long answers do not count for it, and a hole that opens
later is met when it opens. Where lengths do not differ, a is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from rlaif.hashing import digest
from rlaif.judging.group_rewards.part import GroupPart, PromptGroup
from rlaif.judging.labels import CallReading
from rlaif.judging.scales import REWARD, Scale

Numbers = Sequence[float | None]


def length_slope(numbers: Numbers, lengths: Sequence[float], sizes: Sequence[int]) -> float:
    """What a word is worth: sum of (l - l_g)(r - r_g) over the sum of (l - l_g)^2, with the means of each group g.

    Args:
        numbers: rewards, one a completion; None where there is none, and then it is in no mean.
        lengths: of the completions.
        sizes: of the groups. Where every group has one completion, all of them are one group.

    Returns:
        The slope; 0 where the lengths of no group differ.
    """
    if all(each < 2 for each in sizes):
        sizes = [len(numbers)]
    both, squares, start = 0.0, 0.0, 0
    for size in sizes:
        own = [
            (length, number)
            for length, number in zip(
                lengths[start : start + size], numbers[start : start + size], strict=True
            )
            if number is not None
        ]
        start += size
        if not own:
            continue
        middle_length, middle = fmean(length for length, _ in own), fmean(number for _, number in own)
        both += sum((length - middle_length) * (number - middle) for length, number in own)
        squares += sum((length - middle_length) ** 2 for length, _ in own)
    return both / squares if squares else 0.0


class LengthRegressed:
    """A part whose numbers no longer rise with the number of words. A failure stays one."""

    def __init__(self, part: GroupPart) -> None:
        self.part, self.name = part, part.name
        self.fingerprint = digest("without length", part.fingerprint)

    @property
    def scale(self) -> Scale:
        """Without ends: what is taken off has none."""
        return REWARD

    def readings(self, groups: Sequence[PromptGroup], *, step: int, seed: int) -> list[CallReading]:
        """Those of the part, less what their length explains in this step."""
        found = self.part.readings(groups, step=step, seed=seed)
        lengths = [float(len(each.text.split())) for group in groups for each in group.completions]
        known = [length for length, each in zip(lengths, found, strict=True) if each.value is not None]
        if not known:
            return found
        slope = length_slope(
            [each.value for each in found], lengths, [len(each.completions) for each in groups]
        )
        middle = fmean(known)
        return [
            each if each.value is None else each._replace(value=each.value - slope * (length - middle))
            for each, length in zip(found, lengths, strict=True)
        ]
