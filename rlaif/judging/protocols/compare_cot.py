"""`compare-cot`: reasoning first, then `Answer: A` or `Answer: B`; the share of several texts, kept off certainty."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.cot import rationale_of, read_verdict
from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols.kinds import Asking, Pairwise, model
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """One text a question is the likeliest; several are drawn."""
    asked = model(judge, "compare-cot")
    return asked.compare_cot(items, principles, how.writing(options=asked.options))


PROTOCOL = Pairwise(
    name="compare-cot",
    says="reasoning, then a written verdict, in both orders",
    ask=ask,
    judges=(ModelJudge,),
    templates=("compare-cot",),
    writes=True,
    reads_text=True,
    votes=True,
    rationale=rationale_of,
    reads=read_verdict,
)
