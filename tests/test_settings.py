"""Settings: one spelling of an option; its schema and its command-line option say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import click
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from rlaif.cli.generated import given, settings
from rlaif.settings import Setting, json_schema, options, plain, setting, values_of


@dataclass(frozen=True, kw_only=True)
class Config:
    out: str = "inner"  # no setting: nobody's option
    beta: float | None = setting(None, help="Pull.", above=0)
    n: int = setting(4, help="How many.", least=1)
    share: float = setting(0.0, help="Share.", least=0, below=1)
    kind: Literal["soft", "hard"] = setting("soft", help="Kind.")
    on: bool = setting(False, help="Switch.")
    lora: bool | int = setting(False, help="Adapter.", least=1)
    heads: tuple[str, ...] = setting((), help="Names.")
    shares: tuple[float, ...] = setting((0.5,), help="Shares.")
    stop: Mapping[str, float] = setting(
        default_factory=dict, help="Limits.", keys={"kl": Setting(help="", above=0)}
    )
    loop: Mapping[str, Any] = setting(default_factory=dict, help="Anything.")


def fits(values: dict[str, Any]) -> bool:
    return bool(Draft202012Validator(json_schema(Config)).is_valid(values))


@pytest.mark.parametrize(
    ("values", "right"),
    [
        ({"beta": 0.1}, True),
        ({"beta": 0}, False),
        ({"n": 1}, True),
        ({"n": 0}, False),
        ({"n": 1.5}, False),
        ({"share": 0}, True),
        ({"share": 1}, False),
        ({"kind": "hard"}, True),
        ({"kind": "other"}, False),
        ({"on": True}, True),
        ({"lora": True}, True),
        ({"lora": 8}, True),
        ({"lora": 0}, False),
        ({"heads": ["a"]}, True),
        ({"heads": "a"}, False),
        ({"shares": [0, 0.7]}, True),
        ({"shares": ["0.7"]}, False),
        ({"stop": {"kl": 5}}, True),
        ({"stop": {"kl": 0}}, False),
        ({"stop": {"other": 5}}, False),
        ({"loop": {"schedule": "wsd"}}, True),
        ({"out": "x"}, False),
    ],
)
def test_the_schema_holds_kind_and_bounds(values: dict[str, Any], right: bool) -> None:
    assert fits(values) is right


def test_a_number_is_one_value_however_it_is_written() -> None:
    found = values_of(Config, {"beta": 1, "heads": ["a"], "stop": {"kl": 5}, "n": 2, "shares": [0, 1]})
    assert found == {"beta": 1.0, "heads": ("a",), "stop": {"kl": 5.0}, "n": 2, "shares": (0.0, 1.0)}
    assert isinstance(found["beta"], float)
    assert all(isinstance(each, float) for each in found["shares"])
    assert isinstance(found["stop"]["kl"], float)


def test_what_a_value_must_be_is_said_in_words() -> None:
    wanted = {each.name: each.wanted for each in options(Config)}
    assert wanted["beta"] == "a number above 0"
    assert wanted["n"] == "a whole number, 1 or above"
    assert wanted["share"] == "a number from 0 to below 1"
    assert wanted["kind"] == "one of soft, hard"


@click.command()
@settings(Config)
def command(**chosen: Any) -> None:
    click.echo(repr(given(Config, chosen)))


def called(*words: str) -> str:
    return CliRunner().invoke(command, list(words)).output.strip()


def test_what_was_not_given_is_not_there() -> None:
    assert called() == "{}"


def test_each_kind_is_read_as_its_own() -> None:
    assert called("--beta", "0.1", "--n", "2", "--on", "--lora", "8") == repr(
        {"beta": 0.1, "n": 2, "on": True, "lora": 8}
    )
    assert called("--heads", "a, b") == repr({"heads": ("a", "b")})
    assert called("--shares", "0, 0.7") == repr({"shares": (0.0, 0.7)})


def test_name_value_has_one_grammar() -> None:
    assert called("--loop", "a=1,b=x", "--loop", "c=false") == repr({"loop": {"a": 1, "b": "x", "c": False}})
    assert called("--loop", "a=x,y") == repr({"loop": {"a": "x,y"}})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--beta", "0"], "0"),
        (["--stop", "other=1"], "known: kl"),
        (["--stop", "kl=0"], "0"),
        (["--stop", "kl=yes"], "must be a number"),
        (["--loop", "plain"], "is not NAME=VALUE"),
        (["--kind", "other"], "'soft', 'hard'"),
        (["--shares", "0,x"], "are no numbers between commas"),
    ],
)
def test_what_the_schema_refuses_the_command_refuses(words: list[str], told: str) -> None:
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 2
    assert told in done.output


def test_help_says_the_default_once() -> None:
    shown = CliRunner().invoke(command, ["--help"]).output
    assert re.search(r"How many\.\s+\[default: 4[;\]]", shown)
    assert "Pull." in shown


def _two(text: str) -> tuple[str, ...]:
    if len(found := text.split()) != 2:
        raise ValueError(f"{text!r} is not two words")
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Part:
    switch: bool | None = setting(None, help="Switch.")
    room: int | None = setting(None, help="Room.", least=1)
    marks: tuple[str, ...] | None = setting(None, help="Marks.", read=_two, metavar="'A B'")
    apart: str | None = setting(None, help="Not here.")


@dataclass(frozen=True, kw_only=True)
class Whole:
    n: int = setting(4, help="How many.")
    late: int | None = setting(None, help="Later.", late=True)
    judge: Part | None = setting(None, help="Of the judge.", prefix="judge", without=("apart",))


def parsed(*arguments: str) -> Whole | str:
    seen: list[Whole] = []

    @click.command()
    @settings(Whole)
    def command(**chosen: Any) -> None:
        seen.append(Whole(**given(Whole, chosen)))

    done = CliRunner().invoke(command, arguments)
    return seen[0] if seen else done.output


def test_a_field_that_is_a_configuration_has_options_with_its_word_before_them() -> None:
    assert parsed() == Whole()
    found = parsed("--judge-switch", "--judge-room", "3", "--judge-marks", "<a> </a>", "--n", "2")
    assert found == Whole(n=2, judge=Part(switch=True, room=3, marks=("<a>", "</a>")))
    assert parsed("--no-judge-switch") == Whole(judge=Part(switch=False))
    assert "'x' is not two words" in str(parsed("--judge-marks", "x"))
    assert "No such option" in str(parsed("--judge-apart", "x"))
    assert "0 is not in the range" in str(parsed("--judge-room", "0"))


def test_in_a_schema_it_is_a_mapping_of_those_options_and_no_others() -> None:
    rules = Draft202012Validator(json_schema(Whole))
    assert rules.is_valid({"judge": {"room": 3, "switch": False}})
    assert not rules.is_valid({"judge": {"apart": "x"}})
    assert not rules.is_valid({"judge": {"room": 0}})
    assert values_of(Whole, {"judge": {"marks": ["a", "b"]}}) == {"judge": Part(marks=("a", "b"))}


def test_an_option_that_came_late_is_in_a_digest_only_where_it_is_set() -> None:
    assert plain(Whole()) == {"n": 4, "judge": None}
    assert plain(Whole(late=3)) == {"n": 4, "judge": None, "late": 3}
