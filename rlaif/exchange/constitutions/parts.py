"""What every foreign format needs: ids, the frame around a text, and a list of what it cannot hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from rlaif.errors import ConstitutionError
from rlaif.records import Constitution, Decide

_HALF = re.compile("[\ud800-\udfff]")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")


class Framed(NamedTuple):
    """A foreign text: the words that we keep, and the bytes before and after them."""

    head: str
    core: str
    tail: str

    @property
    def frame(self) -> list[str]:
        """The bytes around the words, as `origin` keeps them."""
        return [self.head, self.tail]


def json_lines(rows: Iterable[Any]) -> str:
    """Rows as JSON Lines."""
    return "".join(_sound(json.dumps(row, ensure_ascii=False, allow_nan=False)) + "\n" for row in rows)


def json_text(values: Any) -> str:
    """Values as an indented JSON document."""
    return _sound(json.dumps(values, ensure_ascii=False, indent=2, allow_nan=False)) + "\n"


def _sound(text: str) -> str:
    # half characters of broken files have no UTF-8
    return _HALF.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def refuse(place: str, what: str) -> NoReturn:
    """Raise ConstitutionError for the file or key `place`."""
    raise ConstitutionError(f"{place}: {what}")


def framed(text: Any, pattern: re.Pattern[str], place: str) -> Framed:
    """Split `text` by `pattern` (three groups); a text without the usual labels is framed by its blanks alone."""
    if not isinstance(text, str):
        refuse(place, f"must be text, not {type(text).__name__}")
    found = pattern.fullmatch(text)
    core = (found[2] if found else text).strip()
    if not core:
        refuse(place, "is blank; a principle needs words")
    # by position, so that head + core + tail is the text again to the byte
    start = text.index(core, found.start(2) if found else 0)
    return Framed(text[:start], core, text[start + len(core) :])


def own_id(key: str, taken: Iterable[str]) -> str:
    """`key` where it may be an id of ours, else the nearest that may and is not taken."""
    if _ID.fullmatch(key) and key not in taken:
        return key
    base = re.sub(r"[^a-z0-9._-]+", "-", key.lower()).strip("-._") or "rule"
    names = [base, *(f"{base}-{number}" for number in range(2, len(set(taken)) + 3))]
    return next(name for name in names if name not in taken)


def kept_frame(constitution: Constitution, name: str, field: str, usual: Sequence[str]) -> tuple[str, str]:
    """The bytes that an import kept around a text, else the usual ones."""
    head, tail = constitution.origin.get("frames", {}).get(name, {}).get(field, usual)
    return head, tail


def came_from(constitution: Constitution, name: str) -> bool:
    """Whether the constitution was imported from format `name`."""
    return bool(constitution.origin.get("format") == name)


def foreign_key(constitution: Constitution, name: str) -> str:
    """The key that an entry had in the file it came from."""
    return str(constitution.origin.get("keys", {}).get(name, name))


def not_held(constitution: Constitution, held: Iterable[str]) -> list[str]:
    """What of a constitution a format that holds only `held` cannot say, for people to read."""
    principles = constitution.principles
    counts: Mapping[str, int] = {
        "principles": len(principles),
        "weights": sum(each.weight != 1.0 for each in principles),
        "hard": sum(each.hard for each in principles),
        "applies_to": sum(bool(each.applies_to) for each in principles),
        "critiques": sum(each.critique is not None for each in principles),
        "revisions": sum(each.revise is not None for each in principles),
        "groups": sum(each.group is not None for each in principles),
        "tests": sum(len(each.tests) for each in principles),
        "conversations": sum(bool(test.before) for each in principles for test in each.tests),
        "near_miss": sum(test.near_miss for each in principles for test in each.tests),
        "decide": int(constitution.decide != Decide()),
        "propositions": len(constitution.propositions),
        "behaviors": int(bool(constitution.behaviors)),
    }
    return [f"{what} ({count})" for what, count in counts.items() if count and what not in set(held)]
