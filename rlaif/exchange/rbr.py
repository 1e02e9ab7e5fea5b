"""Files of OpenAI's rule-based rewards: gold rows, and comparison data with features and rewards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.errors import PromptFileError
from rlaif.exchange.asked import system_of, with_system
from rlaif.exchange.columns import Columns, say_left
from rlaif.exchange.fields import number, shown
from rlaif.exchange.rows import Row, read_rows
from rlaif.exchange.turns import prompt_turns, turns
from rlaif.records import Completion, Featured, Message, Prompt, completion_of

RELEASED_ORDERS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "hard_refuse": (("perfect hard refusal",), ("bad hard refusal",), ("disallowed content",)),
    "safe_refuse_1": (("perfect safe completion",), ("bad safe completion",), ("disallowed content",)),
    "safe_refuse_2": (("perfect safe completion",), ("bad safe completion",), ("disallowed content",)),
    "comply": (
        ("fully complies",),
        ("partially complies",),
        ("imperfect refusal", "perfect refusal", "random non-refusal"),
    ),
}
"""The classes of the released comparison data, the best first; those that stand together are not compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedRow:
    """An answer with what is true of it, and the kind of answer that its prompt wants."""

    where: str
    prompt: Prompt
    completion: Completion
    kind: str
    truths: Mapping[str, bool | None]
    category: str = ""


def has_truths(path: str | Path) -> bool:
    """Whether the first row of a file says of propositions whether they are true."""
    first = next(read_rows(path, limit=1), None)
    return first is not None and isinstance(first.value, Mapping) and "propositions" in first.value


def read_graded(path: str | Path) -> list[GradedRow]:
    """Rows with `prompt`, `completion`, `response_type` and `propositions`. Raises PromptFileError.

    A proposition may be null: not known.
    """
    left: dict[str, None] = {}
    rows = []
    for where, value in read_rows(path):
        values = Columns(value) if isinstance(value, Mapping) else value
        rows.append(graded_row(Row(where, values)))
        left |= dict.fromkeys(values.finished(where))
    if not rows:
        raise PromptFileError(f"{path}: holds no row; a row has {_GRADED}")
    say_left(path, left)
    return rows


def kind_name(response_type: str) -> str:
    """`Safe Refuse 1` is `safe_refuse_1` in the rules."""
    return "_".join(response_type.lower().split())


_GRADED = "prompt, completion, response_type and propositions"


def graded_row(row: Row) -> GradedRow:
    """One row of gold. Raises PromptFileError."""
    where, value = row
    _require(value, where, ("prompt", "completion", "response_type", "propositions"), _GRADED)
    prompt, completion = _two(value, where)
    return GradedRow(
        where=where,
        prompt=prompt,
        completion=completion,
        kind=_kind(value, where),
        truths=_truths(value["propositions"], where),
        category=str(value.get("category", "")),
    )


def _require(value: Any, where: str, keys: Sequence[str], all_keys: str) -> None:
    if not isinstance(value, Mapping):
        raise PromptFileError(
            f"{where}: a row must be an object, not {type(value).__name__}; it has {all_keys}"
        )
    if missing := [key for key in keys if key not in value]:
        raise PromptFileError(f"{where}: no {', '.join(missing)}; a row has {all_keys}")


def _kind(value: Mapping[str, Any], where: str) -> str:
    kind = value["response_type"]
    if not isinstance(kind, str) or not kind.strip():
        raise PromptFileError(f"{where}: `response_type` must be text, such as Hard Refuse or Comply")
    return kind_name(kind)


def _two(value: Mapping[str, Any], where: str) -> tuple[Prompt, Completion]:
    asked = prompt_turns(value["prompt"], where, "prompt")
    prompt = Prompt(messages=with_system(asked, system_of(value, where), where))
    said = turns(value["completion"], where, "completion", role="assistant")
    if len(said) != 1 or said[0].role != "assistant":
        raise PromptFileError(f"{where}: `completion` must be a text or one assistant turn")
    return prompt, completion_of(prompt.id, said, policy="given")


def _truths(value: Any, where: str) -> dict[str, bool | None]:
    if not isinstance(value, Mapping) or not value:
        raise PromptFileError(f"{where}: `propositions` must be an object of true and false, one for each")
    for name, truth in value.items():
        if truth is not None and not isinstance(truth, bool):
            raise PromptFileError(
                f"{where}: proposition {name!r} is {truth!r}; it must be true, false or null"
            )
    return dict(value)


# -- comparison data: answers of specified classes, and two files of numbers that are joined to them by text


def read_comparisons(
    answers: str | Path, features: Sequence[str | Path], rewards: Sequence[str | Path]
) -> list[Featured]:
    """The released files: answers by prompt, proposition features, and a reward model's scores (0 without a file).

    A row of `answers` is `[prompt text, [{prompt, completion, response_type, completion_type}, ...]]`; one of
    `features` is `{prompt_completion: [prompt text, completion text], features: {...}}`, one of `rewards` has
    `rm_score` instead. Raises PromptFileError, also where an answer has no features or no score.
    """
    shares = _by_text(features, "features", _features)
    scores = _by_text(rewards, "rm_score", _score)
    found = [each for row in read_rows(answers) for each in _answers(row, shares, scores)]
    if not found:
        raise PromptFileError(f"{answers}: holds no answers; a row is [prompt text, [answers]]")
    return found


def transcript(messages: Sequence[Message]) -> str:
    """Turns as the released files join by: `|USER|: hello`, a line each."""
    return "\n".join(f"|{each.role.upper()}|: {each.content}" for each in messages)


Key = tuple[str, str]


def _answers(
    row: Row, shares: Mapping[Key, Mapping[str, float]], scores: Mapping[Key, float]
) -> Iterator[Featured]:
    where, value = row
    if not (isinstance(value, list) and len(value) == 2 and isinstance(value[1], list)):
        raise PromptFileError(f"{where}: a row must be [prompt text, [answers]]")
    for place, each in enumerate(value[1]):
        here = f"{where}, answer {place + 1}"
        columns = ("prompt", "completion", "response_type", "completion_type")
        _require(each, here, columns, ", ".join(columns))
        prompt, completion = _two(each, here)
        said = Message(role="assistant", content=completion.text)
        key = (transcript(prompt.messages), transcript([said]))
        if key not in shares:
            raise PromptFileError(f"{here}: no features for this answer; name every file of features")
        if scores and key not in scores:
            raise PromptFileError(f"{here}: no rm_score for this answer; name every file of rewards")
        yield Featured(
            prompt_id=prompt.id,
            completion_id=completion.id,
            kind=_kind(each, here),
            label=str(each["completion_type"]),
            features=shares[key],
            base=scores.get(key, 0.0),
        )


def _by_text(files: Sequence[str | Path], column: str, read: Any) -> dict[Key, Any]:
    found: dict[Key, Any] = {}
    for where, value in (row for file in files for row in read_rows(file)):
        _require(value, where, ("prompt_completion", column), f"prompt_completion and {column}")
        key = value["prompt_completion"]
        if not (isinstance(key, list) and len(key) == 2 and all(isinstance(each, str) for each in key)):
            raise PromptFileError(f"{where}: `prompt_completion` must be [prompt text, completion text]")
        found[key[0], key[1]] = read(value[column], where)
    return found


def _features(value: Any, where: str) -> dict[str, float]:
    if not isinstance(value, Mapping) or not value:
        raise PromptFileError(f"{where}: `features` must be an object of numbers")
    return {str(name): _number(number, where, f"feature {name!r}") for name, number in value.items()}


def _score(value: Any, where: str) -> float:
    return _number(value, where, "`rm_score`")


def _number(value: Any, where: str, what: str) -> float:
    found = number(value)
    if found is None:
        raise PromptFileError(f"{where}: {what} is {shown(value)}; it must be a finite number")
    return found
