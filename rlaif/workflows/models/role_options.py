"""What can be said of a model for one of its roles (policy, judge, critic ...): template, thinking, budgets, dtype.

What `models:` of a recipe, `--judge-...` of the commands and `judge_options` in Python say. None of it is the model:
a model has one fingerprint in all of its roles, but for its number format and its marks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from rlaif.checks import check_schema
from rlaif.documents import Document
from rlaif.errors import InputError
from rlaif.settings import json_schema, setting, values_of


def two_marks(text: str) -> tuple[str, ...]:
    """`START END` as two marks. Raises ValueError."""
    marks = tuple(text.split())
    if len(marks) != 2:
        raise ValueError(f"{text!r} is not START END, two marks with a blank between them")
    return marks


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleOptions:
    """What is said of one role; None and empty mappings: nothing is."""

    enable_thinking: bool | None = setting(
        None,
        help="Let the model think before it answers, or not [default: not, where its template can say so].",
    )
    reasoning_effort: str | None = setting(
        None, help="How much a model thinks, as its template or its server calls it: low, medium, high."
    )
    chat_template_kwargs: Mapping[str, Any] = setting(
        default_factory=dict,
        help="Arguments of the chat template for this role, before those for all roles.",
        metavar="KEY=VALUE",
    )
    request_body: Mapping[str, Any] = setting(
        default_factory=dict, help="Further fields of each request to a server.", metavar="KEY=VALUE"
    )
    max_tokens: int | None = setting(
        None, help="Length limit of an answer, in tokens [default: what the question needs].", least=1
    )
    max_thought_tokens: int | None = setting(
        None,
        help="Length limit of the thought before an answer, in tokens [default: both share one room].",
        least=0,
    )
    thought_marks: tuple[str, ...] | None = setting(
        None,
        help="What the model writes around its thought, where its template does not tell.",
        metavar="'START END'",
        read=two_marks,
        wanted="a list of two texts, [START, END]",
    )
    sees: Literal["answer", "all"] | None = setting(
        None, help="What a judge sees of a completion: its answer [default], or its thoughts too."
    )
    think: bool | None = setting(
        None, help="Let a judge write a thought before each label, whose probabilities are read behind it."
    )
    dtype: Literal["float32", "bfloat16", "float16"] | None = setting(
        None, help="Data type of the local model in this role [default: that of all local models]."
    )

    def __post_init__(self) -> None:
        """Raise InputError for values that cannot go together."""
        if self.thought_marks is not None and len(self.thought_marks) != 2:
            raise InputError(f"thought_marks is {list(self.thought_marks)}; give two marks: START END")
        said = self.chat_template_kwargs.get("enable_thinking")
        if said is not None and self.enable_thinking is not None and said != self.enable_thinking:
            raise InputError("enable_thinking and chat_template_kwargs say the opposite; give one of them")

    @property
    def set_ones(self) -> dict[str, Any]:
        """The options that are set, as JSON: for identities, in which absent ones have no place."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        own = {name: dict(value) if isinstance(value, Mapping) else value for name, value in own.items()}
        return {name: value for name, value in own.items() if value is not None and value != {}}

    def over(self, other: RoleOptions) -> RoleOptions:
        """These, and what only `other` says."""
        return replace(other, **self.set_ones)

    @property
    def renders(self) -> bool:
        """Whether something is said to a chat template."""
        said = (self.enable_thinking, self.reasoning_effort)
        return any(each is not None for each in said) or bool(self.chat_template_kwargs)

    @property
    def marks(self) -> tuple[str, str] | None:
        """The two marks of a thought."""
        return None if self.thought_marks is None else (self.thought_marks[0], self.thought_marks[1])


NOTHING = RoleOptions()
JUDGING = ("sees", "think")
"""Options of judges alone."""
LENGTHS = ("max_tokens", "max_thought_tokens")
"""Budgets of a role that a command has options for: of whoever draws completions."""


def role_setting(
    prefix: str,
    *,
    whose: str = "",
    judges: bool = False,
    without: tuple[str, ...] = (),
    default: str = "",
) -> Any:
    """A field that holds the options of one role, which the command line spells `--PREFIX-...`.

    Args:
        prefix: The word before its options.
        whose: The role in words; empty: the prefix.
        judges: Whether it judges, so that it has the options of judges too.
        without: Options that the command has under other names.
        default: What the help says behind it.

    Returns:
        The field.
    """
    return setting(
        None,
        help=f"Options of the {whose or prefix}: thinking, template, budgets, dtype (docs/models.md){default}.",
        prefix=prefix,
        without=without if judges else (*without, *JUDGING),
        group=prefix.capitalize(),
    )


def role_options(
    given: Mapping[str, Any] | RoleOptions, where: str, *, without: tuple[str, ...] = ()
) -> RoleOptions:
    """What was given for a role; `where` is who gave it, for messages, and `without` what is said elsewhere.

    Raises InputError for what is no option of it.
    """
    if not isinstance(given, RoleOptions | Mapping):
        raise InputError(f"{where} is {given!r}; give a mapping, such as {{'enable_thinking': True}}")
    values = given.set_ones if isinstance(given, RoleOptions) else given
    found = {name: list(each) if isinstance(each, tuple) else each for name, each in values.items()}
    found = {name: each for name, each in found.items() if each is not None}
    rules = json_schema(RoleOptions)
    rules["properties"] = {name: each for name, each in rules["properties"].items() if name not in without}
    check_schema(Document(path=where, data=found, lines={}, plain={}), rules, InputError)
    return RoleOptions(**values_of(RoleOptions, found))


def told_options(options: RoleOptions | None) -> dict[str, Any]:
    """What an identity says of a role: its options, and nothing where none is set."""
    return {"options": options.set_ones} if options is not None and options.set_ones else {}


def sees_of(options: RoleOptions | None) -> Literal["answer", "all"]:
    """What a judge in this role sees of a completion."""
    return (options or NOTHING).sees or "answer"
