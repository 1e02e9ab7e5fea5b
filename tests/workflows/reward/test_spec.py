"""What is known of a reward before it is opened: whom it names, how it asks, and which groups it can judge."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rlaif.errors import RecipeError
from rlaif.workflows.reward.parts import reward_parts
from rlaif.workflows.reward.spec import RewardSpec, reward_schema

SAFE = {"judge": "rules:limits.yaml", "hard": True, "at_least": 1}


def spec(*parts: dict[str, Any], **whole: Any) -> RewardSpec:
    return reward_parts({"parts": list(parts), **whole}, "here")


def test_it_names_all_judges_and_models_once_and_no_function() -> None:
    found = spec(
        {"judge": "judge", "protocol": "circular"},
        {"parts": [{"model": "rm"}, {"judge": "judge", "protocol": "score"}], "together": "mean"},
        {"function": "m:f"},
    )
    assert found.names == ("judge", "rm")
    assert found.protocols == ("compare", "score")


def test_a_pairwise_protocol_compares_in_a_circle() -> None:
    [named, circular, alone] = spec(
        {"judge": "a", "protocol": "compare-cot"}, {"judge": "a", "protocol": "circular"}, {"judge": "a"}
    ).parts
    assert (named.compares, circular.compares, alone.compares) == ("compare-cot", "compare", None)


@pytest.mark.parametrize("protocol", ["circular", "compare"])
def test_a_circle_of_two_or_less_is_refused(protocol: str) -> None:
    found = spec({"judge": "a", "protocol": protocol})
    with pytest.raises(RecipeError, match=r"here: reward part 'a \(\w+\)' .* needs 3 or more; draw more"):
        found.check_group(2, "here")
    found.check_group(3, "here")


def test_what_orders_or_standardises_a_group_is_refused_for_one() -> None:
    with pytest.raises(RecipeError, match="orders the completions of a prompt"):
        spec({"judge": "a", "protocol": "rank"}).check_group(1, "here")
    with pytest.raises(RecipeError, match="normalise: batch"):
        spec({"judge": "a", "normalise": "group"}).check_group(1, "here")
    spec({"judge": "a", "normalise": "batch"}).check_group(1, "here")


def test_a_sum_without_conditions_is_additive() -> None:
    assert spec({"judge": "a"}, {"judge": "b"}).additive
    assert not spec({"judge": "a"}, SAFE).additive
    assert not spec({"judge": "a"}, {"judge": "b"}, together="mean").additive


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ([{"judge": "a"}], True),
        ({"parts": [{"judge": "a"}], "together": "sum"}, True),
        ([{"parts": [{"judge": "a"}, {"judge": "b"}], "together": "min"}], True),
        ([{"judge": "a", "wieght": 1}], False),
        ({"parts": []}, False),
        ([{"parts": [{"parts": [{"judge": "a"}]}]}], False),
        ("a", False),
    ],
)
def test_its_json_schema_says_what_a_recipe_may_say(value: Any, valid: bool) -> None:
    schema = reward_schema()
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(value) is valid
