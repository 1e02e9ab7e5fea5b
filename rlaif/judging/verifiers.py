"""Programs that check one completion: pure functions of prompt and text to satisfied, violated, or nothing to check."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from typing import Any

from rlaif.errors import InputError
from rlaif.records import Prompt

GROUP = "rlaif.rules"
"""Entry points of a user's own checks: `(prompt, text) -> bool | None`."""
Check = Callable[[Prompt, str], bool | None]

_NUMBER = r"-?\d+(?:\.\d+)?"
_SIGNS = {
    "+": operator.add,
    "plus": operator.add,
    "-": operator.sub,
    "minus": operator.sub,
    "*": operator.mul,
    "x": operator.mul,
    "×": operator.mul,
    "times": operator.mul,
    "/": operator.truediv,
    "divided by": operator.truediv,
}
_TERM = rf"({_NUMBER})\s*(\+|-|\*|×|/|\bx\b|\bplus\b|\bminus\b|\btimes\b|\bdivided by\b)\s*({_NUMBER})"
_ASKED = re.compile(_TERM, re.IGNORECASE)
_CLAIMED = re.compile(rf"{_TERM}\s*(?:=|\bis\b|\bequals\b|\bmakes\b)\s*({_NUMBER})", re.IGNORECASE)
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_CLOSE = 1e-9


def matches(pattern: str) -> Check:
    """The text contains the pattern."""
    compiled = _compiled(pattern)
    return lambda _, text: compiled.search(text) is not None


def forbids(pattern: str) -> Check:
    """The text does not contain the pattern."""
    compiled = _compiled(pattern)
    return lambda _, text: compiled.search(text) is None


def length(limits: Mapping[str, int]) -> Check:
    """Words and characters within `min_` and `max_` limits, the limits themselves included."""

    def check(_: Prompt, text: str) -> bool:
        sizes = {"words": len(_WORD.findall(text)), "characters": len(text)}
        return all(
            sizes[name[4:]] >= limit if name.startswith("min_") else sizes[name[4:]] <= limit
            for name, limit in limits.items()
        )

    return check


def json_schema(schema: Mapping[str, Any]) -> Check:
    """The whole text is JSON that fits the schema. Raises InputError for what is no schema."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as wrong:
        raise InputError(f"json_schema: is no JSON Schema: {wrong.message}") from None
    validator = Draft202012Validator(schema)

    def check(_: Prompt, text: str) -> bool:
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return False
        return bool(validator.is_valid(value))

    return check


def arithmetic(prompt: Prompt, text: str) -> bool | None:
    """Every `a + b = c` of the text is right and the sum that the prompt asks for is answered; None without any sum.

    The answer to the prompt's sum must stand in the text as a number of its own.
    """
    claims = [_right(*each) for each in _CLAIMED.findall(text)]
    asked = _ASKED.search(prompt.text)
    result = _result(*asked.groups()) if asked else None
    if result is None and not claims:
        return None
    said = [float(each) for each in re.findall(_NUMBER, _ASKED.sub(" ", _CLAIMED.sub(_last, text)))]
    answered = result is None or any(abs(each - result) < _CLOSE for each in said)
    return answered and all(claims)


def python(name: str) -> Check:
    """A user's own check. Raises InputError where none of this name is installed, or it answers anything else."""
    found = {each.name: each for each in entry_points(group=GROUP)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise InputError(f"python: no entry point {name!r} in group {GROUP} is installed; there are: {known}")
    return partial(_checked, name, found[name].load())


def _checked(name: str, check: Callable[[Prompt, str], object], prompt: Prompt, text: str) -> bool | None:
    answer = check(prompt, text)
    if answer is None or isinstance(answer, bool):
        return answer
    raise InputError(f"{GROUP}: {name} answered {answer!r}; a rule answers True, False or None")


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.MULTILINE)
    except re.error as wrong:
        raise InputError(f"{pattern!r} is no regular expression: {wrong}") from None


def _result(first: str, sign: str, second: str) -> float | None:
    try:
        return float(_SIGNS[sign.lower()](float(first), float(second)))
    except ZeroDivisionError:
        return None


def _right(first: str, sign: str, second: str, claimed: str) -> bool:
    result = _result(first, sign, second)
    return result is not None and abs(result - float(claimed)) < _CLOSE


def _last(claim: re.Match[str]) -> str:
    return f" {claim[4]} "
