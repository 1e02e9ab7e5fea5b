"""`reward` as an option: of train methods in recipes, and `--reward` of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.documents import parse_value, read_document
from rlaif.errors import RecipeError
from rlaif.judging.registered import judge_name_of
from rlaif.settings import setting
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.spec import reward_schema

_NEXT = re.compile(r",(?=[A-Za-z_][\w-]*=)")
"""A comma between two NAME=VALUE, not one inside a value."""


def reward_setting(**about: Any) -> Any:
    """The field `reward` of a method's options. Its value is plain, as a recipe has it: `reward_parts` reads it.

    So keys of steps and digests of recipes hold what was said, and no default of a part that came later.
    """
    return setting(
        None,
        help="What is rewarded: judge=NAME,protocol=checklist, model=DIR,weight=0.5 ... (repeatable), or a YAML file.",
        wanted="a list of parts (`- judge: NAME`), or a mapping with `parts`, `together`, `penalty`, `floor`",
        metavar="PART",
        repeated=True,
        read=read_reward,
        schema=reward_schema,
        **about,
    )


def read_reward(text: str) -> Any:
    """A part as the command line has it, `judge=micro,protocol=checklist`; or what a YAML file says.

    Raises RecipeError for what is neither.
    """
    if "=" not in text or Path(text).is_file():
        if not text.endswith((".yaml", ".yml")):
            raise RecipeError(
                f"{text!r} is no reward; write judge=NAME, model=DIR, function=MODULE:NAME or a .yaml file"
            )
        data = read_document(Path(text), RecipeError).data
        reward_parts(data, text)  # who wrote a file is told of it, and not of the option
        return data if isinstance(data, Mapping) else {"parts": data}
    found = {}
    for part in _NEXT.split(text):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise RecipeError(f"{part!r} is not NAME=VALUE; a part is judge=NAME,protocol=checklist")
        found[name.strip()] = parse_value(value.strip())
    return found


def reward_value(given: Any) -> Any:
    """A reward that Python gives, as a recipe has it: `judge=micro`, a YAML file, a part, a function, or several.

    A function is one of prompt and completion. Raises RecipeError for what is none of these.
    """
    if isinstance(given, str | Path):
        return [read_reward(str(given))]
    if isinstance(given, Mapping):
        return given if "parts" in given and "weight" not in given else [given]
    if isinstance(given, list | tuple):
        return [part for each in given for part in _listed(reward_value(each))]
    if callable(given):
        return [{"judge": judge_name_of(given)}]
    raise RecipeError(f"reward is {given!r:.80}; give `judge=NAME`, a part, a function, or a list of these")


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, Mapping) else list(value)
