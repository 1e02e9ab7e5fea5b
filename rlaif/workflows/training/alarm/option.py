"""`alarm` as an option of train methods: a word (warn, stop, back), or what it looks at too. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlaif.auditing.alarm import AlarmLimits
from rlaif.checks import check_schema
from rlaif.documents import Document, parse_value
from rlaif.errors import InputError, RecipeError
from rlaif.settings import json_schema, setting, values_of

ACTIONS = ("warn", "stop", "back")
_NEXT = re.compile(r",(?=[A-Za-z_][\w-]*=)")
_USUAL = AlarmLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSpec:
    """What an alarm looks at, and what follows when it rings."""

    do: Literal["warn", "stop", "back"] = setting(
        "warn",
        help="When it rings: say so and go on, stop (exit 3), or end with the best weights of before.",
    )
    judge: str | None = setting(
        None,
        help="The held-out judge: another than the reward, a role of the recipe or a name [default: the recipe's "
        "judge, where it is not the reward].",
    )
    constitution: str | None = setting(
        None, help="By which it judges [default: that of the recipe, the run or the reward]."
    )
    protocol: str | None = setting(None, help="How that judge is asked, a pointwise protocol.")
    prompts: str | None = setting(
        None,
        help="Prompts whose answers are looked at: a set of the recipe, a file or a bundled set [default: those held "
        "out, else some of those that are trained on].",
    )
    count: int = setting(32, help="How many of them.", least=8)
    every: int = setting(10, help="Steps between two looks.", least=1)
    anchor: str | None = setting(
        None,
        help="Pairs of known order that nothing is trained on: a file of pairs. The policy must not unlearn them.",
    )
    ensemble: tuple[str, ...] = setting(
        (), help="Reward models whose disagreement is watched, two or more.", wanted="a list of reward models"
    )
    kl: float = setting(_USUAL.kl, help="Budget of KL to the first policy, nats per answer.", above=0)
    judge_fall: float = setting(
        _USUAL.judge, help="Standard errors by which the judge's score may fall below its best.", above=0
    )
    win_rate_fall: float = setting(
        _USUAL.win_rate,
        help="By which the length-controlled win rate against the first policy may fall below its best, where chance "
        "does not explain the fall.",
        above=0,
    )
    unread_rise: float = setting(
        _USUAL.unread,
        help="By which the share of answers that the judge cannot score, as where they are cut off, may rise.",
        above=0,
    )
    disagreement: float = setting(
        _USUAL.disagreement, help="Times that the reward models may disagree more than at first.", above=0
    )
    anchor_fall: float = setting(
        _USUAL.anchor,
        help="Standard errors by which the anchor's log-odds may fall below their best.",
        above=0,
    )

    @property
    def limits(self) -> AlarmLimits:
        """Beyond which it rings."""
        return AlarmLimits(
            kl=self.kl,
            judge=self.judge_fall,
            win_rate=self.win_rate_fall,
            unread=self.unread_rise,
            disagreement=self.disagreement,
            anchor=self.anchor_fall,
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The models and judges that it asks, as they are spelled."""
        return (*((self.judge,) if self.judge is not None else ()), *self.ensemble)


def alarm_setting(**about: Any) -> Any:
    """The field `alarm` of a method's options. Its value is plain, as a recipe has it: `alarm_spec` reads it."""
    return setting(
        None,
        help="warn, stop or back: look at held-out answers as training goes, and do so when the reward is being "
        "exploited; or do=stop,judge=NAME,every=10,kl=60 ... (docs/overoptimisation.md).",
        wanted="warn, stop or back, or a mapping with `do`",
        metavar="ALARM",
        read=read_alarm,
        schema=alarm_schema,
        **about,
    )


def read_alarm(text: str) -> Any:
    """As the command line has it: a word, or `do=stop,judge=NAME`. Raises RecipeError for what is neither."""
    if "=" not in text:
        alarm_spec(text, "--alarm")
        return text
    found: dict[str, Any] = {}
    for part in _NEXT.split(text):
        name, _, value = part.partition("=")
        found[name.strip()] = parse_value(value.strip())
    if isinstance(found.get("ensemble"), str):
        found["ensemble"] = [each for each in found["ensemble"].split("+") if each]
    alarm_spec(found, "--alarm")
    return found


def alarm_spec(value: Any, where: str) -> AlarmSpec | None:
    """The alarm that plain values say; None where there is none. Raises RecipeError with the place and the key."""
    if value is None:
        return None
    given = {"do": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        raise RecipeError(
            f"{where}: alarm is {value!r}; it must be {', '.join(ACTIONS)}, or a mapping with `do`"
        )
    plain = {str(name): _plain(each) for name, each in given.items()}
    document = Document(path=where, data={"alarm": plain}, lines={}, plain={})
    rules = {"type": "object", "properties": {"alarm": _object()}}
    checked = check_schema(document, rules, RecipeError)["alarm"]
    try:
        spec = AlarmSpec(**values_of(AlarmSpec, checked))
    except InputError as wrong:
        raise RecipeError(f"{where}: alarm: {wrong}") from None
    if len(spec.ensemble) == 1:
        raise RecipeError(f"{where}: alarm: ensemble names one reward model; two or more can disagree")
    if spec.protocol is not None and spec.judge is None:
        raise RecipeError(f"{where}: alarm: protocol says how a judge is asked; name one: judge")
    return spec


def alarm_schema() -> dict[str, Any]:
    """The JSON Schema of an alarm."""
    words = ", ".join(ACTIONS)
    return {
        **_object(),
        "type": ["string", "object"],
        "description": f"one of {words}, or a mapping with `do`",
    }


def _object() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(json_schema(AlarmSpec)["properties"]),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
