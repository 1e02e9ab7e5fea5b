"""`--help`: options under headings, and examples at the end that the command line takes."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from rlaif.cli.command import GROUPS, Command, Explained
from rlaif.cli.main import cli
from rlaif.cli.options import option


def commands(command: click.Command = cli, path: str = "rlaif") -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


ALL = dict(commands())
EXAMPLES = [
    (path, line.replace("\\\n", " "))
    for path, command in ALL.items()
    if isinstance(command, Explained)
    for line in command.examples
]


@click.command(cls=Command, examples=["tool one --size 3", "tool two \\\n      --json"])
@click.argument("place", required=False)
@option("--json", "as_json", is_flag=True, group="Run", help="As JSON.")
@option("--size", type=int, help="How large.")
@option("--judge", group="Judging", help="Who judges.")
@option("--odd", group="Oddities", help="Something else.")
def tool(**_: Any) -> None:
    """Do it."""


def test_options_stand_under_headings_in_a_fixed_order_and_examples_come_last() -> None:
    shown = CliRunner().invoke(tool, ["--help"]).output
    places = [
        shown.index(each)
        for each in (
            "Options:", "--size", "Judging:", "--judge", "Oddities:", "--odd",
            "Run:", "--json", "--help", "Examples:", "  tool one --size 3\n", "  tool two \\\n        --json\n",
        )
    ]  # fmt: skip
    assert places == sorted(places)
    assert shown.count("PLACE") == 1


@pytest.mark.parametrize("path", ALL)
def test_every_help_ends_with_at_least_two_examples(path: str) -> None:
    command = ALL[path]
    assert isinstance(command, Explained)
    assert len(command.examples) >= 2
    assert any(path in line for line in command.examples)
    shown = CliRunner().invoke(cli, [*path.split()[1:], "--help"]).output
    assert shown.rstrip().endswith(command.examples[-1].splitlines()[-1].strip())


@pytest.mark.parametrize(("path", "line"), EXAMPLES, ids=[line[:60] for _, line in EXAMPLES])
def test_an_example_is_taken_by_the_command_line(
    path: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the files of an example are the user's; what they hold is another test's matter
    monkeypatch.setattr(click.Path, "convert", lambda self, value, *_: Path(value))
    for words in _parts(line):
        command: click.Command = cli
        context = click.Context(cli, info_name="rlaif")
        while words and words[0] in getattr(command, "commands", {}):
            command = getattr(command, "commands")[words.pop(0)]  # noqa: B009
        with contextlib.suppress(click.exceptions.Exit):  # answered at once, as `rlaif run` alone
            command.make_context(path, words, parent=context)


def _parts(line: str) -> Iterator[list[str]]:
    reader = shlex.shlex(line.replace('"$(', "").replace(')"', ""), posix=True, punctuation_chars="|&;")
    reader.whitespace_split = True
    part: list[str] = []
    for word in [*reader, "&&"]:
        if set(word) <= set("|&;"):
            if "rlaif" in part:
                yield part[part.index("rlaif") + 1 :]
            part = []
        else:
            part.append(word)


def test_the_headings_are_used() -> None:
    used = {getattr(each, "group", None) for command in ALL.values() for each in command.params}
    assert set(GROUPS) - {"Options"} <= used


@pytest.mark.parametrize(
    "path", [path for path, each in ALL.items() for own in each.params if own.name == "out" and own.required]
)
def test_a_required_option_that_is_missing_is_a_usage_error(path: str, tmp_path: Path) -> None:
    there = tmp_path / "file"
    there.write_text("")
    arguments = [
        str(next(iter(each.type.choices))) if isinstance(each.type, click.Choice) else str(there)
        for each in ALL[path].params
        if isinstance(each, click.Argument)
    ]
    done = CliRunner().invoke(cli, [*path.split()[1:], *arguments])
    assert (done.exit_code, type(done.exception)) == (2, SystemExit)
    assert "Missing option '--" in done.output


def test_the_commands_that_write_require_their_place() -> None:
    required = {
        path for path, each in ALL.items() for own in each.params if own.name == "out" and own.required
    }
    assert {"rlaif generate", "rlaif judge", "rlaif run", "rlaif export", "rlaif import"} <= required
