"""The step `gate`: judgments by rubrics accept or reject, another number gives the direction (2506.13351)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from rlaif.errors import InputError
from rlaif.judging.protocols import PROTOCOLS, pointwise
from rlaif.judging.rubrics import broken, unread_hard
from rlaif.records import Judgment, State
from rlaif.settings import setting
from rlaif.workflows.recipe.step import CheckedStep, Facts, Job, RunJob, Step
from rlaif.workflows.recipe.steps.judge import by_rubrics

GATE = "gate"
"""The criterion that says whether a completion was accepted: it is hard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What is accepted."""

    at_least: float = setting(
        0.0, help="Accept a completion whose number by its rubric is at least this.", least=-1, most=1
    )


def gated(by_rubric: Sequence[Judgment], by_other: Sequence[Judgment], at_least: float) -> list[Judgment]:
    """The other judgments, each with a hard criterion that says whether the rubric accepts the completion.

    Of one rejected and one accepted the accepted is better; of two accepted the other number decides; two rejected are
    no pair. Where the rubric could not be read, nothing is accepted nor rejected, and there is no pair either.
    """
    gates = {each.completion_ids[0]: each for each in by_rubric if each.principle_id is None}
    found = []
    for each in by_other:
        if each.principle_id is not None:
            found.append(each)
            continue
        gate = gates.get(each.completion_ids[0])
        row: dict[str, Any] = {"id": GATE, "weight": 1.0, "hard": True}
        if gate is None or gate.value is None or unread_hard(gate):
            row["state"] = (State.TRANSPORT if gate is None else _why(gate)).value
        else:
            row |= {"state": State.SCORE.value, "p": float(gate.value >= at_least and not broken(gate))}
        calls = tuple(dict.fromkeys([*(() if gate is None else gate.calls), *each.calls]))
        rubric = "" if gate is None else gate.rubric
        found.append(replace(each, criteria=(*each.criteria, row), rubric=rubric, calls=calls))
    return found


def _why(gate: Judgment) -> State:
    return State.UNREADABLE if gate.state is State.SCORE else gate.state


def make(job: RunJob) -> Facts:
    """Put the two together, and count what was rejected."""
    found = forecast(job)
    job.write(found)
    rows = [row for each in found for row in each.criteria if row["id"] == GATE]
    return {
        "judgments": len(found),
        "accepted": sum(row.get("p") == 1.0 for row in rows),
        "rejected": sum(row.get("p") == 0.0 for row in rows),
        "unread": sum("p" not in row for row in rows),
    }


def forecast(job: Job) -> list[Judgment]:
    """Return the judgments as they would be."""
    first, second = map(job.read, job.gathered())
    return gated(first, second, job.settings.at_least)


def check(checked: CheckedStep) -> None:
    """Raise InputError where it does not take judgments by rubrics first, and then those of a number of the whole."""
    taken = [each for each in checked.task.takes if each.kind == "judgments"]
    made = {each.key: getattr(each.settings, "protocol", "") for each in checked.recipe.round}
    if len(taken) != 2:
        raise InputError(
            f"takes judgments by rubrics and others, `of: [by-rubric, by-reward]`; it has {len(taken)}"
        )
    gate, other = (str(made.get(each.step, "")) for each in taken)
    if gate in PROTOCOLS and not by_rubrics(gate):
        raise InputError(f"{taken[0].step!r} asks no rubrics ({gate}); name judgments by rubrics first")
    if other in PROTOCOLS and not by_rubrics(other) and pointwise(other).scale.bounded:
        raise InputError(
            f"{taken[1].step!r} judges each principle ({other}); the second must give one number of the "
            "whole, as reward and rubric do"
        )


def row(facts: Facts, _: int) -> dict[str, Any]:
    """Return a warning of what could not be read by its rubric."""
    lost = facts.get("unread", 0)
    return {
        "warnings": [f"{lost} completions could not be read by their rubric: neither accepted nor rejected"]
        if lost
        else []
    }


STEP = Step(
    name="gate",
    help="Judgments by rubrics accept or reject, another number gives the direction.",
    settings=GateSettings,
    needs=(("judgments",),),
    gathers=True,
    makes="judgments",
    stem="gated",
    make=make,
    forecast=forecast,
    check=check,
    row=row,
)
