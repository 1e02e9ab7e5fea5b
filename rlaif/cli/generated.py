"""Command-line options made from a configuration's settings: the dataclass is their only spelling."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from rlaif.cli.options import Command, option, together
from rlaif.settings import Option, Setting, options

_NEXT = re.compile(r",(?=[A-Za-z_][\w.-]*=)")
"""A comma between two NAME=VALUE, not one inside a value."""


def settings(
    config: type,
    *,
    leave: Sequence[str] = (),
    flags: Mapping[str, str] | None = None,
    group: str | None = None,
) -> Callable[[Command], Command]:
    """One option for each setting of `config` but those to `leave` out; `flags` names some otherwise than its field;
    `group` is the heading in `--help` of those that have none of their own.

    None is what an option is that was not given: the configuration's own default then holds, and can be
    distinguished from a value that was given.
    """
    named = flags or {}
    found = [each for each in options(config) if each.name not in leave]
    return together(*(_option(each, named.get(each.name), group) for each in found))


def given(config: type, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `chosen` that are settings of `config` and were given."""
    names = {each.name for each in options(config)}
    return {name: value for name, value in chosen.items() if name in names and value is not None}


def name_values(_: click.Context, parameter: click.Parameter, items: Sequence[str]) -> dict[str, Any] | None:
    """`NAME=VALUE`, several joined by commas or given one by one; values are read as in YAML: `false` is no text."""
    from rlaif.documents import parse_value

    parts = [part for item in items for part in _NEXT.split(item)]
    for part in parts:
        if not part.partition("=")[0].strip() or "=" not in part:
            raise click.BadParameter(f"{part!r} is not NAME=VALUE", param=parameter)
    pairs = (part.partition("=") for part in parts)
    return {name.strip(): parse_value(value.strip()) for name, _, value in pairs} or None


def _option(each: Option, flag: str | None, group: str | None) -> Callable[[Command], Command]:
    word = flag or f"--{each.name.replace('_', '-')}"
    told: dict[str, Any] = {"help": _help(each), "default": None, "group": each.setting.group or group}
    if each.setting.metavar is not None:
        told["metavar"] = each.setting.metavar
    if each.kind is bool and each.also is None:
        return option(f"{word}/--no-{word.removeprefix('--')}", each.name, **told)
    if each.kind is dict:
        told |= {"multiple": True, "default": (), "callback": _mapping(each)}
        told.setdefault("metavar", "NAME=VALUE")
    elif each.kind is tuple:
        told["callback"] = _texts
        told.setdefault("metavar", "NAME,NAME")
    else:
        told["type"] = _type(each)
    return option(word, each.name, **told)


def _help(each: Option) -> str:
    switched_off = each.also is not None and each.default is False  # the number is what can be given
    if each.required or each.default in (None, (), {}, "") or switched_off or "[default" in each.setting.help:
        return each.setting.help
    if each.kind is bool:
        shown = each.name.replace("_", "-") if each.default else f"no-{each.name.replace('_', '-')}"
    else:
        shown = f"{each.default:g}" if isinstance(each.default, float) else str(each.default)
    return f"{each.setting.help} [default: {shown}]"


def _type(each: Option) -> click.ParamType[Any]:
    if each.choices:
        return click.Choice(list(each.choices))
    if each.also is int:  # a switch, or the number that it stands for
        return _range(click.IntRange, each.setting)
    if each.kind is int:
        return _range(click.IntRange, each.setting)
    if each.kind is float:
        return _range(click.FloatRange, each.setting)
    return click.Path(path_type=Path) if each.kind is Path else click.STRING


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
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise click.BadParameter(f"{name}={value}: the value must be a number", param=parameter)
    bounds = about.keys[name] if about.keys is not None else about.values
    if bounds is not None:
        _range(click.FloatRange, bounds).convert(value, parameter, None)
