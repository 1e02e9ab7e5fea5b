"""Options as fields of frozen dataclasses: the only spelling of each, from which all others are made.

A field says its help, its bounds and its choices; its annotation says its kind. JSON Schemas (recipes), command-line
options (`rlaif.cli.generated`), `--set`, tables in docs and messages come from that.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

_KEY = "setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of one option beside its name, kind and default."""

    help: str
    """One sentence for `--help` and docs."""
    least: float | None = None
    """The smallest value that is allowed."""
    above: float | None = None
    """Values must be above it."""
    most: float | None = None
    """The largest value that is allowed."""
    below: float | None = None
    """Values must be below it."""
    metavar: str | None = None
    """What stands for the value in `--help`."""
    keys: Mapping[str, Setting] | None = None
    """Of a mapping: the keys that there are, each with its bounds; None: any."""
    values: Setting | None = None
    """Of a mapping with any keys: the bounds of a value."""
    wanted: str | None = None
    """What a value must be, in words; None: made from kind and bounds."""
    names: Callable[[], Iterable[str]] | None = None
    """The names that a registry has now, those of other packages included; a value must be one of them."""
    known: Callable[[], Iterable[str]] | None = None
    """Names, or beginnings of names (`hf:`), that a registry has now; other values are taken too."""
    exists: Literal["", "file", "directory", "path"] = ""
    """Of a path on the command line: what must be there; empty: nothing."""
    repeated: bool = False
    """Of a list or mapping: given on the command line one by one, not joined by commas."""
    read: Callable[[str], Any] | None = None
    """Of a value whose text has a grammar of its own: reads it (of a mapping that is repeated, one key and value).

    Raises ValueError or InputError saying what is wrong."""
    group: str = ""
    """The heading under which `--help` and docs show it; empty: among the options of no group."""
    prefix: str = ""
    """Of a field that is a configuration itself: what stands before its options on the command line."""
    without: tuple[str, ...] = ()
    """Of such a field: options that are not offered there."""
    schema: Callable[[], Mapping[str, Any]] | None = None
    """Of a value that has a grammar of its own: its JSON Schema. Such a field says `wanted`."""
    late: bool = False
    """Whether it came when there were digests of its configuration: it is in them only where it is set."""


def setting(
    default: Any = dataclasses.MISSING, *, default_factory: Any = dataclasses.MISSING, **about: Any
) -> Any:
    """A dataclass field with a `Setting`; keyword arguments are those of `Setting`."""
    held = {_KEY: Setting(**about)}
    if default_factory is not dataclasses.MISSING:
        return dataclasses.field(default_factory=default_factory, metadata=held)
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata=held)
    return dataclasses.field(default=default, metadata=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One field of a configuration, as whoever offers it needs it."""

    name: str
    kind: type
    """bool, int, float, str, Path, tuple (of texts or numbers), dict, or a configuration whose options these are."""
    setting: Setting
    choices: tuple[str, ...] = ()
    optional: bool = False
    """Whether None is a value: the default is then found out elsewhere, as the help says."""
    required: bool = False
    default: Any = None
    also: type | None = None
    """A second kind that is allowed, as in `bool | int`; tuple: a list of texts, as in `str | tuple[str, ...]`."""
    item: type | None = None
    """Of a mapping: the kind of a value; of a list: that of an entry; None: any."""

    @property
    def wanted(self) -> str:
        """What a value must be, in words: `a number above 0`."""
        return self.setting.wanted or _wanted(self)

    @property
    def parts(self) -> tuple[Option, ...]:
        """Of a field that is a configuration itself: its options; of any other nothing."""
        if not dataclasses.is_dataclass(self.kind):
            return ()
        return tuple(each for each in options(self.kind) if each.name not in self.setting.without)


def options(config: type) -> tuple[Option, ...]:
    """The options of a configuration class, in the order of its fields; fields without a `setting` are none."""
    return _options(config)


@cache
def _options(config: type) -> tuple[Option, ...]:
    hints = get_type_hints(config)
    return tuple(
        _option(each, hints[each.name]) for each in dataclasses.fields(config) if _KEY in each.metadata
    )


def plain(config: Any) -> dict[str, Any]:
    """The fields of a configuration as plain values, for digests: options that came late only where they are set."""
    values = dataclasses.asdict(config)
    late = {each.name: each.default for each in options(type(config)) if each.setting.late}
    return {name: value for name, value in values.items() if name not in late or value != late[name]}


def json_schema(config: type) -> dict[str, Any]:
    """The JSON Schema of a mapping of a configuration's options; no key is required but what has no default."""
    return _schema_of(options(config))


def _schema_of(found: Sequence[Option]) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {each.name: property_of(each) for each in found},
    }
    if required := [each.name for each in found if each.required]:
        schema["required"] = required
    return schema


def property_of(option: Option) -> dict[str, Any]:
    """The JSON Schema of one option's value."""
    about = option.setting
    if about.schema is not None:
        return {**about.schema(), "description": option.wanted}
    if option.parts:
        return {**_schema_of(option.parts), "description": about.help}
    if option.choices:
        return {"type": "string", "enum": list(option.choices), "description": about.help}
    if option.kind is dict:
        return _mapping(option)
    if option.kind is tuple:
        return {
            "type": "array",
            "items": {"type": _TYPES[option.item]} if option.item in (int, float) else _TEXT,
            "description": option.wanted,
        }
    named = _TYPES[option.kind]
    kind: Any = [named, _TYPES[option.also]] if option.also else named
    bounds = {"pattern": "\\S"} if option.kind in (str, Path) else _bounds(about)
    entries = {"items": _TEXT} if option.also is tuple else {}
    return {"type": kind, **bounds, **entries, "description": option.wanted}


def values_of(config: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Values that fit the schema, as the configuration takes them: `1` of a number is `1.0`, a list is a tuple.

    One temperature must have one digest, however it is written.
    """
    known = {each.name: each for each in options(config)}
    return {name: _value(known[name], value) for name, value in given.items()}


def _value(option: Option, value: Any) -> Any:
    if option.kind is float and not isinstance(value, bool) and isinstance(value, int):
        return float(value)
    if isinstance(value, list):
        return tuple(float(each) for each in value) if option.item is float else tuple(value)
    if isinstance(value, Mapping) and option.parts:
        return option.kind(**values_of(option.kind, value))
    if isinstance(value, Mapping) and option.item is float:
        return {name: float(each) for name, each in value.items()}
    return value


_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string", tuple: "array"}
_TEXT = {"type": "string", "pattern": "\\S", "description": "text that is not blank"}
_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text that is not blank",
    Path: "the name of a file or directory",
    tuple: "a list of texts",
}


def _option(held: dataclasses.Field[Any], hint: Any) -> Option:
    parts = list(get_args(hint)) if get_origin(hint) in (Union, types.UnionType) else [hint]
    kinds = [each for each in parts if each is not types.NoneType]
    first, origin = kinds[0], get_origin(kinds[0])
    item = None
    if _is_mapping(origin):
        item = get_args(first)[1] if get_args(first)[1] in _TYPES else None
    literal, listed = origin is Literal, origin in (tuple, Sequence)
    kind = str if literal else dict if _is_mapping(origin) else tuple if listed else first
    if listed:
        item = get_args(first)[0]
    missing = held.default is dataclasses.MISSING and held.default_factory is dataclasses.MISSING
    return Option(
        name=held.name,
        kind=kind,
        setting=held.metadata[_KEY],
        choices=tuple(get_args(first)) if literal else (),
        optional=types.NoneType in parts,
        required=missing,
        default=held.default_factory()
        if held.default_factory is not dataclasses.MISSING
        else None
        if missing
        else held.default,
        also=_second(kinds[1]) if len(kinds) > 1 else None,
        item=item,
    )


def _second(hint: Any) -> type:
    """The second kind that a value may have; of lists, tuple."""
    return tuple if get_origin(hint) in (tuple, Sequence) else hint


def _is_mapping(origin: Any) -> bool:
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _bounds(about: Setting) -> dict[str, float]:
    named = {
        "minimum": about.least,
        "exclusiveMinimum": about.above,
        "maximum": about.most,
        "exclusiveMaximum": about.below,
    }
    return {name: value for name, value in named.items() if value is not None}


def _mapping(option: Option) -> dict[str, Any]:
    about = option.setting
    schema: dict[str, Any] = {"type": "object", "description": about.help}
    kind = {"type": _TYPES[option.item]} if option.item else {}
    if about.keys is not None:
        schema["additionalProperties"] = False
        schema["properties"] = {
            name: {**kind, **_bounds(each), "description": each.wanted or _bounded("a number", each)}
            for name, each in about.keys.items()
        }
    elif about.values is not None:
        schema["additionalProperties"] = {
            **kind,
            **_bounds(about.values),
            "description": about.values.wanted or _bounded("a number", about.values),
        }
    elif option.item in (int, float):
        schema["additionalProperties"] = {**kind, "description": _WORDS[option.item]}
    return schema


def _wanted(option: Option) -> str:
    if option.choices:
        return f"one of {', '.join(option.choices)}"
    if option.setting.names is not None:
        return f"one of {', '.join(sorted(option.setting.names()))}"
    if option.kind is tuple:
        return "a list of numbers" if option.item in (int, float) else "a list of texts"
    if option.kind is dict or option.parts:
        return "a mapping (`key: value` lines)"
    if option.also is not None:
        return f"{_WORDS[option.kind]}, or {_bounded(_WORDS[option.also], option.setting)}"
    return _bounded(_WORDS[option.kind], option.setting)


def _bounded(word: str, about: Setting) -> str:
    low = f", {about.least:g} or above" if about.least is not None else ""
    match about:
        case Setting(least=float() | int() as least, most=float() | int() as most):
            return f"{word} from {least:g} to {most:g}"
        case Setting(least=float() | int() as least, below=float() | int() as below):
            return f"{word} from {least:g} to below {below:g}"
        case Setting(above=float() | int() as above, most=float() | int() as most):
            return f"{word} above {above:g}, at most {most:g}"
        case Setting(above=float() | int() as above):
            return f"{word} above {above:g}"
        case _:
            return f"{word}{low}"
