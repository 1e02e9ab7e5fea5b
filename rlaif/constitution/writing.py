"""Write values and constitutions as readable YAML that loads back as exactly the same values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rlaif.records import Constitution, Decide, Principle, PrincipleTest

_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z][\w .,;()/'’!?%+*=-]*", re.ASCII)
# what YAML 1.1 or 1.2 readers take for something else than text
_TAKEN = re.compile(r"(?i)true|false|yes|no|on|off|null|nan|inf|y|n")
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_BLOCK = re.compile(r"[\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufdcf\ufdf0-\ufefe\uff00-\ufffd]+")


def constitution_yaml(constitution: Constitution, *, head: str = "") -> str:
    """The constitution as a file, inheritance resolved; `head` goes first (comment lines)."""
    values: dict[str, Any] = {
        "name": constitution.name,
        "version": constitution.version,
        "title": constitution.title,
    }
    if constitution.decide != Decide():
        values["decide"] = {
            "rule": constitution.decide.rule,
            "temperature": constitution.decide.temperature,
        }
    values["principles"] = [_principle(each) for each in constitution.principles]
    values["propositions"] = [dict(each) for each in constitution.propositions]
    values["behaviors"] = dict(constitution.behaviors)
    values["origin"] = dict(constitution.origin)
    kept = {key: value for key, value in values.items() if value not in ([], {})}
    return head + values_yaml(kept)


def values_yaml(values: Mapping[str, Any]) -> str:
    """Nested mappings, lists, text, numbers, booleans and None as YAML, one key per line."""
    return "\n".join(_mapping(values, "")) + "\n"


def _principle(principle: Principle) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": principle.id, "text": principle.text}
    entry |= {key: text for key in ("critique", "revise") if (text := getattr(principle, key)) is not None}
    if principle.weight != 1.0:
        entry["weight"] = principle.weight
    if principle.hard:
        entry["hard"] = True
    if principle.applies_to:
        entry["applies_to"] = list(principle.applies_to)
    if principle.group is not None:
        entry["group"] = principle.group
    if principle.tests:
        entry["tests"] = [
            {"prompt": _asked(each), "better": each.better, "worse": each.worse}
            | ({"near_miss": True} if each.near_miss else {})
            for each in principle.tests
        ]
    return entry


def _asked(test: PrincipleTest) -> str | list[dict[str, str]]:
    if not test.before:
        return test.prompt
    return [{"role": turn.role, "content": turn.content} for turn in test.turns]


def _mapping(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        yield from _entry(f"{indent}{_text(str(key))}:", value, indent)


def _entry(start: str, value: Any, indent: str) -> Iterator[str]:
    # `start` is what stands before the value on its line: a key, or the dash of a list
    if (flow := _flow(value)) is not None and len(start) + len(flow) < _WIDTH:
        yield f"{start} {flow}"
    elif isinstance(value, Mapping):
        yield from _nested(start, _mapping(value, indent + "  "), indent)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield start
        for item in value:
            yield from _entry(f"{indent}  -", item, indent + "  ")
    elif isinstance(value, str) and _fits_block(value):
        yield f"{start} |-"
        for line in value.split("\n"):
            yield f"{indent}  {line}" if line else ""
    elif isinstance(value, str) and "\n" in value and len(start) + len(value) >= _WIDTH:
        yield from _quoted_lines(start, value.split("\n"), indent)
    else:
        yield f"{start} {_scalar(value)}"


def _nested(start: str, lines: Iterator[str], indent: str) -> Iterator[str]:
    if not start.endswith("-"):
        yield start
        yield from lines
        return
    # the first key of a list's entry stands behind the dash
    yield f"{start} {next(lines)[len(indent) + 2 :]}"
    yield from lines


def _flow(value: Any) -> str | None:
    """One line for what holds nothing nested and no long text, else None."""
    if isinstance(value, Mapping):
        parts = [(_text(str(key)), _flat(each)) for key, each in value.items()]
        return (
            None
            if any(each is None for _, each in parts)
            else "{" + ", ".join(f"{k}: {v}" for k, v in parts) + "}"
        )
    if isinstance(value, Sequence) and not isinstance(value, str):
        items = [_flat(each) for each in value]
        return None if any(each is None for each in items) else "[" + ", ".join(map(str, items)) + "]"
    return None


def _flat(value: Any) -> str | None:
    if isinstance(value, (Mapping, list, tuple)) and value:
        return None
    if isinstance(value, str) and len(value) > 30:
        return None
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value, allow_nan=False)


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _TAKEN.fullmatch(text) and text == text.strip() and "," not in text:
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _quoted_lines(start: str, lines: Sequence[str], indent: str) -> Iterator[str]:
    # for blanks that editors strip: in quotes, each line ended by an escaped line feed and an escaped line break
    first, *rest = (_quoted(line)[1:-1] for line in lines)
    parts = [first, *("\\" * line.startswith(" ") + line for line in rest)]
    yield f'{start} "{parts[0]}\\n\\'
    yield from (f"{indent}  {part}\\n\\" for part in parts[1:-1])
    yield f'{indent}  {parts[-1]}"'


def _fits_block(text: str) -> bool:
    # a block keeps its text only when no line begins or ends with what YAML counts as its own
    lines = text.split("\n")
    return (
        len(lines) > 1
        and bool(_BLOCK.fullmatch(text))
        and bool(lines[0].strip())
        and not lines[0].startswith(" ")
        and bool(lines[-1].strip())
        and all(line == line.rstrip() for line in lines)
    )
