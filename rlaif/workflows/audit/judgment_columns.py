"""A run's judgments as the columns that an audit reads, with numbers as shares of their protocol's scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rlaif.auditing.evidence import STATES, PairwiseJudgments, PointwiseJudgments
from rlaif.exchange.judgment_columns import read_columns
from rlaif.judging.protocols import scale_of
from rlaif.judging.rules import AS_A_WHOLE
from rlaif.judging.scales import SHARE
from rlaif.records import State

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats, Ints

_TIE = STATES.index(State.TIE)


class IdPlaces:
    """Ids to places in a column; new names of principles are taken up."""

    def __init__(self, completions: Sequence[str], principles: Sequence[str]) -> None:
        self.completion = {name: place for place, name in enumerate(completions)}
        self.principle = {name: place for place, name in enumerate(principles)}
        self.protocol: dict[str, int] = {}

    def of_completion(self, name: str) -> int:
        """Place of a completion by its id; -1 for one that the run does not have."""
        return self.completion.get(name, -1)

    def of_principle(self, name: str) -> int:
        """Place of a principle by its id; the empty id stands for the constitution as one."""
        return self.principle.setdefault(name or AS_A_WHOLE.id, len(self.principle))

    def of_protocol(self, name: str) -> int:
        """Place of the protocol that a judgment names."""
        return self.protocol.setdefault(name, len(self.protocol))


def read_pointwise(path: Path, places: IdPlaces) -> PointwiseJudgments:
    """The pointwise judgments of a file. Raises RunError for what is no judgment of ours."""
    rows = read_columns(path, places)
    kept = (rows.width == 1) & (rows.first >= 0)
    return PointwiseJudgments(
        completion=rows.first[kept],
        principle=rows.principle[kept],
        state=rows.state[kept],
        value=_share(rows.value[kept], rows.protocol[kept], places),
    )


def read_pairwise(path: Path, places: IdPlaces) -> PairwiseJudgments:
    """The pairwise judgments of a file. Raises RunError for what is no judgment of ours."""
    import numpy as np

    rows = read_columns(path, places)
    kept = (rows.width == 2) & (rows.first >= 0) & (rows.second >= 0)
    tie = np.isnan(rows.value) & (rows.state == _TIE)
    return PairwiseJudgments(
        first=rows.first[kept],
        second=rows.second[kept],
        principle=rows.principle[kept],
        state=rows.state[kept],
        value=np.where(tie, 0.5, rows.value)[kept],
    )


def _share(values: Floats, protocols: Ints, places: IdPlaces) -> Floats:
    """Numbers as shares of their protocol's scale, as whoever decided read them. Raises InputError for one not known.

    Rewards have no scale: theirs is the chance to beat one of the middle, which an audit compares and does not grade.
    """
    import numpy as np

    found, rewards = values.copy(), np.zeros(len(values), dtype=bool)
    for name, place in places.protocol.items():
        rows = protocols == place
        scale = scale_of(name) if name and rows.any() else SHARE
        if scale.lowest is None or scale.highest is None:
            rewards |= rows
        else:
            found[rows] = (values[rows] - scale.lowest) / (scale.highest - scale.lowest)
    middle = np.nanmedian(values[rewards]) if (rewards & ~np.isnan(values)).any() else 0.0
    logits = np.clip(values - middle, -500, 500)
    return np.asarray(np.where(rewards, 1 / (1 + np.exp(-logits)), found))
