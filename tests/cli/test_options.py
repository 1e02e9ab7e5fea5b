"""Every option can come from the environment, and the command line wins."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import rlaif
from rlaif.cli import options
from rlaif.cli.generated import settings
from rlaif.cli.main import cli
from rlaif.cli.options import EnvOption
from rlaif.cli.parent import Parent
from rlaif.workflows.configs import ModelOptions


def asked(*decorators: object, env: dict[str, str], arguments: tuple[str, ...] = ()) -> dict[str, object]:
    seen: dict[str, object] = {}

    @click.group()
    def rlaif() -> None: ...

    def command(**values: object) -> None:
        seen.update(values)

    for each in decorators:
        command = each(command)  # type: ignore[operator]
    rlaif.add_command(click.command("make")(command))
    done = CliRunner().invoke(rlaif, ["make", *arguments], env=env, prog_name="rlaif")
    assert done.exit_code == 0, done.output
    return seen


@pytest.mark.parametrize(
    ("env", "arguments", "seed"),
    [
        ({}, (), 0),
        ({"RLAIF_SEED": "3"}, (), 3),
        ({"RLAIF_SEED": "3", "RLAIF_MAKE_SEED": "4"}, (), 4),
        ({"RLAIF_SEED": "3"}, ("--seed", "5"), 5),
        ({"RLAIF_SEED": ""}, (), 0),
    ],
)
def test_the_nearer_source_wins(env: dict[str, str], arguments: tuple[str, ...], seed: int) -> None:
    assert asked(options.seed, env=env, arguments=arguments)["seed"] == seed


def test_a_flag_and_its_negation_come_from_the_environment() -> None:
    flag = options.option("--critique/--no-critique", default=True)
    assert asked(flag, env={"RLAIF_CRITIQUE": "0"})["critique"] is False
    assert asked(options.as_json, env={"RLAIF_JSON": "1"})["as_json"] is True


def test_a_repeatable_option_takes_several_words() -> None:
    assert asked(options.option("--policy", multiple=True), env={"RLAIF_POLICY": "a b"})["policy"] == (
        "a",
        "b",
    )


def test_template_arguments_are_values_not_only_words() -> None:
    given = asked(
        settings(ModelOptions), env={}, arguments=("--chat-template-kwargs", "enable_thinking=false")
    )
    assert given["chat_template_kwargs"] == {"enable_thinking": False}


def every_option() -> Iterator[tuple[str, EnvOption]]:
    def walk(command: click.Command, path: str) -> Iterator[tuple[str, EnvOption]]:
        if isinstance(command, click.Group | Parent):
            for name, each in command.commands.items():
                yield from walk(each, f"{path} {name}")
        yield from ((path, each) for each in command.params if isinstance(each, EnvOption))

    return walk(cli, "rlaif")


@pytest.mark.parametrize(
    ("path", "each"), list(every_option()), ids=lambda value: getattr(value, "name", value)
)
def test_every_option_of_every_command_reads_its_variable(
    path: str, each: EnvOption, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = click.Context(cli, info_name="rlaif")
    context = parent
    for name in path.split()[1:]:
        context = click.Context(context.command.commands[name], info_name=name, parent=context)  # type: ignore[attr-defined]
    for variable in each.env_names(context.command_path):
        monkeypatch.setenv(variable, "seen")
        assert each.resolve_envvar_value(context) == "seen"
        monkeypatch.delenv(variable)


def test_messages_name_options_that_there_are() -> None:
    known = {said for _, option in every_option() for said in (*option.opts, *option.secondary_opts)}
    named = {
        (said, path.name)
        for path in Path(rlaif.__file__).parent.rglob("*.py")
        for said in re.findall(r"(?<!var)\((--[a-z][a-z-]+)[ )]", path.read_text(encoding="utf-8"))
    }
    assert len(named) >= 10
    assert {each for each in named if each[0] not in known} == set()
