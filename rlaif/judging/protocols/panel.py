"""`panel`: several judges, each asked in its own way, one weighted vote; below the quorum there is none."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.ask_protocol import ask_pairwise
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.panel import Compare, Member, PanelJudge, Seat
from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols import pairwise
from rlaif.judging.protocols.kinds import Asking, Pairwise, needed
from rlaif.records import Judgment, Principle

SEATS = ("compare", "compare-cot", "meta")
"""The protocols by which one model sits in a panel with itself."""


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """As the members' file says: judge, protocol, weight, group."""
    return needed(judge, PanelJudge, "panel").compare(items, principles)


def with_itself(judge: Judge, seed: int) -> PanelJudge | None:
    """A panel of one model that is asked in several ways; None for a judge that is no model."""
    if not isinstance(judge, ModelJudge):
        return None
    seats = [Seat(judge=judge.name, protocol=name) for name in SEATS]
    members = [Member(seat=each, judge=judge, compare=seated(each.protocol, seed)) for each in seats]
    return PanelJudge(f"panel of {judge.name}", members, quorum=2)


def seated(protocol: str, seed: int) -> Compare:
    """How a member is asked by a pairwise protocol. Raises InputError where there is none of this name."""
    chosen = pairwise(protocol)
    return lambda judge, items, rules: ask_pairwise(chosen, judge, items, rules, Asking(seed=seed))


PROTOCOL = Pairwise(
    name="panel",
    says="a weighted vote of several judges, in both orders (--judge panel:FILE)",
    ask=ask,
    judges=(PanelJudge,),
    stand_in=with_itself,
)
