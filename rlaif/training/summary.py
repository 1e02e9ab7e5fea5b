"""What a training run says when it is done: a frozen value, and the record `train.json` it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SHOWN_STEPS = 200
"""Steps that `train.json` shows at most; `metrics.jsonl` has them all."""
_TAIL_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSummary:
    """The outcome of one training run."""

    out: Path
    method: str
    steps: int
    learning_rate: float
    packed: bool
    """Whether the packed path was taken; `notes` says why where it was not."""
    counts: Mapping[str, Any]
    """Pairs and examples given, trained and refused by reason; what is replayed a step, and its share."""
    figures: Mapping[str, float]
    """Mean of each metric over the last tenth of the steps."""
    seconds: float
    notes: tuple[str, ...] = ()
    best_step: int = 0
    """After which the evaluator's figure was highest, whose weights are kept; 0 where nothing was evaluated."""

    def record(self, history: Sequence[Mapping[str, float]], **facts: Any) -> dict[str, Any]:
        """The content of `train.json`, beside what `TrainingFolder` adds."""
        own = asdict(self) | {"notes": list(self.notes)}
        del own["out"]
        stride = -(-len(history) // SHOWN_STEPS)
        shown = [history[place] for place in range(len(history)) if (place + 1) % stride == 0]
        return {**own, **facts, "history": shown}

    @classmethod
    def of_record(cls, out: Path, record: Mapping[str, Any]) -> TrainSummary:
        """The summary that a finished training wrote."""
        names = ("method", "steps", "learning_rate", "packed", "counts", "figures", "seconds")
        optional = {name: record[name] for name in ("best_step",) if name in record}
        return cls(
            out=out, notes=tuple(record["notes"]), **optional, **{name: record[name] for name in names}
        )


def last_figures(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each metric over the last tenth of the steps: one step alone is noise.

    What is measured now and then, as on held-out pairs, is the mean over those of the steps that measured it.
    """
    tail = history[-max(1, round(len(history) * _TAIL_SHARE)) :]
    names = dict.fromkeys(name for line in tail for name in line if name not in ("step", "seconds"))
    measured = {name: [line[name] for line in tail if name in line] for name in names}
    return {name: sum(values) / len(values) for name, values in measured.items()}
