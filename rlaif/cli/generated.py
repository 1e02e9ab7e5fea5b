"""Command-line options made from a configuration's settings: the dataclass is their only spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import click

from rlaif.cli.options import Command, option, together
from rlaif.cli.registered import Known, Registered
from rlaif.settings import Option, Setting, options

_NEXT = re.compile(r",(?=[A-Za-z_][\w.-]*=)")
"""A comma between two NAME=VALUE, not one inside a value."""


def settings(
    config: type,
    *,
    leave: Sequence[str] = (),
    flags: Mapping[str, str] | None = None,
    group: str | None = None,
    negated: bool = False,
) -> Callable[[Command], Command]:
    """One option for each setting of `config` but those to `leave` out; `flags` names some otherwise than its field;
    `group` is the heading in `--help` of those that have none of their own. A switch that is off by default has a
    `--no-` form where `negated`: the value that holds otherwise is then not the configuration's.

    None is what an option is that was not given: the configuration's own default then holds, and can be
    distinguished from a value that was given.
    """
    named = flags or {}
    made: list[Callable[[Command], Command]] = []
    for each in (each for each in options(config) if each.name not in leave):
        if each.parts:
            made += _options_of_part(each)
        else:
            made.append(_option(each, named.get(each.name), group, negated))
    return together(*made)


def settings_of_keys(config: type, name: str) -> Callable[[Command], Command]:
    """One option for each key of a mapping whose keys are known: `--min-accuracy` of `thresholds`."""
    [each] = (each for each in options(config) if each.name == name)
    keys = each.setting.keys or {}
    return together(
        *(
            option(
                f"--{key.replace('_', '-')}",
                key,
                type=_range(click.FloatRange, about),
                group=each.setting.group or None,
                help=about.help,
            )
            for key, about in keys.items()
        )
    )


def given(config: type, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `chosen` that are settings of `config` and were given."""
    found = {}
    for each in options(config):
        if each.parts:
            own = {part.name: chosen.get(_inside(each, part)) for part in each.parts}
            if own := {name: value for name, value in own.items() if value is not None}:
                found[each.name] = each.kind(**own)
        elif chosen.get(each.name) is not None:
            found[each.name] = chosen[each.name]
    return found


def name_values(_: click.Context, parameter: click.Parameter, items: Sequence[str]) -> dict[str, Any] | None:
    """`NAME=VALUE`, several joined by commas or given one by one; values are read as in YAML: `false` is no text."""
    from rlaif.documents import parse_value

    parts = [part for item in items for part in _NEXT.split(item)]
    for part in parts:
        if not part.partition("=")[0].strip() or "=" not in part:
            raise click.BadParameter(f"{part!r} is not NAME=VALUE", param=parameter)
    pairs = (part.partition("=") for part in parts)
    return {name.strip(): parse_value(value.strip()) for name, _, value in pairs} or None


def _options_of_part(each: Option) -> list[Callable[[Command], Command]]:
    """Options of a field that is a configuration itself, each with the field's word before it: `--judge-max-tokens`."""
    return [
        _option(
            replace(part, name=_inside(each, part)),
            f"--{each.setting.prefix}-{part.name.replace('_', '-')}",
            each.setting.group,
            negated=False,
        )
        for part in each.parts
    ]


def _inside(each: Option, part: Option) -> str:
    """What the option of a part is called among the arguments of a command."""
    return f"{each.name}__{part.name}"


def _option(each: Option, flag: str | None, group: str | None, negated: bool) -> Callable[[Command], Command]:
    about, word = each.setting, flag or f"--{each.name.replace('_', '-')}"
    told: dict[str, Any] = {
        "help": about.help,
        "default": None,
        "group": about.group or group,
        "usual": _usual(each, negated),
        "known": about.known or (about.names if about.metavar else None),
        "required": each.required,
    }
    if each.required:
        del told["default"]  # click takes a None that is said for a value, and then asks for nothing
    if about.metavar is not None:
        told["metavar"] = about.metavar
    if each.kind is bool and each.also is None:
        switched = negated or each.default or each.optional
        return option(
            f"{word}/--no-{word.removeprefix('--')}" if switched else word,
            each.name,
            is_flag=True,
            **told,
        )
    if each.kind is tuple and not about.repeated and about.read is None:
        number = each.item if each.item in (int, float) else None
        told["callback"] = _texts if number is None else partial(_numbers, number)
        told.setdefault("metavar", "NAME,NAME" if number is None else "NUMBER,NUMBER")
    elif each.kind is dict and about.read is None:
        told |= {"multiple": True, "default": (), "callback": _mapping(each)}
        told.setdefault("metavar", "NAME=VALUE")
    else:
        told["type"] = _type(each)
        if about.repeated:
            told |= {"multiple": True, "default": ()}
        if about.read is not None or about.repeated:
            told["callback"] = _read(each)
    return option(word, each.name, **told)


def _usual(each: Option, negated: bool) -> str | None:
    """The default as `--help` shows it; None where it is nothing, or stands in the help text in words."""
    # what can be given is then a number, or the switch itself
    switched_off = each.default is False and (each.also is not None or not negated)
    if each.required or each.default in (None, (), {}, "") or switched_off or "[default" in each.setting.help:
        return None
    if each.kind is bool:
        return ("" if each.default else "no-") + each.name.replace("_", "-")
    return f"{each.default:g}" if isinstance(each.default, float) and each.default % 1 else str(each.default)


def _type(each: Option) -> click.ParamType[Any]:
    about = each.setting
    kind = each.item if each.kind is tuple else each.kind
    if each.choices:
        return click.Choice(list(each.choices))
    if about.names is not None:
        return Registered(about.names)
    if about.known is not None:
        return Known(about.known)
    if each.also is int or kind is int:  # a switch, or the number that it stands for
        return _range(click.IntRange, about)
    if kind is float:
        return _range(click.FloatRange, about)
    if kind is Path:
        return click.Path(
            path_type=Path,
            exists=bool(about.exists),
            dir_okay=about.exists != "file",
            file_okay=about.exists != "directory",
        )
    return click.STRING


def _read(each: Option) -> Callable[[click.Context, click.Parameter, Any], Any]:
    read: Callable[[Any], Any] = each.setting.read or (lambda value: value)

    def called(_: click.Context, parameter: click.Parameter, given: Any) -> Any:
        try:
            if not each.setting.repeated:
                return None if given is None else read(given)
            found: Any = tuple(read(item) for item in given)
        except ValueError as wrong:
            raise click.BadParameter(str(wrong), param=parameter) from None
        return (dict(found) if each.kind is dict else found) or None

    return called


def _range(kind: Any, about: Setting) -> click.ParamType[Any]:
    if (about.least, about.above, about.most, about.below) == (None,) * 4:
        return click.INT if kind is click.IntRange else click.FLOAT
    made: click.ParamType[Any] = kind(
        min=about.above if about.least is None else about.least,
        max=about.below if about.most is None else about.most,
        min_open=about.above is not None,
        max_open=about.below is not None,
    )
    return made


def _texts(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(
    kind: type, context: click.Context, parameter: click.Parameter, text: str | None
) -> tuple[Any, ...] | None:
    """Numbers of a kind between commas."""
    parts = _texts(context, parameter, text)
    try:
        return None if parts is None else tuple(kind(each) for each in parts)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} are no numbers between commas: 0,0.7,0.9", param=parameter
        ) from None


def _mapping(
    each: Option,
) -> Callable[[click.Context, click.Parameter, Sequence[str]], dict[str, Any] | None]:
    def read(
        context: click.Context, parameter: click.Parameter, items: Sequence[str]
    ) -> dict[str, Any] | None:
        values = name_values(context, parameter, items)
        for name, value in (values or {}).items():
            _check(each, name, value, parameter)
        return values

    return read


def _check(each: Option, name: str, value: Any, parameter: click.Parameter) -> None:
    about = each.setting
    if about.keys is not None and name not in about.keys:
        raise click.BadParameter(f"{name!r} is not known; known: {', '.join(about.keys)}", param=parameter)
    if each.item not in (int, float):
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise click.BadParameter(f"{name}={value}: the value must be a number", param=parameter)
    bounds = about.keys[name] if about.keys is not None else about.values
    if bounds is not None:
        _range(click.FloatRange, bounds).convert(value, parameter, None)
