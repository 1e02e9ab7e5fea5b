"""How workflows tell how far they are: a function that the caller gives, silent by default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalls:
    """What one model was asked in a command, so far."""

    new: int = 0
    reused: int = 0
    """Calls that the store held."""
    failed: int = 0
    """Of the new ones: without a reply."""
    cut: int = 0
    """Of the new ones: texts that ran out of tokens."""
    tokens: int = 0
    """Sent and received, of the new ones."""
    money: float | None = None
    """What the new ones cost; None where the model has no price."""
    reason: str = ""
    """Why most of the failed ones failed."""


class Report(Protocol):
    """Called with what is being done, how much of it is done, and how much there is.

    Of the calls of a model nobody knows how many there will be (`total` is None), and `asked` tells what they were; of
    the steps of a training `figures` are those of the last one.
    """

    def __call__(
        self,
        what: str,
        done: int,
        total: int | None,
        /,
        *,
        asked: ModelCalls | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Take it in."""


def silent(
    what: str,
    done: int,
    total: int | None,
    /,
    *,
    asked: ModelCalls | None = None,
    figures: Mapping[str, float] | None = None,
) -> None:
    """Report nothing: the default listener to progress."""


Ready = Callable[[], None]
"""Called once all is checked, before anything is asked."""


def at_once() -> None:
    """Wait for nothing: the default of who is told that a workflow is ready."""
