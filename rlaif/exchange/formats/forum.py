"""Two answers and people's scores of them: SHP's votes of a forum, WebGPT's ratings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.format import Format, PairFormat, each_row, has
from rlaif.exchange.format import said as answer
from rlaif.exchange.rated import RatedAnswer, best_against_worst, rating
from rlaif.exchange.rows import Row
from rlaif.exchange.turns import prompt_turns
from rlaif.records import Pair

CONTRADICTS = "its label and its scores disagree"


def shp(row: Row) -> Pair | str:
    """`history` and two comments with their scores; `labels` is 1 where the first is preferred."""
    values = fields.mapping(row)
    label = rating(values.get("labels"), f"{row.where}: 'labels'")
    if label not in (0, 1):
        raise PromptFileError(f"{row.where}: 'labels' is {values.get('labels')!r:.80}; it must be 0 or 1")
    scores = [rating(values.get(f"score_{letter}"), f"{row.where}: 'score_{letter}'") for letter in "AB"]
    texts = [fields.text(row, f"human_ref_{letter}") for letter in "AB"]
    prompt = prompt_turns(values.get("history"), row.where, "history")
    found = best_against_worst(
        prompt,
        [RatedAnswer(answer=answer(text), score=score) for text, score in zip(texts, scores, strict=True)],
    )
    if isinstance(found, Pair) and found.chosen[0].content != texts[0 if label == 1 else 1]:
        return CONTRADICTS
    return found


def webgpt(row: Row) -> Pair | str:
    """A question and two answers with scores from -1 to 1, which add up to zero."""
    values = fields.mapping(row)
    question: Any = values.get("question")
    text = question.get("full_text") if isinstance(question, Mapping) else question
    prompt = prompt_turns(text, row.where, "question")
    answers = [
        RatedAnswer(
            answer=answer(fields.text(row, f"answer_{place}")),
            score=rating(values.get(f"score_{place}"), f"{row.where}: 'score_{place}'"),
        )
        for place in (0, 1)
    ]
    return best_against_worst(prompt, answers)


FORMAT = (
    Format(
        name="shp",
        help="SHP's two comments of a forum; `score_gap` is the difference of their votes",
        pairs=PairFormat(
            shape="`history`, `human_ref_A`, `human_ref_B`, `score_A`, `score_B`, `labels`: 1 where A is preferred",
            recognises=has(("history", "human_ref_A", "human_ref_B", "labels")),
            rank=16,
            read=each_row(shp),
        ),
    ),
    Format(
        name="webgpt",
        help="WebGPT's comparisons of two answers",
        pairs=PairFormat(
            shape="`question`, `answer_0`, `answer_1`, `score_0`, `score_1`: -1 to 1",
            recognises=has(("question", "answer_0", "answer_1", "score_0", "score_1")),
            rank=17,
            read=each_row(webgpt),
        ),
    ),
)
