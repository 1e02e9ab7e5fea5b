"""Several answers of one prompt in a row, each with a rating or a rank: distilabel's tasks, Nectar and their like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.answers import answer_to
from rlaif.exchange.asked import asked, use_repeated
from rlaif.exchange.columns import is_empty
from rlaif.exchange.format import Format, PairFormat, each_row
from rlaif.exchange.rated import RatedAnswer, best_against_worst, rating
from rlaif.exchange.rows import Row
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import checked_prompt, prompt_turns, turns
from rlaif.records import Message, Pair

ANSWERS = ("generations", "responses", "answers", "completions", "candidates", "outputs")
RATINGS = ("ratings", "rating", "scores", "rewards")
RANKS = ("ranks", "ranking", "rank")
RATIONALES = ("rationales", "rationale", "critiques", "feedbacks")
MODELS = ("generation_models", "generation_model", "models", "model_names", "model_name")
_TEXT = ("answer", "response", "text", "content", "completion", "generation", "output")
_NUMBER = ("rating", "score", "reward", "overall_rating")
_MODEL = ("model", "model_name", "generation_model")


def listed(row: Mapping[str, Any]) -> bool:
    """Whether a row holds several answers and, beside them, a number for each."""
    name = _of(row, ANSWERS)
    numbered = any(isinstance(row.get(each), list) for each in (*RATINGS, *RANKS))
    return name is not None and isinstance(row[name], list) and numbered


def itemised(row: Mapping[str, Any]) -> bool:
    """Whether a row holds several answers that carry a number each."""
    name = _of(row, ANSWERS)
    items = row[name] if name is not None else None
    return (
        isinstance(items, list)
        and bool(items)
        and all(isinstance(each, Mapping) for each in items)
        and _of(items[0], _TEXT) is not None
        and _of(items[0], (*_NUMBER, *RANKS)) is not None
    )


def pair_of(row: Row) -> Pair | str:
    """The best answer against the worst, by rating, or by rank where the lowest is the best."""
    values = fields.mapping(row)
    name = _of(values, ANSWERS)
    if name is None or not isinstance(values[name], list):
        raise PromptFileError(
            f"{row.where}: no list of answers ({', '.join(ANSWERS)}); its columns are: "
            f"{', '.join(map(str, values)) or 'none'}"
        )
    if itemised(values):
        answers = [_item(each, f"{row.where}: {name}[{place}]") for place, each in enumerate(values[name])]
    else:
        answers = _beside(row, values, name)
    given = asked(values, row.where).turns or prompt_turns(values.get("prompt"), row.where, "prompt")
    prompt = checked_prompt(given, row.where, "prompt")
    answers = [
        replace(each, answer=answer_to(prompt, each.answer, row.where)) if each.answer else each
        for each in answers
    ]
    use_repeated(values, row.where, prompt, *[(*prompt, *each.answer) for each in answers])
    return best_against_worst(prompt, answers, tools=tools_of(values, row.where))


def _beside(row: Row, values: Mapping[str, Any], name: str) -> list[RatedAnswer]:
    """Answers in one list, ratings in another, models and rationales in further ones."""
    items = values[name]
    rated, ranked = _of(values, RATINGS), _of(values, RANKS)
    column = rated or ranked
    if column is None:
        raise PromptFileError(f"{row.where}: no list of ratings beside {name!r} ({', '.join(RATINGS)})")
    numbers = _parallel(row, values, column, len(items))
    models = _optional(row, values, MODELS, len(items))
    reasons = _optional(row, values, RATIONALES, len(items))
    if rated and ranked:
        values[ranked]  # the same said twice
    found = []
    for place, item in enumerate(items):
        where = f"{row.where}: {name}[{place}]"
        number = rating(numbers[place], f"{row.where}: {column}[{place}]")
        if is_empty(item):
            number = None  # a generation that failed
        found.append(
            RatedAnswer(
                answer=() if is_empty(item) else _said(item, where),
                score=-number if number is not None and not rated else number,
                model="" if is_empty(models[place]) else str(models[place]),
                critique=reasons[place] if isinstance(reasons[place], str) and reasons[place] else None,
            )
        )
    return found


def _parallel(row: Row, values: Mapping[str, Any], column: str, count: int) -> Sequence[Any]:
    found = values[column]
    if found is None:
        return [None] * count  # the task failed
    if not isinstance(found, list) or len(found) != count:
        kind = f"{len(found)} long" if isinstance(found, list) else f"a {type(found).__name__}"
        raise PromptFileError(
            f"{row.where}: {column!r} is {kind}; it must be a list of {count}, one an answer"
        )
    return found


def _optional(row: Row, values: Mapping[str, Any], names: Sequence[str], count: int) -> Sequence[Any]:
    """A list beside the answers, where there is one of their length: one name may stand for all of them."""
    name = _of(values, names)
    if name is None:
        return [None] * count
    found = values.get(name)
    return found if isinstance(found, list) and len(found) == count else [None] * count


def _item(value: Mapping[str, Any], where: str) -> RatedAnswer:
    text, number, rank = _of(value, _TEXT), _of(value, _NUMBER), _of(value, RANKS)
    column = number or rank
    if text is None or column is None:
        raise PromptFileError(f"{where} must be an object with an answer and a rating or rank")
    found = rating(value[column], f"{where}.{column}")
    reason, model = _of(value, ("critique", "rationale", "feedback")), _of(value, _MODEL)
    return RatedAnswer(
        answer=_said(value[text], f"{where}.{text}"),
        score=-found if found is not None and number is None else found,
        model="" if model is None or is_empty(value[model]) else str(value[model]),
        critique=value[reason] if reason is not None and isinstance(value[reason], str) else None,
    )


def _said(value: Any, where: str) -> tuple[Message, ...]:
    found = turns([value] if isinstance(value, Mapping) else value, where, "answer", role="assistant")
    if found[-1].role != "assistant":
        raise PromptFileError(f"{where} must end with the assistant's turn")
    return found


def _of(values: Mapping[str, Any], names: Sequence[str]) -> str | None:
    return next((each for each in names if each in values), None)


FORMAT = (
    Format(
        name="distilabel",
        help="distilabel's rated generations (and lists like them); import takes the best rating against the worst",
        pairs=PairFormat(
            shape="`instruction`, `generations`: texts, `ratings`: numbers, `rationales`, `generation_models`",
            recognises=listed,
            rank=62,
            read=each_row(pair_of),
        ),
    ),
    Format(
        name="nectar",
        help="Nectar's ranked answers (and rated ones like them); import takes the best rank against the worst",
        pairs=PairFormat(
            shape="`prompt`, `answers: [{answer, model, rank}]`",
            recognises=itemised,
            rank=63,
            read=each_row(pair_of),
        ),
    ),
)
