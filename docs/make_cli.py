"""Writes docs/cli.md from the commands themselves; `--check` says whether it is up to date."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from rlaif.cli.command import GROUPS, Explained, group_of
from rlaif.cli.main import cli
from rlaif.cli.options import EnvOption

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# Commands

Written by `make docs` from the commands themselves; do not edit.

Results go to stdout, progress and messages to stderr. Each option can be set by the variable beside it, or by
the one that also names the command (`RLAIF_GENERATE_SEED` before `RLAIF_SEED`).

Exit codes: 0 done; 1 stopped on the way, the same command resumes; 2 bad input or usage; 3 a threshold is not
met; 130 interrupted.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(section for section in _sections(cli, "rlaif"))])


def _sections(command: click.Command, path: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield from _section(command, path)
    for name, below in sorted(getattr(command, "commands", {}).items()):
        yield from _sections(below, f"{path} {name}")


def _section(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    arguments = " ".join(
        each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)
    )
    yield f"## {path} {arguments}".rstrip() + "\n"
    yield _help(command) + "\n"
    rows = [each for each in command.params if isinstance(each, EnvOption)]
    if rows:
        yield (
            "\n".join(["| option | default | variable | |", "|---|---|---|---|", *_table(rows, context)])
            + "\n"
        )
    if isinstance(command, Explained) and command.examples:
        yield "\n".join(["```", *command.examples, "```"]) + "\n"


def _table(options: Sequence[EnvOption], context: click.Context) -> Iterator[str]:
    """One row for each option, those of a group together under its name, in the order of `--help`."""
    groups: dict[str, list[str]] = {}
    for each in options:
        groups.setdefault(group_of(each), []).append(_row(each, context))
    for name in sorted(groups, key=lambda name: GROUPS.index(name) if name in GROUPS else len(GROUPS) - 1.5):
        if len(groups) > 1:
            yield f"| **{name}** | | | |"
        yield from groups[name]


def _help(command: click.Command) -> str:
    parts = []
    for block in inspect.cleandoc(command.help or "").split("\n\n"):
        if block.startswith("\b\n"):
            parts.append("```\n" + block.removeprefix("\b\n") + "\n```")
        else:
            parts.append(block)
    return "\n\n".join(parts)


def _row(option: EnvOption, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if not option.is_flag:
        names += f" {option.make_metavar(context)}".replace("|", "\\|")
    default = option.usual or option.to_info_dict().get("default")
    shown = (
        ""
        if default in (None, False, ()) or not (option.usual or option.show_default)
        else f"`{default}`".lower()
    )
    needed = " (needed)" if option.required else ""
    return f"| {names} | {shown} | `RLAIF_{option.word}` | {option.told}{needed} |"


def main() -> int:
    """Write the page, or compare it."""
    if "--check" in sys.argv[1:]:
        return int(PAGE.read_text(encoding="utf-8") != page())
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
