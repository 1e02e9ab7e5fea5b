"""TRL's stepwise supervision: a prompt, the steps of an answer, and which of them are right. Pure rows and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rlaif.errors import InputError, PromptFileError
from rlaif.exchange.asked import asked, dialogue
from rlaif.exchange.fields import shown
from rlaif.exchange.tools import tools_of
from rlaif.exchange.turns import checked_prompt, turn_rows
from rlaif.records import RIGHT_STEP, WRONG_STEP, Example, Message, Tools

STEPS, LABELS = "completions", "labels"
COLUMNS = ("prompt", STEPS, LABELS)
SEPARATOR = "\n"
"""Between two steps of an answer, TRL's `step_separator` as it is unless a training says otherwise."""
_HALF = 0.5


def is_stepwise(row: Mapping[str, Any]) -> bool:
    """Whether a row holds the steps of an answer with their labels, by its columns."""
    return STEPS in row and LABELS in row


def half_stepwise(row: Mapping[str, Any]) -> str | None:
    """The column that a row of labelled steps lacks, where it has the other one; None of any other row."""
    missing = [name for name in (STEPS, LABELS) if name not in row]
    alone = len(missing) == 1 and isinstance(row[LABELS if missing == [STEPS] else STEPS], list)
    return missing[0] if alone else None


def stepwise_examples(row: Mapping[str, Any], where: str) -> list[Example]:
    """The beginnings of a row's answer, each right or wrong as its last step is; a step without a label is no example.

    A label between 0 and 1 is the share of it that is right. Raises PromptFileError.
    """
    given = asked(row, where).turns
    if not given:
        raise PromptFileError(f"{where}: no `prompt` beside `{STEPS}`; add what the steps answer")
    prompt = checked_prompt(given, where, "prompt")
    steps, labels = _steps(row[STEPS], where), _labels(row[LABELS], where)
    if len(steps) != len(labels):
        raise PromptFileError(
            f"{where}: {len(steps)} `{STEPS}` and {len(labels)} `{LABELS}`; give each step one label, in order"
        )
    tools = tools_of(row, where)
    found = []
    for number, right in enumerate(labels, 1):
        shares = {} if right is None else {RIGHT_STEP: right, WRONG_STEP: 1 - right}
        answer = Message(role="assistant", content=SEPARATOR.join(steps[:number]))
        found += [
            Example(messages=(*prompt, answer), tools=tools, kind=kind, weight=share)
            for kind, share in shares.items()
            if share > 0
        ]
    return found


def _steps(value: Any, where: str) -> list[str]:
    if not isinstance(value, list) or not value:
        raise PromptFileError(f"{where}: `{STEPS}` is {shown(value)}; give a list of the answer's steps")
    for number, each in enumerate(value, 1):
        if not isinstance(each, str) or not each.strip():
            raise PromptFileError(
                f"{where}: step {number} of `{STEPS}` is {shown(each)}; it must be text, and not blank"
            )
    return [each.strip("\r\n") for each in value]


def _labels(value: Any, where: str) -> list[float | None]:
    if not isinstance(value, list):
        raise PromptFileError(
            f"{where}: `{LABELS}` is {shown(value)}; give a list of true and false, one a step"
        )
    for number, each in enumerate(value, 1):
        if each is not None and not (isinstance(each, bool | int | float) and 0 <= each <= 1):
            raise PromptFileError(
                f"{where}: label {number} of `{LABELS}` is {shown(each)}; write true for a right step, false for a "
                "wrong one, null where nobody knows"
            )
    return [None if each is None else float(each) for each in value]


class _Beginning(NamedTuple):
    """The beginning of an answer, and the share of it that is right."""

    prompt: tuple[Message, ...]
    tools: Tools
    text: str
    right: float


def stepwise_rows(examples: Sequence[Example]) -> list[dict[str, Any]]:
    """Labelled beginnings of answers as rows of TRL's trainers, a row an answer; a step is right above one half.

    The beginnings of an answer stand behind each other, the shorter first, as they are made and read. Blanks and line
    breaks between steps are left to the trainer's separator. Raises InputError for examples of another kind.
    """
    if other := sorted({each.kind for each in examples} - {RIGHT_STEP, WRONG_STEP}):
        raise InputError(
            f"{len(examples)} examples hold some of kind {other[0]!r}, which are no labelled steps; name what a step "
            "`step-labels` made"
        )
    rows: list[dict[str, Any]] = []
    last: _Beginning | None = None
    for each in _beginnings(examples):
        goes_on = (
            last is not None
            and (last.prompt, last.tools) == (each.prompt, each.tools)
            and each.text.startswith(last.text)
            and len(each.text) > len(last.text)
        )
        if not goes_on:
            rows.append({"prompt": _asked(each.prompt), STEPS: [], LABELS: []})
            rows[-1] |= {"tools": list(each.tools)} if each.tools else {}
        before = last.text if goes_on and last is not None else ""
        rows[-1][STEPS].append(each.text[len(before) :].strip())
        rows[-1][LABELS].append(each.right > _HALF)
        last = each
    return rows


def _asked(prompt: Sequence[Message]) -> Any:
    """A question as the text that TRL's trainer takes; more turns than one, or what would be read as such, as turns."""
    text = prompt[0].content
    plain = len(prompt) == 1 and not prompt[0].name and dialogue(text) is None
    return text if plain else turn_rows(prompt)


def _beginnings(examples: Sequence[Example]) -> list[_Beginning]:
    """Labelled beginnings in their order; the two halves of a soft label are one."""
    found: list[_Beginning] = []
    open_half = 0.0
    for each in examples:
        *prompt, answer = each.messages
        right = each.weight if each.kind == RIGHT_STEP else 0.0
        if open_half and found and (found[-1].prompt, found[-1].text) == (tuple(prompt), answer.content):
            found[-1] = found[-1]._replace(right=max(found[-1].right, right))
            open_half = 0.0
            continue
        found.append(_Beginning(tuple(prompt), each.tools, answer.content, right))
        open_half = 1 - each.weight
    return found
