"""The line before a command's work: what will be asked, from the same forecast as `--dry-run`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rlaif.cli.live import short
from rlaif.cli.output import say

if TYPE_CHECKING:
    from rlaif.workflows.dry_run.cost import DryRunPlan

    Plan = TypeVar("Plan", bound=DryRunPlan)

LONGEST_S = 10.0
"""Seconds that a forecast may take before the work begins without it."""
DONE = "done"


def plan_first(forecast: Callable[[], Plan], out: Path | None = None, *, quiet: bool = False) -> Plan | None:
    """The forecast of a command, which is said in a line; None where it is of no use, or would take too long.

    `out` is the run that would go on: one that is done is only read.
    """
    if quiet or _is_done(out):
        return None
    from rlaif.workflows.dry_run.engine import ForecastTooLong, within

    try:
        with within(LONGEST_S):
            planned = forecast()
    except ForecastTooLong:
        say("plan: too large to count before it begins; --dry-run counts its calls, tokens and cost")
        return None
    if line := plan_line(planned.cost):
        say(line)
    return planned


def calls_of(planned: DryRunPlan | None) -> int | None:
    """How many calls a forecast counts, with those that the store holds."""
    if planned is None:
        return None
    total = planned.cost["total"]
    return int(total["calls"] + total["stored"])


def plan_line(cost: Mapping[str, Any]) -> str:
    """`plan: at most 2,903 calls (156k to 1.06M tokens sent, cost USD 0.00), 120 more are in the store`."""
    total = cost["total"]
    if not total["calls"]:
        return (
            f"plan: nothing new to ask, {total['stored']:,} calls are in the store" if total["stored"] else ""
        )
    least, most = short(total["prompt_least"]), short(total["prompt_most"])
    sent = f"{most} tokens sent" if least == most else f"{least} to {most} tokens sent"
    written = f", at most {short(total['completion_most'])} written" if total["completion_most"] else ""
    said = f"plan: at most {total['calls']:,} calls ({sent}{written}, {_cost(total, cost['currency'])})"
    return f"{said}; {total['stored']:,} more are in the store" if total["stored"] else said


def _cost(total: Mapping[str, Any], currency: str) -> str:
    if total["cost_most"] is None:
        return "no price known"
    least, most = f"{total['cost_least']:.2f}", f"{total['cost_most']:.2f}"
    return f"{currency} {most}" if least == most else f"{currency} {least} to {most}"


def _is_done(out: Path | None) -> bool:
    from rlaif.errors import RunError
    from rlaif.runs.claim import read_run
    from rlaif.runs.layout import is_run

    try:
        return out is not None and is_run(out) and read_run(out).get("status") == DONE
    except RunError:  # said by the command itself
        return True
