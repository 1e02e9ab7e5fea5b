"""`checklist-cot`: reasoning first, then `Answer: yes` or `Answer: no`, of each completion and principle."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, model
from rlaif.judging.yes_no import read_yes_no
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """One text a question is the likeliest; several are drawn, and their share is P(yes)."""
    asked = model(judge, "checklist-cot")
    return asked.checklist_cot(items, principles, how.writing(options=asked.options))


PROTOCOL = Pointwise(
    name="checklist-cot",
    says="reasoning, then a written yes or no to each principle on one completion",
    ask=ask,
    judges=(ModelJudge,),
    templates=("checklist-cot",),
    writes=True,
    reads_text=True,
    votes=True,
    reads=read_yes_no,
    sample_reply="\nAnswer: yes",
)
