"""A method's options from plain values, as recipe, command line or Python give them: checked by name and kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rlaif.checks import unknown_key
from rlaif.errors import RecipeError
from rlaif.settings import Option, options, property_of, values_of
from rlaif.trl_names import renamed
from rlaif.workflows.training.alarm.option import alarm_spec
from rlaif.workflows.training.loop_options import loop_options
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.options import MethodOptions


def check_given(method: Method, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The values as the method's options take them. Raises RecipeError for an unknown name or a value out of bounds."""
    known = {each.name: each for each in options(method.options)}
    values = {}
    for name, value in given.items():
        if name not in known:
            raise RecipeError(f"{where}: {_unknown(method, name, list(known))}")
        values[name] = _plain(known[name], value)
        if not _fits(known[name], values[name]):
            raise RecipeError(f"{where}: {name} is {value!r}; it must be {known[name].wanted}")
    return values_of(method.options, values)


def read_options(method: Method, given: Mapping[str, Any], where: str = "train") -> MethodOptions:
    """The options of a train step, those not `given` as usual, checked together; opens no model.

    Raises RecipeError saying `where` and which option is wrong.
    """
    found = method.options(**check_given(method, given, where))
    check_options(method, found, where)
    return found


def check_options(method: Method, found: MethodOptions, where: str = "train") -> None:
    """Raise RecipeError for options that do not go together; opens no model."""
    if found.steps is not None and found.epochs is not None:
        raise RecipeError(f"{where}: steps and epochs are both given; remove one")
    loop_options(found.loop, f"{where}: loop")
    check_alarm(method, found, where)
    method.check(found, where)


def check_alarm(method: Method, found: MethodOptions, where: str) -> None:
    """Raise RecipeError for an alarm that cannot be read, or that a method does not ask."""
    spec = alarm_spec(found.alarm, where)
    if spec is not None and not method.alarms:
        trains = "policy" if method.trains is Role.POLICY else str(method.trains).replace("_", " ")
        raise RecipeError(
            f"{where}: alarm looks at the answers of a policy that trains, and {method.name} "
            + (f"trains a {trains}" if trains != "policy" else "does not ask it")
            + "; remove alarm"
        )


def users_of(name: str) -> list[str]:
    """The methods that have an option of this name."""
    return [
        each for each, method in METHODS.all().items() if name in {o.name for o in options(method.options)}
    ]


def misplaced(method: str, name: str) -> str | None:
    """What to do about an option that `method` lacks, where it is another trainer's or another method's; else None."""
    if method not in METHODS.names() or name in {each.name for each in options(METHODS.get(method).options)}:
        return None
    if hint := renamed(name):
        return hint
    users = users_of(name)
    return f"{name} is not used by method {method}, but by {', '.join(users)}; remove it" if users else None


def _unknown(method: Method, name: str, known: list[str]) -> str:
    return misplaced(method.name, name) or unknown_key(f"method {method.name}", [name], known)


def _plain(option: Option, value: Any) -> Any:
    """A path where a name is meant is its text; one text is a list of one."""
    if isinstance(value, Path):
        return str(value)
    return (value,) if option.kind is tuple and isinstance(value, str) else value


def _fits(option: Option, value: Any) -> bool:
    from jsonschema import Draft202012Validator

    if value is None:
        return option.optional
    plain = list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
    return bool(Draft202012Validator(property_of(option)).is_valid(plain))
