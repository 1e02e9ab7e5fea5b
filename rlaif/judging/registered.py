"""Judges and rewards that come from outside: registered under a name, or passed as an object where a name is taken."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.hashing import derived_seed, source_fingerprint
from rlaif.judging.function_judge import FunctionReward, PairFunctionJudge
from rlaif.judging.kinds import JUDGES, JudgeContext, JudgeKind, reward_kind
from rlaif.judging.protocol import Judge
from rlaif.judging.rewards import REWARDS, NamedReward
from rlaif.records import Completion, Prompt
from rlaif.shipped import MODELS

PASSED = "function"
"""Stands before the names of functions and objects that were passed in the place of a name."""
_NAME = re.compile(r"[A-Za-z_][\w.-]*")
OF_ONE, OF_TWO = 2, 3
"""Arguments of a function that judges one completion (prompt, completion), and of one that compares two."""


def register_judge(thing: Any, *, name: str | None = None, version: str | None = None) -> JudgeKind:
    """Make a judge of this process under a name that commands, recipes and Python take: `--judge NAME`.

    Args:
        thing: a function `(prompt, a, b) -> P(a is better) | None` or `(prompt, completion) -> reward | None`, a
            `JudgeKind`, a reward with a name, or an object with `checklist`, `compare` and `fingerprint`.
        name: what it is called; None: as the function or object is.
        version: what a function is, declared by its author; None: its source says so.

    Raises InputError for a name that is taken, and for a function whose fingerprint is neither declared nor in its
    source, or that takes another number of arguments.
    """
    if isinstance(thing, JudgeKind):
        return JUDGES.add(thing)
    made = make_judge(name or _name(thing), thing, version=version)
    _refuse_taken(made.name, "reward", REWARDS.names())
    return JUDGES.add(made)


def register_reward(thing: Any, *, name: str | None = None, version: str | None = None) -> NamedReward:
    """Make a reward of this process: a function `(prompt, completion) -> float | None`, or an object with `rewards`.

    It is a judge too, under its own name. Raises InputError as `register_judge` does.
    """
    made = (
        thing if isinstance(thing, NamedReward) else make_reward(name or _name(thing), thing, version=version)
    )
    _refuse_taken(_checked(made.name), "judge", JUDGES.names())
    return REWARDS.add(made)


def make_judge(name: str, thing: Any, *, version: str | None = None) -> JudgeKind:
    """The kind of judge that a function, a reward or a judge object makes: what `rlaif.judges` holds.

    Arguments and errors are those of `register_judge`.
    """
    return _kind(thing, _checked(name), version)


def make_reward(name: str, function: Any, *, version: str | None = None) -> FunctionReward:
    """The reward that a function `(prompt, completion) -> float | None` makes: what `rlaif.rewards` holds.

    Raises InputError as `register_judge` does, and for what is no such function.
    """
    called = _checked(name)
    if not callable(function) or _arguments(function) != OF_ONE:
        raise InputError(
            f"{called}: is no reward; one is a function of (prompt, completion), or has `rewards`"
        )
    return FunctionReward(called, function, fingerprint=source_fingerprint(function, version))


def judge_name_of(thing: Any) -> str:
    """The name of what stands where a judge is named: a name or path as it is, a function or object registered.

    A function or object that was not registered gets the name `function:ITS_NAME` for this process; the newest of that
    name counts. Raises InputError as `register_judge` does.
    """
    if isinstance(thing, str | Path):
        return str(thing)
    if isinstance(thing, JudgeKind):
        return thing.name if thing.name in JUDGES.names() else JUDGES.add(thing).name
    known = next((each.name for each in JUDGES.added() if each.made_of is thing), None)
    return known or JUDGES.add(_kind(thing, f"{PASSED}:{_name(thing)}", None)).name


def _kind(thing: Any, name: str, version: str | None) -> JudgeKind:
    if isinstance(thing, NamedReward):
        return reward_kind(thing, name=name)
    if callable(getattr(thing, "compare", None)) and callable(getattr(thing, "checklist", None)):
        return JudgeKind(
            name=name,
            help=_help(thing),
            open=lambda full, context: _stand_in(full, thing.fingerprint) if context.dry_run else thing,
            makes=type(thing),
            fingerprint_from=str(thing.fingerprint),
            made_of=thing,
        )
    if not callable(thing):
        raise InputError(
            f"{name}: is no judge; one is a function of (prompt, a, b) or (prompt, completion), or has `checklist`, "
            "`compare` and `fingerprint`"
        )
    fingerprint = source_fingerprint(thing, version)
    if _arguments(thing) == OF_ONE:
        return reward_kind(FunctionReward(name, thing, fingerprint=fingerprint), name=name, made_of=thing)

    def opened(full: str, context: JudgeContext) -> Judge:
        if context.dry_run:
            return _stand_in(full, fingerprint)
        return PairFunctionJudge(full, thing, fingerprint=fingerprint)

    return JudgeKind(
        name=name,
        help=_help(thing),
        open=opened,
        makes=PairFunctionJudge,
        fingerprint_from=fingerprint,
        made_of=thing,
    )


def _arguments(function: Callable[..., Any]) -> int:
    """How many arguments a function needs. Raises InputError for another number than those that have a meaning."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.kind in kinds and each.default is inspect.Parameter.empty
    ]
    if len(needed) not in (OF_ONE, OF_TWO):
        raise InputError(
            f"{_name(function)}: takes {len(needed)} arguments; a judge takes (prompt, a, b) or (prompt, completion)"
        )
    return len(needed)


def _stand_in(name: str, fingerprint: str) -> PairFunctionJudge:
    """What a dry run takes for a judge from outside: asks nobody, and is of one opinion in both orders."""

    def made_up(_: Prompt, first: Completion, second: Completion) -> float:
        low, high = sorted([first.id, second.id])
        p = 0.6 + 0.35 * derived_seed("plan", low, high) / 2**63
        return p if first.id == low else 1 - p

    return PairFunctionJudge(name, made_up, fingerprint=fingerprint)


def _name(thing: Any) -> str:
    name = getattr(thing, "__name__", None) or getattr(thing, "name", None) or type(thing).__name__
    return str(name).strip("<>")


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or name in MODELS:
        raise InputError(
            f"{name!r} cannot be the name of a judge or reward: letters, digits, `_`, `.` and `-` make one, and none "
            f"of {', '.join(MODELS)}"
        )
    return name


def _refuse_taken(name: str, noun: str, names: list[str]) -> None:
    """One name must not mean two judges: a reward is a judge under its own name."""
    if name in names:
        raise InputError(f"{name!r} is a {noun} already; choose another name")


def _help(thing: Any) -> str:
    return (inspect.getdoc(thing) or "a judge of this process").splitlines()[0]
