"""A command with further commands below it: `rlaif judge RUN` and `rlaif judge check`."""

from __future__ import annotations

from typing import Any

import click

from rlaif.cli.command import Command


class Parent(Command):
    """Runs itself, unless its first word is the name of one of `commands`. A path of that name is written `./name`."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._commands: dict[str, click.Command] = {}

    @property
    def commands(self) -> dict[str, click.Command]:
        """The commands below, by name."""
        return self._commands

    def add_command(self, command: click.Command) -> None:
        """Put a command below this one, by its own name."""
        self._commands[str(command.name)] = command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command that `args` name: its own, or one below."""
        below = self.get_command(click.Context(self), args[0]) if args else None
        if below is not None:
            return below.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands below, as a `click.Group` gives them."""
        return sorted(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command below of that name, or None."""
        return self.commands.get(cmd_name)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands below."""
        super().format_options(ctx, formatter)
        with formatter.section("Commands below"):
            formatter.write_dl([(name, each.get_short_help_str(80)) for name, each in self.commands.items()])
