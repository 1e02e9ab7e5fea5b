"""The key of a server: read from the variable that is named, checked before the first call, hidden from then on."""

from __future__ import annotations

import os
from typing import NoReturn

from rlaif.errors import ModelError
from rlaif.secrets import hide, hide_environment

NAMES = "RLAIF_KEY_VARIABLE"
"""Environment variable that names the variable which holds the key."""
USUAL = "OPENAI_API_KEY"
KINDS = {"\n": "a line feed", "\r": "a carriage return", "\t": "a tab", " ": "a blank", "\0": "a zero byte"}


def key_of(named: str) -> str | None:
    """The key in the variable `named`, or in the one of `NAMES`, or in the usual one; None where that is not set.

    Raises ModelError, without a letter of the key, where a variable is named that holds none, and where no server
    can have given out what it holds: then it is a mistake of copying, and the request would not even be sent.
    """
    hide_environment()
    variable = named or os.environ.get(NAMES, "")
    if variable and not os.environ.get(variable):
        _refuse_name("?key=" if named else f"{NAMES}=", variable)
    key = os.environ.get(variable or USUAL) or None
    if key is not None:
        hide(key)
        if problem := _wrong(key):
            raise ModelError(f"the key in {variable or USUAL} {problem}; set the variable to the key alone")
    return key


def _refuse_name(where: str, variable: str) -> NoReturn:
    if variable not in os.environ:
        hide(variable)  # perhaps the key itself
        raise ModelError(
            f"{where} names no environment variable that is set (what it says is not shown, as it may be a key); "
            f"put the key into a variable and name that: export MY_KEY=...; {where}MY_KEY"
        )
    raise ModelError(f"the key in {variable} is empty; set the variable to the key")


def _wrong(key: str) -> str | None:
    for place, letter in enumerate(key):
        if letter.isascii() and letter.isprintable() and letter != " ":
            continue
        kind = KINDS.get(
            letter, "a control character" if letter.isascii() else "a character that is not ASCII"
        )
        if letter in "\u2018\u2019\u201c\u201d\u00ab\u00bb":
            kind = "a typographic quotation mark"
        ends = "in front" if place == 0 else "at its end" if place == len(key) - 1 else "in its middle"
        return f"holds {kind} {ends}"
    if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'`":
        return "stands in quotation marks"
    return None
