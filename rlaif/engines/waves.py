"""A wave of requests: what is planned, run and committed as one, so that a resumed run repeats its batches."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from rlaif.errors import BudgetError
from rlaif.records import Engine

WAVE = 256
"""Requests to a wave."""


class PlannedWave(NamedTuple):
    """A wave before it runs."""

    keys: list[str]
    """Of all its requests."""
    found: dict[str, Any]
    """Replies that the store holds, by key."""
    missing: dict[str, Any]
    """Requests that must run, by key: two that send the same are one call."""
    short: bool
    """Whether more are missing than the budget has room for."""
    elsewhere: dict[str, Any]
    """Requests that another process with the same store makes now, by key."""


class WaveRecorder(Protocol):
    """An engine behind a store, as whoever runs its waves needs it."""

    wave: int

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def engine(self) -> Engine:
        """The engine, which is opened when it is first asked for."""

    def plan(
        self, requests: Sequence[Any], under_way: Container[str] = (), *, passive: bool = False
    ) -> PlannedWave:
        """What of a wave must run; calls of `under_way` are made by another wave. `passive`: as `CallClaims.take`."""

    def elsewhere(self, requests: Mapping[str, Any], verb: str) -> dict[str, Any]:
        """Replies to calls that another process makes, by key, once they are there."""

    def take_in(self, missing: Mapping[str, Any], replies: Iterable[Any]) -> dict[str, Any]:
        """Count and keep the replies to the missing calls of a wave, by key."""

    def let_go(self) -> None:
        """Claim no calls any more that nobody takes in."""

    def out_of_budget(self) -> BudgetError:
        """Why no further call starts."""
