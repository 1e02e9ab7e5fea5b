"""Parts of your own without a package: decorators that give a plain function a name in this process.

    import rlaif

    @rlaif.register.judge
    def shorter(prompt, a, b):
        return 0.5 if len(a.text) == len(b.text) else float(len(a.text) < len(b.text))

    rlaif.judge(source="runs/r1", judge="shorter", out="runs/r1-short")

Each decorator also takes `name=` and `version=`. A function's fingerprint stands in the provenance of what it made: it
is the version that you declare, or the function's source text, so that an edited function is another one. Wherever a
judge or a policy is named, the function itself may be passed: `judge=shorter`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

from rlaif.engines.function import TextFunction, function_kind
from rlaif.engines.kinds import ENGINES, ModelKind
from rlaif.errors import InputError
from rlaif.hashing import source_fingerprint
from rlaif.judging.protocols import PROTOCOLS, Pairwise, Pointwise
from rlaif.judging.registered import judge_name_of, register_judge, register_reward

__all__ = ["engine", "engine_name_of", "judge", "judge_name_of", "protocol", "reward"]

Thing = TypeVar("Thing")
Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Thing], Thing]
_engines: dict[str, Any] = {}
"""Functions and engines of this process by the names that they have as models."""


@overload
def judge(thing: Thing, /) -> Thing: ...


@overload
def judge(*, name: str | None = None, version: str | None = None) -> Decorator[Any]: ...


def judge(thing: Any = None, /, *, name: str | None = None, version: str | None = None) -> Any:
    """Make a judge of a function, to be named wherever a judge is.

    Args:
        thing: A function `(prompt, a, b)` to P(a is better), or `(prompt, completion)` to a reward; None where it
            cannot tell. Or an object with `checklist`, `compare` and `fingerprint`.
        name: What it is called; None: as the function.
        version: What the function is; None: its source says so.

    Returns:
        The function, unchanged.

    Raises:
        InputError: The name is taken, or the function has no source and no `version`.

    Example:
        >>> @rlaif.register.judge(version="1")
        ... def shorter(prompt, a, b):
        ...     return 0.5 if len(a.text) == len(b.text) else float(len(a.text) < len(b.text))
    """
    return _decorated(lambda each: register_judge(each, name=name, version=version), thing)


@overload
def reward(thing: Thing, /) -> Thing: ...


@overload
def reward(*, name: str | None = None, version: str | None = None) -> Decorator[Any]: ...


def reward(thing: Any = None, /, *, name: str | None = None, version: str | None = None) -> Any:
    """Make a reward of a function, and a judge by it.

    Args:
        thing: A function `(prompt, completion)` to a number, None where there is none; or an object with `name`,
            `fingerprint` and `rewards`.
        name: What it is called; None: as the function.
        version: What the function is; None: its source says so.

    Returns:
        The function, unchanged.

    Raises:
        InputError: The name is taken, or the function has no source and no `version`.

    Example:
        >>> @rlaif.register.reward(version="1")
        ... def brevity(prompt, completion):
        ...     return -float(len(completion.text))
    """
    return _decorated(lambda each: register_reward(each, name=name, version=version), thing)


@overload
def engine(function: Function, /) -> Function: ...


@overload
def engine(*, name: str | None = None, version: str | None = None) -> Decorator[Any]: ...


def engine(function: Any = None, /, *, name: str | None = None, version: str | None = None) -> Any:
    """Make a model of a function, to be named wherever a model is.

    Args:
        function: A function `(messages, sampling)` to the text of the next turn.
        name: What it is called; None: as the function.
        version: What the function is; None: its source says so.

    Returns:
        The function, unchanged.

    Raises:
        InputError: The name is taken, or the function has no source and no `version`.

    Example:
        >>> @rlaif.register.engine(version="1")
        ... def parrot(messages, sampling):
        ...     return messages[-1].content
    """
    return _decorated(lambda each: _add_engine(each, name, version), function)


@overload
def protocol(function: Function, /) -> Function: ...


@overload
def protocol(
    *, name: str | None = None, shape: Literal["pointwise", "pairwise"] = "pointwise", **facts: Any
) -> Decorator[Any]: ...


def protocol(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    shape: Literal["pointwise", "pairwise"] = "pointwise",
    **facts: Any,
) -> Any:
    """Make a protocol of a function, to be named wherever a protocol is.

    Args:
        function: A function `(judge, items, principles, how)` to a list of judgments. An item is (prompt, completion)
            where the protocol is pointwise, and (prompt, one, other) where it is pairwise: then each principle gets
            a judgment of either order.
        name: What it is called, and what its judgments say as `protocol`; None: as the function.
        shape: Whether it judges one completion or compares two.
        facts: Further fields of `rlaif.judging.protocols.Pointwise` or `Pairwise`: `version` (None: its source says
            what it is), `judges`, `scale`, `writes` ...

    Returns:
        The function, unchanged.

    Raises:
        InputError: The name is taken, the shape is none of the two, or the function has no source and no `version`.

    Example:
        >>> @rlaif.register.protocol
        ... def lenient(judge, items, principles, how):
        ...     found = judge.checklist(items, principles)
        ...     return [dataclasses.replace(each, protocol="lenient") for each in found]
    """
    shapes: dict[str, Any] = {"pointwise": Pointwise, "pairwise": Pairwise}
    if shape not in shapes:
        raise InputError(f"shape is {shape!r}; it must be one of {', '.join(shapes)}")

    def add(each: Any) -> None:
        source_fingerprint(each, facts.get("version"))
        says = facts.pop("says", None) or _first_line(each)
        PROTOCOLS.add(shapes[shape](name=name or each.__name__, says=says, ask=each, **facts))

    return _decorated(add, function)


def engine_name_of(thing: Any) -> str:
    """The name of what stands where a model is named: a name or path as it is, a function or engine registered.

    Raises InputError as `engine` does.
    """
    if isinstance(thing, str | Path):
        return str(thing)
    known = next((name for name, each in _engines.items() if each is thing), None)
    return f"{known or _add_engine(thing, None, None)}:"


def _add_engine(thing: Any, name: str | None, version: str | None) -> str:
    called = name or str(getattr(thing, "__name__", type(thing).__name__)).strip("<>")
    if callable(getattr(thing, "generate", None)) and callable(getattr(thing, "score", None)):
        kind = _object_kind(called, thing)
    elif callable(thing):
        function: TextFunction = thing
        kind = function_kind(called, function, version=version)
    else:
        raise InputError(
            f"{called}: is no model; one is a name, a function of (messages, sampling), or an engine"
        )
    ENGINES.add(kind)
    _engines[called] = thing
    return called


def _object_kind(name: str, thing: Any) -> ModelKind:
    return ModelKind(
        name=name,
        help=_first_line(thing),
        open=lambda full, rest, options: thing,
        bare=True,
        fingerprint=lambda rest, options: str(thing.fingerprint),
        elsewhere=False,
    )


def _decorated(add: Callable[[Any], object], thing: Any) -> Any:
    """A decorator with or without arguments: what it decorates stays what it was."""

    def decorate(each: Any) -> Any:
        add(each)
        return each

    return decorate if thing is None else decorate(thing)


def _first_line(thing: Any) -> str:
    return str(thing.__doc__ or "of this process").strip().splitlines()[0]
