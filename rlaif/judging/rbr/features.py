"""What a judge says of propositions, as numbers of an answer: each P(yes), and each class's probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rlaif.errors import InputError
from rlaif.judging.protocol import Judge, One
from rlaif.judging.rbr.classes import Classes
from rlaif.judging.rules import share_of
from rlaif.records import Judgment, Principle, State

CLASS = "class:"
"""Stands before the name of a feature that is the probability of a class."""
TRUE = 0.5
"""P(yes) from which a proposition counts as true."""
Shares = Mapping[str, float | None]
"""P(yes) of each proposition; None is not readable."""


class Heard(NamedTuple):
    """What a judge said of one answer."""

    shares: Shares
    calls: tuple[str, ...] = ()
    failed: State | None = None
    """What the first proposition was read as that gave no number."""


def ask(judge: Judge, items: Sequence[One], classes: Classes, questions: Sequence[Principle]) -> list[Heard]:
    """P(yes) of the propositions that `classes` depend on, for each item.

    Raises InputError where the judge reads no propositions (a reward model).
    """
    texts = {each.id: each for each in questions}
    judgments = judge.checklist(items, [texts[name] for name in classes.asked])
    if any(each.principle_id is None for each in judgments):
        raise InputError(
            f"{judge.name}: gives one number for the whole and reads no proposition; name another judge"
        )
    said: dict[str, dict[str, Judgment]] = {}
    for each in judgments:
        said.setdefault(each.completion_ids[0], {})[str(each.principle_id)] = each
    return [_heard(classes.asked, said.get(completion.id, {})) for _, completion in items]


def _heard(asked: Sequence[str], said: Mapping[str, Judgment]) -> Heard:
    shares = {name: share_of(said[name]) if name in said else None for name in asked}
    missing = next((name for name, share in shares.items() if share is None), None)
    failed = None
    if missing is not None:
        failed = said[missing].state if missing in said else State.TRANSPORT
    return Heard(shares, tuple(call for name in asked if name in said for call in said[name].calls), failed)


def truths(shares: Shares) -> dict[str, bool | None]:
    """Each proposition as true or false; what could not be read stays unknown."""
    return {name: None if share is None else share >= TRUE for name, share in shares.items()}


def features(classes: Classes, shares: Shares) -> dict[str, float] | None:
    """The numbers that weights are fitted to; None when any proposition could not be read."""
    known = {name: share for name in classes.asked if (share := shares.get(name)) is not None}
    if len(known) < len(classes.asked):
        return None
    probable = classes.probabilities(known)
    return known | {CLASS + name: value for name, value in probable.items()}
