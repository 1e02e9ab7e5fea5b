"""`score-json`: a rating as a JSON object, for judges that follow a schema and give no log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from rlaif.judging.model_judge import ModelJudge
from rlaif.judging.protocol import Judge, One
from rlaif.judging.protocols.kinds import Asking, Pointwise, model
from rlaif.judging.structured import RATED, read_rating
from rlaif.records import Judgment, Principle


def ask(judge: Judge, items: Sequence[One], principles: Sequence[Principle], how: Asking) -> list[Judgment]:
    """The mean of several ratings; each as a share of the scale from 1 to 5."""
    asked = model(judge, "score-json")
    questions = asked.one_by_one("score-json", items, principles)
    return asked.voted("score-json", questions, read_rating, how.writing(RATED, options=asked.options))


PROTOCOL = Pointwise(
    name="score-json",
    says="reason and rating from 1 to 5 as one JSON object",
    ask=ask,
    judges=(ModelJudge,),
    templates=("score-json",),
    writes=True,
    reads_text=True,
    votes=True,
    structured=True,
)
