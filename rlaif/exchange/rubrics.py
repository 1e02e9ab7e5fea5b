"""Rubrics as rows: the criteria of one prompt, with the digest that is their version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from rlaif.atomic import write_lines
from rlaif.errors import PromptFileError
from rlaif.exchange.fields import number, shown
from rlaif.exchange.row_text import row_json
from rlaif.exchange.rows import read_rows
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import prompt_turns, turn_rows
from rlaif.records import Rubric, RubricCriterion

_KEYS = ("prompt", "criteria", "tools", "parent", "made", "digest")
_OF_CRITERION = ("id", "text", "weight", "hard", "source")
FORM = '{"prompt": ..., "criteria": [{"id": "names-it", "text": "The response names it.", "weight": 1}]}'


def read_rubrics(path: str | Path) -> list[Rubric]:
    """Rows `{"prompt": ..., "criteria": [{"id", "text", "weight", "hard", "source"}]}`, one a prompt.

    `weight` is 1 unless it is said, and below 0 for a fault; an id that is left out is its place (`c1`). A row's
    `digest`, where it has one, must be that of its criteria. Raises PromptFileError with the line.
    """
    rubrics: dict[str, Rubric] = {}
    for where, row in read_rows(path):
        each = row_rubric(row, where)
        if each.prompt_id in rubrics:
            raise PromptFileError(
                f"{where}: its prompt has a rubric in a row before it; put their criteria into one"
            )
        rubrics[each.prompt_id] = each
    if not rubrics:
        raise PromptFileError(f"{path}: holds no rubric; a row is {FORM}")
    return list(rubrics.values())


def write_rubrics(path: Path, rubrics: Iterable[Rubric]) -> int:
    """Write a JSONL file that `read_rubrics` reads back; says how many rows."""
    return write_lines(path, (row_json(rubric_row(each)) for each in rubrics))


def row_rubric(row: Any, where: str) -> Rubric:
    """One row. Raises PromptFileError for criteria that cannot be asked or weighed, naming row and criterion."""
    if not isinstance(row, Mapping):
        raise PromptFileError(f"{where}: a rubric must be an object, {FORM}; it is {type(row).__name__}")
    if strange := [str(name) for name in row if name not in _KEYS]:
        raise PromptFileError(
            f"{where}: {strange[0]!r} is no key of a rubric ({', '.join(_KEYS)}); remove it"
        )
    listed = row.get("criteria")
    if not isinstance(listed, list) or not listed:
        raise PromptFileError(f"{where}: `criteria` is {shown(listed)}; it must be a list of one or more")
    made = row.get("made", {})
    if not isinstance(made, Mapping):
        raise PromptFileError(f"{where}: `made` is {shown(made)}; it must be an object, or left out")
    rubric = Rubric(
        prompt=prompt_turns(row.get("prompt"), where, "prompt"),
        criteria=tuple(_criterion(each, place, where) for place, each in enumerate(listed, 1)),
        tools=tools_of(row, where),
        parent=_text(row, "parent", where),
        made=dict(made),
    )
    if problem := fault_of(rubric.criteria):
        raise PromptFileError(f"{where}: {problem}")
    if row.get("digest") not in (None, rubric.digest):
        raise PromptFileError(
            f"{where}: its `digest` is of other criteria: they were changed; leave `digest` out, for a new version"
        )
    return rubric


def fault_of(criteria: Iterable[RubricCriterion]) -> str:
    """What is wrong with criteria as a whole, and what to do; empty where nothing is."""
    criteria = list(criteria)
    names = [each.id for each in criteria]
    if twice := next((each for each in names if names.count(each) > 1), None):
        return f"the criterion {twice!r} is there twice; give each an id of its own"
    if not any(each.weight for each in criteria):
        return "the weights of its criteria sum to 0, so that no completion is better; give one a weight"
    if not isfinite(sum(abs(each.weight) for each in criteria)):
        return "the weights of its criteria are too large to be added up; 1 to 10 are usual"
    return ""


def rubric_row(rubric: Rubric) -> dict[str, Any]:
    """A rubric as a row, with its digest."""
    row: dict[str, Any] = {
        "prompt": turn_rows(rubric.prompt),
        "criteria": [_row(each) for each in rubric.criteria],
        "digest": rubric.digest,
    }
    further = {"tools": list(rubric.tools), "parent": rubric.parent, "made": dict(rubric.made)}
    return row | {name: value for name, value in further.items() if value}


def _row(criterion: RubricCriterion) -> dict[str, Any]:
    row: dict[str, Any] = {"id": criterion.id, "text": criterion.text, "weight": criterion.weight}
    further = {"hard": criterion.hard, "source": criterion.source}
    return row | {name: value for name, value in further.items() if value}


def _criterion(value: Any, place: int, where: str) -> RubricCriterion:
    here = f"{where}, criterion {place}"
    if not isinstance(value, Mapping):
        raise PromptFileError(f"{here}: must be an object with `text` and `weight`, not {shown(value)}")
    if strange := [str(name) for name in value if name not in _OF_CRITERION]:
        known = ", ".join(_OF_CRITERION)
        raise PromptFileError(f"{here}: {strange[0]!r} is no key of a criterion ({known}); remove it")
    text, name = _text(value, "text", here), _text(value, "id", here) or f"c{place}"
    if not text.strip():
        raise PromptFileError(f"{here}: its `text` is blank; write what is true of a response that meets it")
    weight = value.get("weight", 1.0)
    read = None if isinstance(weight, str) else number(weight)
    if read is None:
        raise PromptFileError(
            f"{here}: `weight` is {shown(weight)}; it must be a finite number, below 0 for a fault"
        )
    hard = value.get("hard", False)
    if not isinstance(hard, bool):
        raise PromptFileError(f"{here}: `hard` is {shown(hard)}; it must be true or false")
    return RubricCriterion(
        id=name, text=text.strip(), weight=read, hard=hard, source=_text(value, "source", here)
    )


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    value = row.get(name, "")
    if not isinstance(value, str):
        raise PromptFileError(f"{where}: `{name}` is {shown(value)}; it must be text")
    return value
