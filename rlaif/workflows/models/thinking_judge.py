"""A judge that cannot think before a label is refused before anything is drawn: nothing is paid for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rlaif.judging import Judge, PanelJudge
from rlaif.judging.ask_protocol import templates_of
from rlaif.judging.dealt_judge import DealtJudge
from rlaif.judging.protocols import PER_PRINCIPLE, Pairwise, Pointwise, protocol
from rlaif.judging.rbr.judge import RuleJudge
from rlaif.records import Engine
from rlaif.workflows.models.pool import ModelPool


def refuse_unthinking(models: ModelPool, name: str, protocols: Iterable[str]) -> None:
    """Open a judge that is to think before a label, and see that it can by each protocol. Asks it nothing.

    Args:
        models: those of the command, in the judge's role; nothing is opened where that role does not think.
        name: the judge.
        protocols: by which it is going to be asked.

    Raises:
        InputError: the judge, or one that it is made of, has no way to think before a label of one of them.
    """
    if not models.role.think:
        return
    models.open(name)
    judge = _Unasked(
        models.options,
        seed=models.seed,
        in_writing=models.in_writing,
        role=models.role,
        _engines=models.engines,
    ).judge(name)
    for each in dict.fromkeys(protocols):
        _look(judge, protocol(each))


@dataclass(slots=True)
class _Unasked(ModelPool):
    """Open models to make judges of without a store: they tell what they can, and are asked nothing."""

    def engine(self, name: str) -> Engine:  # type: ignore[override]
        self.open(name)
        return self.engines.held[self._opening(name)]


def _look(judge: Judge, chosen: Pointwise | Pairwise) -> None:
    """Choose the templates of a protocol, which is where a judge without a way to think is refused."""
    if isinstance(judge, DealtJudge):
        _look(judge.inner, chosen)
    elif isinstance(judge, PanelJudge):
        for each in judge.members:
            # of two completions each member is asked by the protocol of its seat
            _look(each.judge, protocol(each.seat.protocol) if isinstance(chosen, Pairwise) else chosen)
    elif isinstance(judge, RuleJudge):
        _look(judge.reward.judge, protocol(PER_PRINCIPLE))
    else:
        templates_of(chosen, judge)
