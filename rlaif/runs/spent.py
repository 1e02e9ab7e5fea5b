"""What a run took in all: calls, money and time over every command that worked on it, one that repeats it too.

A command counts what it asked itself. Who repeats a finished command asks nothing, for all is known: without this its
zero would stand in the place of what the run had cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOOK = "took_s"
"""In `run.json`: seconds that commands worked on the run, without the time between them."""
_COUNTS = ("calls", "prompt_tokens", "completion_tokens", "cost")


def took(facts: Mapping[str, Any]) -> float | None:
    """Seconds that commands worked on a run, from its `run.json`; of an older version's, until its end."""
    if facts.get(TOOK) is not None:
        return float(facts[TOOK])
    started, finished = facts.get("started"), facts.get("finished")
    return None if started is None or finished is None else float(finished) - float(started)


def asked_new(summary: Mapping[str, Any]) -> bool:
    """Whether a command made a call of its own, by what it says of itself; True where it says nothing."""
    models = (summary.get("costs") or {}).get("models")
    if models is not None:
        return any(each.get("calls") for each in models.values())
    calls = summary.get("calls")
    return bool(calls.get("new")) if isinstance(calls, Mapping) else True


def in_all(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """The summary of a run whose command came to its end once more: its figures, with the calls and costs of both.

    Args:
        before: The summary that the run had.
        now: That of the command which repeated it.
    """
    found = dict(now)
    if isinstance(now.get("calls"), Mapping) and isinstance(before.get("calls"), Mapping):
        found["calls"] = calls_in_all(before["calls"], now["calls"])
    costs, had = now.get("costs"), before.get("costs")
    if costs and had and costs.get("currency") == had.get("currency"):
        models, held = costs.get("models") or {}, had.get("models") or {}
        names = dict.fromkeys([*held, *models])
        found["costs"] = {
            **costs,
            "models": {name: _together(held.get(name), models.get(name)) for name in names},
        }
    return found


def calls_in_all(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """New calls of both; what one took from the store that the other had asked was not re-used by the run."""
    if not now.get("new"):
        return dict(before)
    made = int(before.get("new") or 0)
    known = {**now, "new": made + int(now["new"])}
    return known | ({"reused": max(0, int(now["reused"]) - made)} if "reused" in now else {})


def _together(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> dict[str, Any]:
    both = [each for each in (one, other) if each is not None]
    return {
        key: None if any(each.get(key) is None for each in both) else sum(each[key] for each in both)
        for key in _COUNTS
    }
