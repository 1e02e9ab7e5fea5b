"""Options whose values are names in a registry, which other packages add to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click


class Registered(click.Choice[str]):
    """One of the names that a registry has when the command runs, in alphabetical order.

    The names are asked for at the first use: a command that does not have the option pays nothing for it.
    """

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        super().__init__(())
        self._names = names

    @property
    def choices(self) -> tuple[str, ...]:
        """The names."""
        return tuple(sorted(self._names()))

    @choices.setter
    def choices(self, _: Iterable[str]) -> None:
        """Take none: `click.Choice` sets them once for all when it is made."""
