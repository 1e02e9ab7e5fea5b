"""`panel`: several judges, each asked in its own way, one weighted vote; below the quorum there is none."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.panel import PanelJudge
from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols.kinds import Asking, Pairwise, needed
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """As the members' file says: judge, protocol, weight, group."""
    return needed(judge, PanelJudge, "panel").compare(items, principles)


PROTOCOL = Pairwise(
    name="panel",
    says="a weighted vote of several judges, in both orders (--judge panel:FILE)",
    ask=ask,
    judges=(PanelJudge,),
)
