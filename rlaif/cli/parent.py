"""A command with further commands below it: `rlaif judge RUN` and `rlaif judge check`."""

from __future__ import annotations

from typing import Any

import click


class Parent(click.Command):
    """Runs itself, unless its first word is the name of one of `commands`. A path of that name is written `./name`."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.commands: dict[str, click.Command] = {}

    def add_command(self, command: click.Command) -> None:
        """Put a command below this one, by its own name."""
        self.commands[str(command.name)] = command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The context of the command that `args` name: its own, or one below."""
        below = self.commands.get(args[0]) if args else None
        if below is not None:
            return below.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands below."""
        with formatter.section("Commands below"):
            formatter.write_dl([(name, each.get_short_help_str(80)) for name, each in self.commands.items()])
        super().format_epilog(ctx, formatter)
