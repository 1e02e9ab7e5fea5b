"""`compare-json`: the verdict as a JSON object, for judges that follow a schema and give no log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, Two
from rlaif.judging.protocols.kinds import Asking, Pairwise, model
from rlaif.judging.structured import COMPARED, read_better
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[Two], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """The schema goes to engines that guide decoding; every reply is checked by it."""
    asked = model(judge, "compare-json")
    questions = asked.both_orders("compare-json", items, principles)
    return asked.voted("compare-json", questions, read_better, how.writing(COMPARED, options=asked.options))


PROTOCOL = Pairwise(
    name="compare-json",
    says="reason and verdict as one JSON object, in both orders",
    ask=ask,
    judges=(ModelJudge,),
    templates=("compare-json",),
    writes=True,
    reads_text=True,
    votes=True,
    structured=True,
)
