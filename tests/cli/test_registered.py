"""Options whose values are names in a registry: names that come later are in help, completion and messages too."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from rlaif.cli.generated import given, settings
from rlaif.settings import setting

NAMES = ["compare", "score"]


def _pair(text: str) -> tuple[str, int]:
    name, _, number = text.partition(">")
    return name, int(number)


@dataclass(frozen=True, kw_only=True)
class Config:
    protocol: str = setting("compare", help="How.", names=lambda: NAMES, metavar="NAME")
    judge: str | None = setting(None, help="Who.", known=lambda: NAMES)
    policy: tuple[str, ...] = setting((), help="Writers.", repeated=True)
    above: dict[str, int] = setting(default_factory=dict, help="Limits.", repeated=True, read=_pair)
    gold: bool = setting(False, help="By gold too.")


@click.command()
@settings(Config)
def command(**chosen: object) -> None:
    click.echo(repr(Config(**given(Config, chosen))))


@pytest.fixture
def later() -> Iterator[None]:
    NAMES.append("mine")
    yield
    NAMES.remove("mine")


def said(*words: str) -> str:
    return CliRunner().invoke(command, words).output


@pytest.mark.usefixtures("later")
def test_a_name_that_is_registered_later_is_taken_and_in_help() -> None:
    assert "protocol='mine'" in said("--protocol", "mine")
    assert said("--help").count("Known: compare, score, mine.") == 2


def test_a_name_that_is_not_registered_is_answered_with_those_that_are() -> None:
    assert "'mine' is not one of 'compare', 'score'" in " ".join(said("--protocol", "mine").split())


def test_where_names_only_begin_so_any_text_is_taken() -> None:
    assert "judge='hf:models/x'" in said("--judge", "hf:models/x")


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize("option", ["--protocol", "--judge"])
def test_the_shell_completes_by_the_names(option: str) -> None:
    found = ShellComplete(command, {}, "command", "_COMPLETE").get_completions([option], "mi")
    assert "mine" in [each.value for each in found]


def test_an_option_that_is_repeated_keeps_commas_and_order() -> None:
    assert "policy=('b,c', 'a')" in said("--policy", "b,c", "--policy", "a")


def test_a_text_with_a_grammar_of_its_own_is_read_by_the_field() -> None:
    assert "above={'x': 1, 'y': 2}" in said("--above", "x>1", "--above", "y>2")
    assert "Invalid value for '--above'" in said("--above", "x>one")


def test_what_is_not_given_is_the_default_of_the_field() -> None:
    assert said().strip() == repr(Config())


def test_a_switch_that_is_off_has_no_negation() -> None:
    assert "gold=True" in said("--gold")
    assert "--no-gold" not in said("--help")
