"""`--loop NAME=VALUE`, a recipe's `loop`: the training loop's own options, by the names that its configuration has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.errors import InputError
from rlaif.settings import options
from rlaif.training.configs.loop import LoopConfig
from rlaif.trl_names import renamed

_KINDS: dict[type, Any] = {int: int, float: (int, float), str: str, bool: bool}


def loop_options(given: Mapping[str, Any], where: str = "--loop") -> dict[str, Any]:
    """Checked by name and kind; their values are checked by the configuration itself. Raises InputError."""
    known = {each.name: each for each in options(LoopConfig)}
    settled = {}
    for name, value in given.items():
        if name not in known:
            raise InputError(f"{where} {name}: {_meant(name, list(known))}")
        if known[name].kind is tuple:
            names = value if isinstance(value, (list, tuple)) else str(value).split(",")
            value = tuple(str(each).strip() for each in names if str(each).strip())
        elif not _is(value, known[name].kind):
            raise InputError(f"{where} {name}: {value!r} is no {known[name].kind.__name__}")
        settled[name] = value
    return settled


def _meant(name: str, known: Sequence[str]) -> str:
    if hint := renamed(name):
        return hint
    near = difflib.get_close_matches(name, known, 1)
    meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    return f"there is no such option; {meant}"


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind is bool or not isinstance(value, bool))
