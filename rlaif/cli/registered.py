"""Options whose values are names in a registry, which other packages add to."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem


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


class Known(click.types.StringParamType):
    """Any text; the shell completes it by names, or beginnings of names, that a registry has when it asks."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin so, and whatever files the shell finds: a directory may be a model."""
        names = [each for each in self._names() if each.startswith(incomplete)]
        return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]
