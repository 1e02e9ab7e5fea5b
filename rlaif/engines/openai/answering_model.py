"""Whether the model that answered is the one that was asked: servers name one model in several ways. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rlaif.engines.openai.error_text import one_line

SHOWN = 80
"""Letters of a name that a server gives itself."""
ANY = "*"
"""In `?answers_as=`: whoever answers."""
_DATE = re.compile(
    r"[-@:_.](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4}|\d{3}|\d{2}-\d{4}|\d{2}-\d{2})(?:-preview)?(?:-v\d+:\d+)?"
    r"|-v\d+:\d+"
)
"""A snapshot behind a name: -2024-08-06, -20240620-v1:0, -0613, -1106-preview, -002. A single number is none: it is
a version or a size, and another model."""
_NEWEST = re.compile(r"[-:@]latest$")
_FILE = re.compile(r"\.(?:gguf|safetensors|bin)$")


def other_model(asked: str, body: Mapping[str, Any], answers_as: str = "") -> str | None:
    """The model that answered, when it is not the one that was asked for.

    `answers_as` is a name, or several with commas, under which it may answer too; `*` is any.
    """
    said = body.get("model")
    if not isinstance(said, str) or not said.strip() or answers_as == ANY:
        return None
    names = [asked, *(each.strip() for each in answers_as.split(",") if each.strip())]
    if any(same_model(each, said) for each in names):
        return None
    return one_line(said)[:SHOWN]


def listed_models(body: Mapping[str, Any]) -> list[str]:
    """The names in a server's list of models; none where it is no such list."""
    rows = body.get("data")
    names = [each.get("id") for each in rows if isinstance(each, Mapping)] if isinstance(rows, list) else []
    return [one_line(each)[:SHOWN] for each in names if isinstance(each, str) and each.strip()]


def same_model(asked: str, said: str) -> bool:
    """Whether two names mean one model: in any case, with or without an owner, a date, `:latest`, a file's ending."""
    bare, at, _ = said.rpartition("@")
    if at and bare and "@" not in asked and same_model(asked, bare):
        return True  # it says its revision too, as `transformers serve` does: model@main
    wanted, name = _plain(asked), _plain(said)
    # of both, one alone may lack what stands in front
    if any(_dated(wanted, each) for each in _ends(name)) or any(_dated(each, name) for each in _ends(wanted)):
        return True
    # `:free`, `:fastest`, `:8b`: what is asked for may say more than the answer does
    return name in _ends(wanted.partition(":")[0])


def _plain(name: str) -> str:
    plain = name.strip().lower().replace("\\", "/").replace("@", "-")
    return _NEWEST.sub("", _FILE.sub("", plain))


def _ends(name: str) -> list[str]:
    """A name, and what is left of it without one owner or folder after the other."""
    parts = name.split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def _dated(wanted: str, name: str) -> bool:
    return name.startswith(wanted) and (name == wanted or _DATE.fullmatch(name[len(wanted) :]) is not None)
