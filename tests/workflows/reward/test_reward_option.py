"""`reward` as an option: one form for recipes, the command line and Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from rlaif.cli.generated import given, settings
from rlaif.errors import RecipeError
from rlaif.settings import json_schema, options, values_of
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.reward_option import read_reward, reward_setting

TWO = [{"judge": "micro"}, {"model": "rm", "weight": 0.5}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """As a train method has it."""

    reward: Any = reward_setting()


def chosen(*arguments: str) -> Any:
    """What a command's configuration gets of its command line."""
    found: list[dict[str, Any]] = []

    @click.command()
    @settings(Trained)
    def command(**said: Any) -> None:
        found.append(given(Trained, said))

    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return found[0].get("reward")


def test_a_part_is_written_in_short_and_given_again_for_each_further_one() -> None:
    found = chosen("--reward", "judge=micro,protocol=checklist", "--reward", "model=models/rm,weight=.5")
    assert found == ({"judge": "micro", "protocol": "checklist"}, {"model": "models/rm", "weight": 0.5})
    assert chosen() is None


def test_a_comma_inside_a_value_is_one() -> None:
    assert read_reward("judge=a,b,weight=2") == {"judge": "a,b", "weight": 2}


@pytest.mark.parametrize(
    "text",
    [
        "- judge: micro\n- {model: rm, weight: 0.5}\n",
        "parts:\n  - judge: micro\n  - {model: rm, weight: 0.5}\n",
    ],
)
def test_a_yaml_file_is_the_whole(text: str, tmp_path: Path) -> None:
    file = tmp_path / "reward.yaml"
    file.write_text(text)
    assert reward_parts(chosen("--reward", str(file)), "x") == reward_parts(TWO, "x")


def test_a_file_beside_other_parts_is_one_of_them(tmp_path: Path) -> None:
    file = tmp_path / "reward.yaml"
    file.write_text("{parts: [{model: a}, {model: b}], together: min}")
    found = reward_parts(chosen("--reward", str(file), "--reward", "judge=micro"), "x")
    assert [each.name for each in found.parts] == ["a+b", "micro"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("micro", "is no reward; write judge=NAME"),
        ("=3", "'=3' is not NAME=VALUE"),
        ("none.yaml", "none.yaml: cannot be read"),
    ],
)
def test_what_is_neither_is_refused(text: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        read_reward(text)


def test_a_file_that_is_wrong_is_told_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "reward.yaml"
    file.write_text("- {judge: micro, wieght: 2}\n")
    with pytest.raises(RecipeError, match=r"reward.yaml: reward\[0\] has unknown key 'wieght'"):
        read_reward(str(file))


def test_a_recipe_keeps_what_it_says_and_its_schema_knows_the_form() -> None:
    [option] = options(Trained)
    assert option.default is None
    assert json_schema(Trained)["properties"]["reward"]["items"]["properties"]["judge"]["type"] == "string"
    assert values_of(Trained, {"reward": TWO}) == {"reward": tuple(TWO)}
    assert reward_parts(tuple(TWO), "x") == reward_parts(TWO, "x")
