"""A train step: keys and digests never change for what was always there; the schema knows each method's options."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rlaif.errors import RecipeError
from rlaif.hashing import digest
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.train_step import TrainStep, train_step, train_step_schema
from rlaif.workflows.training.methods import METHODS

RECIPES = {
    "ai-feedback": "b2:144c89551b53938bccdef299ac42e1a0",
    "best-of-n": "b2:9aa821222e3776a7c3cffd863dab481e",
    "reward-model": "b2:2f83d46c6416e485920a8b6cbd3e6660",
    "self-rewarding": "b2:4c81ceb136168d8459021618cd0b5635",
    "smoke": "b2:4322a53adb557eb5e360661af4bdf3e2",
}
DPO = {
    "loss": "soft:0.8,nll:0.2",
    "beta": 0.3,
    "reference": "init",
    "replay": {"judge": 0.1},
    "replay_from": "x.jsonl",
    "nll": 0.1,
    "steps": 3,
    "batch_size": 4,
    "learning_rate": 1e-4,
    "lora": True,
    "loss_options": {"gamma": 1.0},
    "wpo": True,
    "held_out_pairs": 0.1,
    "stop": {"kl": 5.0},
    "loop": {"schedule": "wsd"},
}
REWARD = {
    "loss": "sigmoid",
    "margin": 0.5,
    "centering": 0.01,
    "heads": ("a", "b"),
    "held_out_pairs": 0.1,
    "stop": {"margin": 5.0},
    "epochs": 2.0,
    "lora": 8,
}
STEPS: list[tuple[str, dict[str, Any], str]] = [
    ("dpo", {}, "b2:38e4775604d6c0908b4c2df94172e721"),
    ("dpo", DPO, "b2:c952cc5616420650e631e370d9d80d1c"),
    ("reward", {}, "b2:337a278e50873828677feef9bb73af28"),
    ("reward", REWARD, "b2:7a3d5a05d46a3fe03776e68254b9a87f"),
    ("sft", {}, "b2:ef36a68d16a757fad1ca442c715a7b35"),
    ("sft", {"learn": "good-bad", "steps": 5}, "b2:bc22f95f2e124bba1585618ecc09c225"),
    ("judge", {}, "b2:59a9ef3322e2bd3c4d918daad164da98"),
    (
        "judge",
        {"via": "dpo", "beta": 0.2, "labels": "hard", "loss": "sigmoid"},
        "b2:733ac3f4e59be23abb01194db5cd742e",
    ),
]
"""As of version 53e3bbf, whose steps spelled out the options of all methods."""


@pytest.mark.parametrize(("method", "given", "key"), STEPS)
def test_a_step_has_the_key_that_it_always_had(method: str, given: dict[str, Any], key: str) -> None:
    step = TrainStep(method=method, options=METHODS.get(method).options(**given))
    assert digest("step", step.as_dict()) == key


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_has_the_digest_that_it_always_had(name: str) -> None:
    assert load_recipe(name).digest == RECIPES[name]


def valid(**entry: Any) -> bool:
    return bool(Draft202012Validator(train_step_schema()).is_valid({"step": "train", **entry}))


@pytest.mark.parametrize(
    ("entry", "right"),
    [
        ({}, True),
        ({"beta": 0.1}, True),
        ({"method": "dpo", "replay": {"judge": 0.2}}, True),
        ({"method": "dpo", "centering": 0.1}, False),
        ({"method": "reward", "centering": 0.1}, True),
        ({"method": "reward", "beta": 0.1}, False),
        ({"method": "sft", "learn": "good-bad"}, True),
        ({"method": "sft", "learn": "all"}, False),
        ({"method": "judge", "via": "dpo", "beta": 0.1}, True),
        ({"method": "judge", "replay": {"judge": 0.2}}, False),
        ({"method": "nash-md"}, False),
        ({"as": "scorer"}, False),
    ],
)
def test_the_schema_takes_the_methods_own_options_and_no_others(entry: dict[str, Any], right: bool) -> None:
    assert valid(**entry) is right


def test_further_keys_of_a_step_stand_beside_each_methods_own() -> None:
    schema = Draft202012Validator(train_step_schema({"as": {"type": "string"}}))
    assert schema.is_valid({"step": "train", "method": "reward", "as": "scorer"})
    assert not schema.is_valid({"step": "train", "method": "reward", "as": 1})


@pytest.mark.parametrize(
    ("method", "given", "said"),
    [
        (
            "reward",
            {"beta": 0.1},
            "here: beta is not used by method reward, but by dpo, grpo, judge, online-dpo, ppo, rloo, thumbs; remove",
        ),
        ("dpo", {"rpo_alpha": 0.1}, "here: 'rpo_alpha' is a name of TRL's: write nll"),
        ("dpo", {"betta": 0.1}, "unknown key 'betta' (did you mean 'beta'?)"),
        ("dpo", {"beta": 0}, "here: beta is 0; it must be a number above 0"),
        (
            "judge",
            {"beta": 0.2},
            "here: beta is not used by method judge with via: sft; remove it, or set via: dpo",
        ),
    ],
)
def test_a_wrong_option_is_named_with_what_to_do(method: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError) as wrong:
        train_step(method, where="here", **given)
    assert said in str(wrong.value)


def test_what_is_shown_of_a_step_is_what_was_given() -> None:
    assert train_step(beta=0.2, replay={"judge": 0.0}).given() == {"method": "dpo", "beta": 0.2}
