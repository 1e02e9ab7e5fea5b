"""Argilla's exports: fields and what people answered to questions about them, as records or as flat columns.

A rating question for each answer, a ranking of the answers, or a choice between them makes a pair; so does a rating of
the one answer of each record, over the records of a prompt. Suggestions stand in where nobody answered.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from rlaif.errors import PromptFileError, UnkeptError
from rlaif.exchange import fields
from rlaif.exchange.answers import answer_to
from rlaif.exchange.asked import CONVERSATIONS, QUESTIONS, SYSTEM, asked
from rlaif.exchange.columns import Columns, is_empty
from rlaif.exchange.format import Format, Found, PairFormat
from rlaif.exchange.rated import SAME_TEXT, TOO_FEW, RatedAnswer, best_against_worst, rating
from rlaif.exchange.rows import Row
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import checked_prompt, turns
from rlaif.hashing import canonical_json
from rlaif.records import EVEN, Message, Pair, Tools

UNANSWERED = "nobody has answered, and nothing is suggested"
NO_QUESTION = "no question rates, ranks or chooses between its answers"
SPLIT_VOTES = "as many people for the one as for the other"
_ANSWER = re.compile(r"response|generation|completion|answer|output|chosen|rejected|candidate|text", re.I)
_ASKED = ("prompt", *CONVERSATIONS, *QUESTIONS, "context", "history", *SYSTEM)
_FLAT = (".responses", ".suggestion", "-suggestion")
_AROUND = ("responses", "suggestions")


class _Record(NamedTuple):
    """One record, whichever way it was exported."""

    where: str
    fields: Mapping[str, Any]
    answered: Mapping[str, Sequence[Any]]
    """By question what each person answered, discarded answers left out."""
    suggested: Mapping[str, Any]


class _Scores(NamedTuple):
    """What was said of each answer, by field: one number a person, higher is better."""

    by_field: Mapping[str, Sequence[float]]


def recognises(row: Mapping[str, Any]) -> bool:
    """A record with fields and what was answered or suggested; or columns of a question with their endings."""
    if isinstance(row.get("fields"), Mapping) and any(name in row for name in _AROUND):
        return True
    flat = any(str(name).endswith(_FLAT) for name in row)
    people = any(_are_responses(value) for value in row.values())
    return (flat or people) and any(_is_answer(str(name), row[name]) for name in row)


def read(rows: Iterator[Row]) -> Iterator[Found]:
    """Pairs of records with several answers; records of one rated answer are grouped by prompt."""
    left: dict[str, None] = {}
    alone: dict[tuple[tuple[Message, ...], str], list[tuple[str, RatedAnswer]]] = defaultdict(list)
    offered: dict[str, Tools] = {}
    for row in rows:
        try:
            record = _record(row, left)
            prompt, answers = _parts(record)
            tools = tools_of(record.fields, record.where)
        except UnkeptError as unkept:
            yield Found(row.where, unkept)
            continue
        if not record.answered and not record.suggested:
            yield Found(row.where, UNANSWERED)
        elif len(answers) == 1:
            [(name, answer)] = answers.items()
            scores = _ratings(record, [name])
            given = list(scores.by_field.get(name, ())) if scores else []
            score = sum(given) / len(given) if given else None
            offered[key := canonical_json(tools)] = tools
            alone[prompt, key].append((row.where, RatedAnswer(answer=answer, score=score)))
        else:
            made = _pair(record, prompt, answers)
            yield Found(
                row.where, replace(made, tools=tools) if isinstance(made, Pair) else made, tuple(left)
            )
    for (prompt, key), rated in alone.items():
        found = best_against_worst(prompt, [each for _, each in rated], tools=offered[key])
        yield Found(rated[-1][0], found, tuple(left))


def _pair(
    record: _Record, prompt: tuple[Message, ...], answers: Mapping[str, tuple[Message, ...]]
) -> Pair | str:
    scores = _ranks(record, answers) or _choices(record, answers) or _ratings(record, list(answers))
    if scores is None:
        return NO_QUESTION
    means = {name: sum(given) / len(given) for name, given in scores.by_field.items() if given}
    if len(means) < 2:
        return TOO_FEW
    best, worst = max(means, key=lambda name: means[name]), min(means, key=lambda name: means[name])
    if answers[best] == answers[worst]:
        return SAME_TEXT
    cast = [
        EVEN if one == other else float(one > other)
        for one, other in zip(scores.by_field[best], scores.by_field[worst], strict=False)
    ]
    share = sum(cast) / len(cast)
    if means[best] == means[worst] or share <= EVEN:
        return SPLIT_VOTES
    return Pair(
        prompt=prompt,
        chosen=answers[best],
        rejected=answers[worst],
        label_prob=share,
        score_gap=means[best] - means[worst],
        chosen_score=means[best],
        rejected_score=means[worst],
    )


def _parts(record: _Record) -> tuple[tuple[Message, ...], dict[str, tuple[Message, ...]]]:
    """The prompt, and the answers by their fields."""
    given = asked(_question(record.fields), record.where).turns
    answers = {
        name: turns(value, record.where, name, role="assistant")
        for name, value in record.fields.items()
        if name not in _ASKED and _is_answer(name, value)
    }
    if not given or not answers:
        what = "a prompt" if not given else "an answer"
        raise PromptFileError(
            f"{record.where}: none of its fields is {what} ({', '.join(record.fields) or 'there are none'}); "
            "name the fields `prompt` and `response_1`, `response_2` ..."
        )
    prompt = checked_prompt(given, record.where, "prompt")
    return prompt, {name: answer_to(prompt, said, record.where) for name, said in answers.items()}


def _question(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that ask: those that are called so, else the one chat beside the answers, whatever its name."""
    named = {name: value for name, value in fields.items() if name in _ASKED}
    chats = [name for name, value in fields.items() if _is_chat(value) and not _is_answer(name, value)]
    return named if named or len(chats) != 1 else {"messages": fields[chats[0]]}


def _is_chat(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(
            isinstance(each, Mapping) and ("content" in each or "value" in each) and "user_id" not in each
            for each in value
        )
    )


def _is_answer(name: str, value: Any) -> bool:
    said = _is_chat(value) or (isinstance(value, str) and not is_empty(value))
    return _ANSWER.search(name) is not None and said


def _ranks(record: _Record, answers: Mapping[str, Any]) -> _Scores | None:
    """Rankings: names in order, or with their ranks."""
    found: dict[str, list[float]] = defaultdict(list)
    for given in _given(record):
        for value in given:
            if not isinstance(value, list) or not value:
                continue
            places = [_ranked(each, place, record.where) for place, each in enumerate(value)]
            named = {_field(name, answers): -rank for name, rank in places}
            if None in named or len(named) < 2:
                continue
            for name, score in named.items():
                found[str(name)].append(score)
    return _Scores(found) if found else None


def _ranked(value: Any, place: int, where: str) -> tuple[Any, float]:
    """The name that is ranked, and its rank: that which stands beside it, else its place in the list."""
    if not isinstance(value, Mapping):
        return value, float(place)
    rank = rating(value["rank"], f"{where}: a rank") if _is_number(value.get("rank")) else None
    return value.get("value"), float(place) if rank is None else rank


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _choices(record: _Record, answers: Mapping[str, Any]) -> _Scores | None:
    """Choices of an answer by its name; any other label is no vote for either."""
    found: dict[str, list[float]] = {name: [] for name in answers}
    for given in _given(record):
        for value in given:
            name = _field(value, answers) if isinstance(value, str) else None
            tie = isinstance(value, str) and value.strip().lower() in (
                "tie",
                "both",
                "neither",
                "equal",
                "same",
            )
            if name is not None or (tie and any(found.values())):
                for each, votes in found.items():
                    votes.append(EVEN if name is None else float(each == name))
    return _Scores(found) if any(found.values()) else None


def _ratings(record: _Record, names: Sequence[str]) -> _Scores | None:
    """Numbers: of the question that names the answer; where there is one answer, the mean over all of them."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for question in dict.fromkeys([*record.answered, *record.suggested]):
        name = names[0] if len(names) == 1 else _about(question, names)
        values = record.answered.get(question) or [record.suggested.get(question)]
        numbers = [rating(each, f"{record.where}: {question!r}") for each in values if _is_number(each)]
        if name is not None:
            found[name] += [each for each in numbers if each is not None]
    return _Scores(found) if any(found.values()) else None


def _given(record: _Record) -> Iterator[Sequence[Any]]:
    for question in dict.fromkeys([*record.answered, *record.suggested]):
        yield record.answered.get(question) or [record.suggested.get(question)]


def _field(name: Any, answers: Mapping[str, Any]) -> str | None:
    """The answer's field that a value means: by its name, or by the letter or number that it ends with."""
    if not isinstance(name, str):
        return None
    same = [each for each in answers if _plain(each) == _plain(name)]
    ends = [each for each in answers if _end(each) and _end(each) == _end(name)]
    return same[0] if same else ends[0] if len(ends) == 1 else None


def _about(question: str, names: Sequence[str]) -> str | None:
    """The answer that a rating question is about."""
    held = [each for each in names if _plain(each) in _plain(question)]
    ends = [each for each in names if _end(each) and _end(each) == _end(question)]
    return max(held, key=len) if held else ends[0] if len(ends) == 1 else None


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _end(name: str) -> str:
    match = re.search(r"(?:^|[^a-z0-9])([a-z]|\d+)$|(\d+)$", name.lower())
    return (match[1] or match[2]) if match else ""


def _record(row: Row, left: dict[str, None]) -> _Record:
    values = Columns(fields.mapping(row))
    if isinstance(values.get("fields"), Mapping):
        record = _Record(
            row.where,
            values["fields"],
            _answered(values.get("responses"), f"{row.where}: responses"),
            _suggested(values.get("suggestions"), f"{row.where}: suggestions"),
        )
    else:
        record = _flat(row, values)
    left |= dict.fromkeys(values.finished(row.where))
    return record


def _flat(row: Row, values: Columns) -> _Record:
    """Questions as columns: version 1 has lists of responses, version 2 names with endings."""
    answered, suggested, held = {}, {}, {}
    for name in values:
        question, _, ending = name.rpartition(".")
        if ending == "responses" and question:
            kept = _kept(values[name], values.get(f"{name}.status"))
            values.get(f"{name}.users")
            answered[question] = [_number(each) for each in kept]
        elif ending == "suggestion" and question:
            suggested[question] = _number(values[name])
            for beside in (".score", ".agent"):
                values.get(f"{name}{beside}")
        elif name.endswith("-suggestion"):
            suggested[name.removesuffix("-suggestion")] = values[name]
            values.get(f"{name}-metadata")
        elif _are_responses(values.values_of[name]):
            answered[name] = [each.get("value") for each in values[name] if _counts(each)]
        elif name in _ASKED or _is_answer(name, values.values_of[name]):
            held[name] = values[name]
    return _Record(
        row.where,
        held,
        {name: given for name, given in answered.items() if given},
        {name: value for name, value in suggested.items() if not is_empty(value)},
    )


def _kept(given: Any, states: Any) -> Sequence[Any]:
    values = given if isinstance(given, list) else [] if given is None else [given]
    if not isinstance(states, list) or len(states) != len(values):
        return values
    return [value for value, state in zip(values, states, strict=True) if state in ("submitted", None)]


def _number(value: Any) -> Any:
    """A rating that a table holds as text."""
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value.strip()):
        return float(value)
    return value


def _are_responses(value: Any) -> bool:
    """A list of what people answered, as version 1 has it in the column of a question."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, Mapping) and {"user_id", "value"} <= each.keys() for each in value)
    )


def _counts(response: Mapping[str, Any]) -> bool:
    return response.get("status") in ("submitted", None)


def _answered(given: Any, place: str) -> dict[str, list[Any]]:
    """By question: a list of persons with their values (version 1), or questions with lists of values (2)."""
    found: dict[str, list[Any]] = defaultdict(list)
    if isinstance(given, Mapping):
        for question, responses in given.items():
            for each in responses if isinstance(responses, list) else [responses]:
                if not isinstance(each, Mapping) or _counts(each):
                    found[str(question)].append(each.get("value") if isinstance(each, Mapping) else each)
    elif isinstance(given, list):
        for person in given:
            values = person.get("values") if isinstance(person, Mapping) else None
            if not isinstance(values, Mapping):
                if isinstance(person, Mapping) and values is None:
                    continue  # discarded without values
                raise PromptFileError(f"{place} must be objects with `values`, one a person")
            for question, each in values.items() if _counts(person) else ():
                found[str(question)].append(each.get("value") if isinstance(each, Mapping) else each)
    elif given is not None:
        raise PromptFileError(f"{place} must be a list or an object, not {type(given).__name__}")
    return {name: [each for each in said if each is not None] for name, said in found.items() if said}


def _suggested(given: Any, place: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(given, Mapping):
        for question, each in given.items():
            found[str(question)] = each.get("value") if isinstance(each, Mapping) else each
    elif isinstance(given, list):
        for each in given:
            if not isinstance(each, Mapping) or not isinstance(each.get("question_name"), str):
                raise PromptFileError(f"{place} must be objects with `question_name` and `value`")
            found[each["question_name"]] = each.get("value")
    elif given is not None:
        raise PromptFileError(f"{place} must be a list or an object, not {type(given).__name__}")
    return {name: value for name, value in found.items() if not is_empty(value)}


FORMAT = Format(
    name="argilla",
    help="Argilla's exports, versions 1 and 2: ratings, rankings and choices; `label_prob` is the share of the people",
    pairs=PairFormat(
        shape="`fields: {prompt, response_1, response_2}`, `responses`, `suggestions`; or columns, with "
        "`QUESTION.responses` and `QUESTION.suggestion`",
        recognises=recognises,
        rank=9,
        read=read,
    ),
)
