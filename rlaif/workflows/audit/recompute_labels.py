"""Compute the labels of a run again from its recorded judgments, to compare them with what is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rlaif.auditing.evidence import STATES, PairwiseJudgments, PointwiseJudgments
from rlaif.judging import decide
from rlaif.judging.rules import AS_A_WHOLE
from rlaif.records import Completion, Constitution, Judgment, Prompt, State

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats, Ints

MAX_DECIDED = 5000
"""Pairs that are decided again, evenly over the file: half a per cent of changed labels shows in them."""


def decided(
    constitution: Constitution | None,
    prompts: Sequence[Prompt],
    drawn: Mapping[str, Completion],
    principles: Sequence[str],
    sides: tuple[Ints, Ints],
    pointwise: PointwiseJudgments,
    said: PairwiseJudgments,
) -> Floats:
    """(pairs,) P(chosen is better) by the recorded judgments; NaN where they do not give it."""
    import numpy as np

    count = len(sides[0])
    found = np.full(count, np.nan)
    if constitution is None or not len(said.value) or not count:
        return found
    ids, completions = list(drawn), list(drawn.values())
    rows = _Rows(ids, principles, pointwise, said)
    by_id = {each.id: each for each in prompts}
    for pair in range(0, count, -(-count // MAX_DECIDED)):
        one, other = int(sides[0][pair]), int(sides[1][pair])
        prompt = by_id[completions[one].prompt_id]
        decision = decide(
            constitution,
            prompt,
            rows.between(one, other),
            first=ids[one],
            checklist=rows.alone(one, other),
            inconsistent="average",
        )
        if decision.label_prob is not None:
            found[pair] = decision.label_prob
    return found


class _Rows:
    """Judgments by the completions that they are about, found by sorted columns."""

    def __init__(
        self,
        ids: Sequence[str],
        principles: Sequence[str],
        pointwise: PointwiseJudgments,
        said: PairwiseJudgments,
    ) -> None:
        import numpy as np

        self.ids, self.principles, self.pointwise, self.said = (
            ids,
            principles,
            pointwise,
            said,
        )
        key = np.minimum(said.first, said.second) * len(self.ids) + np.maximum(said.first, said.second)
        self._order, self._alone = (
            np.argsort(key, kind="stable"),
            np.argsort(pointwise.completion, kind="stable"),
        )
        self._key, self._judged_alone = key[self._order], pointwise.completion[self._alone]

    def between(self, one: int, other: int) -> list[Judgment]:
        """Comparisons of two completions, in the orders in which they were shown."""
        said = self.said
        places = self._order[_found(self._key, min(one, other) * len(self.ids) + max(one, other))]
        return [
            self._judgment(said, int(at), (int(said.first[at]), int(said.second[at])), State.PREFERENCE)
            for at in places
        ]

    def alone(self, one: int, other: int) -> list[Judgment]:
        """Pointwise judgments of both completions."""
        return [
            self._judgment(self.pointwise, int(at), (each,), State.SCORE)
            for each in (one, other)
            for at in self._alone[_found(self._judged_alone, each)]
        ]

    def _judgment(
        self, columns: PointwiseJudgments | PairwiseJudgments, place: int, shown: tuple[int, ...], kind: State
    ) -> Judgment:
        state, name = STATES[columns.state[place]], self.principles[columns.principle[place]]
        return Judgment(
            protocol="",
            judge="",
            prompt_id="",
            completion_ids=tuple(self.ids[each] for each in shown),
            principle_id=None if name == AS_A_WHOLE.id else name,
            state=state,
            value=float(columns.value[place]) if state is kind else None,
        )


def _found(ordered: Ints, wanted: int) -> slice:
    import numpy as np

    return slice(int(np.searchsorted(ordered, wanted)), int(np.searchsorted(ordered, wanted, "right")))
