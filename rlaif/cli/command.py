"""Commands whose `--help` groups the options by what they are about and ends with examples that run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

OWN = "Options"
GROUPS = (OWN, "Prompts", "Sampling", "Judging", "Models", "Run")
"""The headings of `--help`, in this order; a group that is not listed stands before `Run`."""


class Explained(click.Command):
    """Prints grouped options, and `examples` (each one command line) as the last section."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.examples = tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section for each group of options."""
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in GROUPS[:-1]}
        for each in self.get_params(ctx):
            # arguments are in the usage line, and explained in the text
            record = each.get_help_record(ctx) if isinstance(each, click.Option) else None
            if record is not None:
                groups.setdefault(group_of(each), []).append(record)
        last = groups.pop(GROUPS[-1], [])
        for name, rows in [*groups.items(), (GROUPS[-1], last)]:
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for line in "\n".join(self.examples).splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")


class Command(Explained):
    """A command with grouped options and examples."""


class CommandGroup(Explained, click.Group):
    """A group of commands, each of them a `Command` unless it says otherwise."""

    command_class = Command

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order in which they were added."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        Explained.format_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def group_of(parameter: click.Parameter) -> str:
    """The heading under which an option stands: its own `group`, `Run` for `--help`, else `Options`."""
    if {"--help", "--version"} & set(parameter.opts):
        return GROUPS[-1]
    return getattr(parameter, "group", None) or OWN
