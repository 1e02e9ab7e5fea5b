"""UltraFeedback: several completions of an instruction, each rated on several aspects in text that may say N/A."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.comparable import levels
from rlaif.errors import PromptFileError
from rlaif.exchange import fields
from rlaif.exchange.format import Format, PairFormat, each_row, has, said, single
from rlaif.exchange.rows import Row
from rlaif.records import EVEN, Message, Pair

TOO_FEW = "fewer than two completions have a rating of one aspect"
TIE = "best and worst completion have the same mean rating"
UNCLEAR = "the aspects that were rated of both best and worst completion do not say which is better"
NOT_SINGLE = "the prompt has more turns than one question"
OVERALL = "overall"
SPAN = 4.0
"""Ratings go from 1 to 5."""


class RatedCompletion(NamedTuple):
    """A completion and what it was given, by aspect."""

    text: str
    model: str
    ratings: Mapping[str, float]
    critique: str | None


def pair_of(row: Row) -> Pair | str:
    """Best against worst by the mean of the ratings; each aspect is a principle. Raises PromptFileError.

    Where an answer has no rating for an aspect that others have, means are made comparable (see `comparable.levels`).

    `overall_score` is not read: in the published file the worst answers of a defect carry a 10 there.
    """
    values = fields.mapping(row)
    given = values.get("completions")
    if not isinstance(given, list):
        raise PromptFileError(f"{row.where}: 'completions' must be a list of rated answers")
    asked = fields.text(row, "instruction")
    if not asked.strip():
        raise PromptFileError(f"{row.where}: 'instruction' is blank; remove the row or write the prompt")
    rated = [_rated(each, f"{row.where}: completions[{place}]") for place, each in enumerate(given)]
    scores = levels({f"{place:06}": each.ratings for place, each in enumerate(rated)})
    if len(scores) < 2:
        return TOO_FEW
    high, low = max(scores, key=lambda name: scores[name]), min(scores, key=lambda name: scores[name])
    if math.isclose(scores[high], scores[low], abs_tol=1e-9):
        return TIE
    best, worst = rated[int(high)], rated[int(low)]
    shared = [name for name in best.ratings if name in worst.ratings]
    if sum(best.ratings[name] - worst.ratings[name] for name in shared) <= 0:
        return UNCLEAR
    system = values.get("system_prompt", values.get("system"))
    turns = (Message(role="system", content=system),) if isinstance(system, str) else ()
    return Pair(
        prompt=(*turns, Message(role="user", content=asked)),
        chosen=said(best.text),
        rejected=said(worst.text),
        label_prob=1.0,
        score_gap=scores[high] - scores[low],
        chosen_score=scores[high],
        rejected_score=scores[low],
        principles=tuple(_votes(best, worst)),
        critique=worst.critique,
        provenance={"policy": [each.model for each in (best, worst) if each.model]},
    )


def pair_rows(pair: Pair) -> Sequence[Mapping[str, Any]]:
    """One instruction with two rated completions; none where the prompt is a longer conversation, or for a tie.

    A probability p is a rating of 1 + 4p for the chosen side and of 5 - 4p for the rejected one. Principles are the
    aspects, unless their mean contradicts the label, which weighs them: then the label is the only aspect.
    """
    asked = single(pair.prompt)
    if asked is None or len(pair.chosen) != 1 or len(pair.rejected) != 1 or pair.label_prob == EVEN:
        return []
    system, question = asked
    votes = {str(each["id"]): each["p"] for each in pair.principles}
    clear = [p for p in votes.values() if p is not None]
    if not clear or (sum(clear) / len(clear) - EVEN) * (pair.label_prob - EVEN) <= 0:
        votes = {OVERALL: pair.label_prob}
    models = list((pair.provenance.get("policy") or ["unknown"])[:2])
    models += models[-1:] * (2 - len(models))
    row: dict[str, Any] = {"source": "rlaif", "instruction": question, "models": models}
    if system is not None:
        row["system_prompt"] = system
    turned = {name: None if p is None else 1 - p for name, p in votes.items()}
    completions = [
        _completion(pair.chosen[-1].content, models[0], votes, None),
        _completion(pair.rejected[-1].content, models[1], turned, pair.critique),
    ]
    return [row | {"completions": completions}]


def _completion(
    text: str, model: str, votes: Mapping[str, float | None], critique: str | None
) -> dict[str, Any]:
    ratings = {name: None if p is None else 1 + SPAN * p for name, p in votes.items()}
    known = [each for each in ratings.values() if each is not None]
    shown = {name: "N/A" if each is None else f"{each:.6g}" for name, each in ratings.items()}
    return {
        "model": model,
        "response": text,
        "annotations": {name: {"Rating": each, "Rationale": ""} for name, each in shown.items()},
        "critique": critique or "",
        "overall_score": round(sum(known) / len(known), 4),
    }


def _rated(value: Any, where: str) -> RatedCompletion:
    if not isinstance(value, Mapping) or not isinstance(value.get("response"), str):
        raise PromptFileError(f"{where} must be an object with the text `response`")
    aspects = value.get("annotations")
    if not isinstance(aspects, Mapping):
        raise PromptFileError(f"{where} has no `annotations`; they hold the ratings by aspect")
    ratings = {str(name): _rating(each, f"{where}.annotations.{name}") for name, each in aspects.items()}
    critique = value.get("critique")
    return RatedCompletion(
        text=value["response"],
        model=str(value.get("model") or ""),
        ratings={name: each for name, each in ratings.items() if each is not None},
        critique=critique if isinstance(critique, str) and critique else None,
    )


def _rating(value: Any, where: str) -> float | None:
    value = value.get("Rating") if isinstance(value, Mapping) else value
    if value is None or (isinstance(value, str) and value.strip().upper() in ("N/A", "")):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise PromptFileError(f"{where}: the rating is {value!r}; it must be a number or N/A") from None
    if not math.isfinite(found):
        raise PromptFileError(f"{where}: the rating is {value!r}; it must be a number or N/A")
    return found


def _votes(best: RatedCompletion, worst: RatedCompletion) -> list[dict[str, Any]]:
    shared = [name for name in best.ratings if name in worst.ratings]
    signs = [(name, best.ratings[name] - worst.ratings[name]) for name in shared]
    return [{"id": name, "p": 0.5 if sign == 0 else float(sign > 0)} for name, sign in signs]


FORMAT = Format(
    name="ultrafeedback",
    help="UltraFeedback's rated completions; import takes the best mean rating as chosen, the worst as rejected",
    loses="prompts of more than a system turn and one question",
    pairs=PairFormat(
        shape="`instruction`, `completions: [{model, response, annotations: {aspect: {Rating}}}]`",
        recognises=has(("instruction", "completions")),
        rank=50,
        read=each_row(pair_of),
        write=pair_rows,
    ),
)
