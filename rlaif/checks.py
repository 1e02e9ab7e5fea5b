"""JSON Schema checks with messages for people: file, line, entry, key, what is known, what to do."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rlaif.documents import Document, Key, all_mistakes, dotted
from rlaif.errors import InputError

Mistake = tuple[int, str]
"""Line and message of something that is wrong."""
SCHEMAS = Path(__file__).resolve().parent / "schemas"
_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping (`key: value` lines)",
    "null": "nothing",
}


@cache
def schema(name: str) -> dict[str, Any]:
    """The schema `rlaif/schemas/NAME.schema.json`."""
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    return loaded


def check(
    document: Document,
    name: str,
    error: type[InputError],
    further: Callable[[Document], Sequence[Mistake]] | None = None,
) -> Any:
    """The document's data, checked against schema `name`; see `check_schema`.

    `further` gives mistakes that no schema can say; it is called with data that may have other mistakes too.
    """
    return _check(document, _validator(name), error, further or _nothing_further)


def check_schema(document: Document, rules: Mapping[str, Any], error: type[InputError]) -> Any:
    """The document's data, checked against a schema. Raises `error` with every mistake: file, line and key of each.

    Where the schema wants text and the file has `42` or `true`, the scalar stays the text that was written:
    the right answer to a sum may be a bare number.
    """
    return _check(document, _made_validator(rules), error, _nothing_further)


def _check(
    document: Document,
    validator: Any,
    error: type[InputError],
    further: Callable[[Document], Sequence[Mistake]],
) -> Any:
    data = document.data
    for wrong in list(validator.iter_errors(data)):
        key = tuple(wrong.absolute_path)
        wants_text = wrong.validator == "type" and "string" in (wrong.validator_value, *wrong.validator_value)
        if wants_text and wrong.instance is not None and key in document.plain:
            _put(data, key, document.plain[key])
    problems = [_problem(document, wrong) for wrong in validator.iter_errors(data) if not _is_misspelt(wrong)]
    problems += further(document)
    if problems:
        raise error(all_mistakes(document.path, problems, lines=bool(document.lines)))
    return data


def _is_misspelt(wrong: Any) -> bool:
    """Whether what is missing is there under a misspelt key, which is a mistake of its own."""
    if wrong.validator != "required" or not isinstance(wrong.instance, dict):
        return False
    if (
        wrong.schema.get("additionalProperties") is not False
    ):  # the misspelt key would pass, and nothing be said
        return False
    extra = [name for name in wrong.instance if name not in wrong.schema.get("properties", {})]
    missing = [name for name in wrong.validator_value if name not in wrong.instance]
    return bool(missing) and all(difflib.get_close_matches(name, extra, n=1) for name in missing)


def _nothing_further(document: Document) -> Sequence[Mistake]:
    return ()


def unknown_key(place: str, keys: Iterable[str], known: Iterable[str]) -> str:
    """`place has unknown key 'wieght' (did you mean 'weight'?); known keys: ...`."""
    known = sorted(known)
    parts = []
    for key in sorted(keys):
        near = difflib.get_close_matches(key, known, n=1)
        parts.append(f"{key!r} (did you mean {near[0]!r}?)" if near else repr(key))
    word = "unknown key" if len(parts) == 1 else "unknown keys"
    return f"{place} has {word} {', '.join(parts)}; known keys: {', '.join(known)}"


@cache
def _validator(name: str) -> Any:
    return _made_validator(schema(name))


def _made_validator(rules: Mapping[str, Any]) -> Any:
    # here, not at the top: importing it takes longer than all of `rlaif --help` may
    from jsonschema import Draft202012Validator

    return Draft202012Validator(rules)


def _put(data: Any, key: Key, value: Any) -> None:
    for part in key[:-1]:
        data = data[part]
    data[key[-1]] = value


def _problem(document: Document, wrong: Any) -> tuple[int, str]:
    key: Key = tuple(wrong.absolute_path)
    if wrong.validator == "additionalProperties":
        extra = [name for name in wrong.instance if name not in wrong.schema["properties"]]
        key = (*key, extra[0])
    while key and key not in document.lines:
        key = key[:-1]
    return document.lines.get(key, 1), _owner(document.data, wrong.absolute_path) + _problem_text(wrong)


def _owner(data: Any, path: Iterable[str | int]) -> str:
    """The id of the innermost entry that has one: nobody counts to `principles[11]`."""
    name = ""
    for part in path:
        data = data[part]
        if isinstance(data, dict) and isinstance(data.get("id"), str):
            name = f"{data['id']}: "
    return name


def _problem_text(wrong: Any) -> str:
    place = dotted(tuple(wrong.absolute_path)) or "the file"
    wanted, value = wrong.validator_value, wrong.instance
    match wrong.validator:
        case "additionalProperties":
            known = wrong.schema["properties"]
            return unknown_key(place, [name for name in value if name not in known], known)
        case "required":
            missing = [name for name in wanted if name not in value]
            return f"{place} lacks {', '.join(map(repr, missing))}; add {'them' if missing[1:] else 'it'}"
        case "type":
            kinds = [wanted] if isinstance(wanted, str) else wanted
            return f"{place} must be {' or '.join(_KINDS[kind] for kind in kinds)}, not {_shown(value)}"
        case "enum":
            return f"{place} must be one of {', '.join(map(str, wanted))}, not {_shown(value)}"
        case _:
            hint = wrong.schema.get("description")
            return f"{place} is {_shown(value)}; it must be {hint}" if hint else f"{place}: {wrong.message}"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, (dict, list)):
        return _KINDS["object" if isinstance(value, dict) else "array"] + (" (empty)" if not value else "")
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
