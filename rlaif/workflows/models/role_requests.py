"""A role's options as its model's engine takes them: in requests, and at opening. What one cannot honour is refused."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rlaif.engines.chat_template import GIVEN
from rlaif.engines.kinds import ModelKind
from rlaif.engines.thinking_switches import EFFORT, SWITCHES
from rlaif.errors import InputError
from rlaif.records import Sampling
from rlaif.workflows.models.role_options import RoleOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleRequests:
    """What the requests of a role carry beside what is asked."""

    chat_template_kwargs: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    max_tokens: int | None = None
    max_thought_tokens: int | None = None

    def sampling(self, asked: Sampling) -> Sampling:
        """How is drawn, with the role's lengths in the place of those that were asked for."""
        return _with_lengths(asked, self.max_tokens, self.max_thought_tokens)


def requests_of(
    options: RoleOptions, name: str, kind: ModelKind, variables: Collection[str] | None
) -> RoleRequests:
    """What requests to the model `name` carry in a role.

    `variables` are those that its chat template reads, None where nobody can tell. Raises InputError for an option
    that a model of this kind, or its template, has no use for.
    """
    refuse_unused(options, name, kind)
    kwargs, body = dict(options.chat_template_kwargs), dict(options.request_body)
    known = None if kind.server else variables
    if options.enable_thinking is not None:
        kwargs.setdefault(_switch(known), options.enable_thinking)
    if options.reasoning_effort is not None:
        (body if kind.server else kwargs).setdefault(EFFORT, options.reasoning_effort)
    _refuse_unread(kwargs, options, name, known)
    return RoleRequests(
        chat_template_kwargs=kwargs,
        body=body,
        max_tokens=options.max_tokens,
        max_thought_tokens=options.max_thought_tokens,
    )


def refuse_unused(options: RoleOptions, name: str, kind: ModelKind) -> None:
    """Raise InputError for an option that no model of this kind has a use for."""
    told = options.set_ones
    renders = kind.causal or kind.server
    uses = {
        "enable_thinking": renders,
        "reasoning_effort": renders,
        "chat_template_kwargs": renders,
        "request_body": kind.server,
        "max_tokens": not kind.local_weights or kind.causal,
        "max_thought_tokens": not kind.local_weights or kind.causal,
        "thought_marks": renders,
        "sees": not kind.local_weights or kind.causal,
        "think": not kind.local_weights or kind.causal,
        "dtype": kind.local_weights,
    }
    for option in told:
        if not uses[option]:
            raise InputError(f"{name}: has no use for {option} ({WHY[option]}); leave it out for this role")


WHY: Mapping[str, str] = {
    "enable_thinking": "it renders no chat template",
    "reasoning_effort": "it renders no chat template",
    "chat_template_kwargs": "it renders no chat template",
    "request_body": "it is asked by no requests to a server",
    "max_tokens": "it writes no text",
    "max_thought_tokens": "it writes no text",
    "thought_marks": "it renders no chat template",
    "sees": "it is asked no question in words",
    "think": "it writes no text",
    "dtype": "its weights are not here",
}
"""Of each option, why a kind of models has no use for it."""


def _switch(variables: Collection[str] | None) -> str:
    """The variable that lets a model think, as its template calls it."""
    known = SWITCHES if variables is None else [each for each in SWITCHES if each in variables]
    return known[0] if known else SWITCHES[0]


def _refuse_unread(
    kwargs: Mapping[str, Any], options: RoleOptions, name: str, variables: Collection[str] | None
) -> None:
    for each in kwargs:
        if each in GIVEN:
            raise InputError(
                f"{name}: chat_template_kwargs cannot set {each}, which each request sets; leave it out"
            )
        if variables is not None and each not in variables:
            said = "chat_template_kwargs" if each in options.chat_template_kwargs else each
            raise InputError(
                f"{name}: {said}: its chat template reads no `{each}`, so that it would change nothing; "
                f"{_read_by(variables)}"
            )


def _read_by(variables: Collection[str]) -> str:
    own = sorted({*variables} - GIVEN - {"bos_token", "eos_token"})
    return f"it reads {', '.join(own)}" if own else "it reads no such variable at all: leave the option out"


def _with_lengths(asked: Sampling, answer: int | None, thought: int | None) -> Sampling:
    changed: dict[str, Any] = {} if answer is None else {"max_tokens": answer}
    if thought is not None:
        changed["max_thought_tokens"] = thought
    return replace(asked, **changed) if changed else asked
