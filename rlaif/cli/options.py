"""Options that are no configuration's and that several commands share; each can also come from the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

PREFIX = "RLAIF"
Command = TypeVar("Command", bound=Callable[..., Any])


class EnvOption(click.Option):
    """An option that `RLAIF_<COMMAND>_<OPTION>`, else `RLAIF_<OPTION>`, sets when it is not given.

    `group` is the heading under which `--help` lists it (`rlaif.cli.command.GROUPS`); None: the command's own options.
    `usual` is the value that holds where none is given, for an option that is None then. `known` are names that
    `--help` lists: they are asked for when it is printed.
    """

    def __init__(
        self,
        *args: Any,
        group: str | None = None,
        usual: str | None = None,
        known: Callable[[], Iterable[str]] | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(*args, **attributes)
        self.group, self.usual, self.known = group, usual, known
        self.inherits = False
        """Whether the variable that names the command above sets it too: `RLAIF_TRAIN_STEPS` that of `train dpo`."""

    @property
    def word(self) -> str:
        """The option's name in a variable: `MAX_TOKENS` for `--max-tokens`; of `--critique/--no-critique` the first."""
        return next(opt for opt in self.opts if opt.startswith("--")).lstrip("-").replace("-", "_").upper()

    @property
    def told(self) -> str:
        """The help text, with the names that are known."""
        return f"{self.help} Known: {', '.join(self.known())}." if self.known else self.help or ""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Names and help text, as `--help` shows them."""
        record = super().get_help_record(ctx)
        return record and (record[0], record[1].replace(self.help or "", self.told, 1))

    def get_help_extra(self, ctx: click.Context) -> Any:
        """What stands in brackets: the default and the bounds."""
        extra = super().get_help_extra(ctx)
        if self.usual is not None:
            extra["default"] = self.usual
        return extra

    def env_names(self, command_path: str) -> list[str]:
        """The variables that set this option, the more specific first."""
        words = command_path.replace("-", "_").upper().split()[1:]
        paths = [words, words[:-1]] if self.inherits else [words]
        return [*("_".join([PREFIX, *path, self.word]) for path in paths), f"{PREFIX}_{self.word}"]

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """The first of `env_names` that is set and not empty."""
        values = (os.environ.get(name) for name in self.env_names(ctx.command_path))
        return next((value for value in values if value), None)


def option(*names: str, group: str | None = None, **attributes: Any) -> Callable[[Command], Command]:
    """A `click.option` that the environment can set too, listed by `--help` under the heading `group`."""
    return click.option(*names, cls=EnvOption, group=group, **attributes)


def together(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several options as one decorator, shown in the order given."""

    def decorate(command: Command) -> Command:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


as_json = option("--json", "as_json", is_flag=True, group="Run", help="Print one JSON object.")
full = option(
    "--full",
    is_flag=True,
    group="Run",
    help="At the end show every figure and every warning, not a dozen lines.",
)
seed = option(
    "--seed", type=int, default=0, show_default=True, group="Run", help="Seed of all random numbers."
)
store = option(
    "--store",
    type=click.Path(path_type=Path),
    group="Run",
    help="Store file [default: searched upward from --out].",
)
dry_run = option(
    "--dry-run",
    is_flag=True,
    group="Run",
    help="Check all files and print the plan: calls, tokens and price. Calls no model.",
)
show_prompt = option(
    "--show-prompt",
    is_flag=True,
    group="Run",
    help="Print the first prompt that the judge would get, and stop.",
)


def out(required: bool = True) -> Callable[[Command], Command]:
    """`--out DIR`."""
    return option("--out", type=click.Path(path_type=Path), required=required, help="Directory to write.")


prices = option(
    "--prices",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    group="Run",
    help="Price table [default: the shipped one; see `rlaif prices`].",
)
