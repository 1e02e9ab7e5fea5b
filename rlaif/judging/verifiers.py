"""Programs that check one completion: pure functions of prompt and text to satisfied, violated, or nothing to check."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rlaif.errors import InputError
from rlaif.judging import sums
from rlaif.judging.user_schemas import compiled, usable_schema
from rlaif.records import Prompt
from rlaif.registry import installed

GROUP = "rlaif.rules"
"""Entry points of a user's own checks: `(prompt, text) -> bool | None`."""
Check = Callable[[Prompt, str], bool | None]

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


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
    """Return a check that a text is nothing but JSON that fits `schema`. Raises InputError for a bad schema."""
    validator = usable_schema(schema)

    def check(_: Prompt, text: str) -> bool:
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            return False
        return bool(validator.is_valid(value))

    return check


def arithmetic(prompt: Prompt, text: str) -> bool | None:
    """Every `a + b = c` of the text is right and the sums that the prompt asks for are answered; None without any sum.

    The answer to the prompt's sum must stand in the text as a number of its own. None too where a result is rounded.
    """
    wanted = sums.asked(prompt.text)
    results = [each.sides[0].value for each in wanted if each.sides[0] is not None]
    questions = {each.texts[0] for each in wanted}
    verdicts = [
        each.right
        for each in sums.claims(text)
        # `2010-2015 is 5 years` is no sum, unless it was asked for or happens to be right
        if each.right or not (each.loose and each.worded) or each.texts[0] in questions
    ]
    if not results and not verdicts:
        return None
    said = sums.said(text, wanted)
    return sums.every([*verdicts, *(sums.some(each.means(result) for each in said) for result in results)])


def python(name: str) -> Check:
    """A user's own check. Raises InputError where none of this name is installed, or it answers anything else."""
    return partial(_checked, name, installed(GROUP, name, "rule"))


def _checked(name: str, check: Callable[[Prompt, str], object], prompt: Prompt, text: str) -> bool | None:
    answer = check(prompt, text)
    if answer is None or isinstance(answer, bool):
        return answer
    raise InputError(f"{GROUP}: {name} answered {answer!r}; a rule answers True, False or None")


def _compiled(pattern: str) -> re.Pattern[str]:
    return compiled(pattern, re.MULTILINE)


KINDS: Mapping[str, Callable[[Any], Check]] = {
    "matches": matches,
    "forbids": forbids,
    "length": length,
    "json_schema": json_schema,
    "arithmetic": lambda _: arithmetic,
    "python": python,
}
"""By its key in a rules file, what makes the check of its value."""
