"""A record of head-to-head comparisons, by itself: who won. How right its annotators are, it cannot say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rlaif.auditing.head_to_head import HeadToHead, head_to_head
from rlaif.errors import InputError
from rlaif.exchange.benchmarks import GoldSet
from rlaif.workflows.judge_eval.config import CheckConfig
from rlaif.workflows.judge_eval.recorded_verdicts import recorded_gold


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAlone:
    """What a record says where no gold is named."""

    judge: str
    contests: Sequence[HeadToHead]

    @property
    def refusal(self) -> str:
        """Why nothing was measured, and what to do."""
        return (
            f"{self.judge}: its labels are what its own annotators said, and they cannot be measured on themselves; "
            f"name the gold: rlaif judge check GOLD --judge {self.judge}"
        )

    def as_dict(self) -> Mapping[str, Any]:
        """As JSON."""
        return {"judge": self.judge, "win_rates": [each.as_dict() for each in self.contests]}


def record_alone(config: CheckConfig) -> RecordAlone | None:
    """The record that is named as the judge and brings no gold, where none is named; None in every other case."""
    if config.source is not None or config.judge is None:
        return None
    recorded = recorded_gold(config.judge)
    if recorded is None or not recorded.annotations:
        return None
    return RecordAlone(
        judge=config.judge, contests=head_to_head(recorded.annotations[: config.limit], seed=config.seed)
    )


def refuse_own_labels(judge: str, gold: GoldSet, recorded: GoldSet) -> None:
    """Raise InputError for gold that this judge labelled, and for a record of several judges."""
    if not recorded.annotations:
        return
    names = {each.annotator for each in recorded.annotations}
    if len(names) > 1:
        shown = ", ".join(sorted(names))
        raise InputError(f"{judge}: records several annotators; name one as {judge}#NAME, of: {shown}")
    if own := names & {each.annotator for each in gold.annotations}:
        raise InputError(
            f"{judge}: the gold holds labels of the same annotator ({next(iter(own)) or 'neither names one'}), "
            "and a judge cannot be measured on its own; name gold of others"
        )
