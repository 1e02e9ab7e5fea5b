from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.train_step import train_step
from rlaif.workflows.training.alarm.option import AlarmSpec, alarm_spec, read_alarm

REWARD = [{"judge": "judge"}]


@pytest.mark.parametrize("word", ["warn", "stop", "back"])
def test_a_word_is_what_follows_when_it_rings(word: str) -> None:
    assert alarm_spec(word, "train") == AlarmSpec(do=word)  # type: ignore[arg-type]
    assert read_alarm(word) == word


def test_a_mapping_says_what_is_looked_at() -> None:
    given = {"do": "stop", "judge": "other", "every": 5, "kl": 20, "ensemble": ["a", "b"]}
    found = alarm_spec(given, "train")
    assert found == AlarmSpec(do="stop", judge="other", every=5, kl=20, ensemble=("a", "b"))
    assert found is not None
    assert found.limits.kl == 20
    assert found.names == ("other", "a", "b")


def test_the_command_line_says_the_same_in_one_word() -> None:
    said = read_alarm("do=back,judge=micro,every=5,kl=20,ensemble=reward:a+reward:b")
    assert said == {
        "do": "back",
        "judge": "micro",
        "every": 5,
        "kl": 20,
        "ensemble": ["reward:a", "reward:b"],
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("ring", "alarm"),
        ({"do": "halt"}, "do"),
        ({"judg": "micro"}, "did you mean 'judge'"),
        ({"every": 0}, "every"),
        ({"count": 2}, "count"),
        ({"kl": -1}, "kl"),
        ({"ensemble": ["one"]}, "two or more can disagree"),
        ({"protocol": "score"}, "name one: judge"),
        (3, "it must be warn, stop, back"),
    ],
)
def test_what_cannot_be_an_alarm_is_refused_with_its_key(value: Any, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        alarm_spec(value, "recipe.yaml:7")


@pytest.mark.parametrize(
    "method", ["dpo", "sft", "distill", "thumbs", "grpo", "rloo", "ppo", "raft", "online-dpo"]
)
def test_every_training_of_a_policy_takes_an_alarm(method: str) -> None:
    own: dict[str, Any] = (
        {"reward": REWARD} if method in ("grpo", "rloo", "ppo", "raft", "online-dpo") else {}
    )
    step = train_step(method, alarm="stop", **own)
    assert step.options.alarm == "stop"
    assert step.as_dict()["alarm"] == "stop"


@pytest.mark.parametrize("method", ["reward", "judge"])
def test_a_training_of_anything_else_refuses_it_and_says_why(method: str) -> None:
    with pytest.raises(
        RecipeError, match=f"alarm looks at the answers of a policy that trains, and {method} trains"
    ):
        train_step(method, alarm="stop")


def test_a_step_without_an_alarm_has_the_key_that_it_always_had() -> None:
    assert "alarm" not in train_step("dpo").as_dict()
