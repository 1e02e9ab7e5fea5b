"""`reward:` of a recipe: what is understood, and what is refused with its place and a remedy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RecipeError
from rlaif.workflows.reward.parts import reward_parts

WHERE = "recipe.yaml:12"


def refusal(value: Any) -> str:
    with pytest.raises(RecipeError) as told:
        reward_parts(value, WHERE)
    assert str(told.value).startswith(WHERE)
    return str(told.value)


def test_a_list_is_a_weighted_sum() -> None:
    found = reward_parts([{"judge": "micro"}, {"model": "models/rm", "weight": 2}], WHERE)
    assert [(each.name, each.weight, each.hard) for each in found.parts] == [
        ("micro", 1.0, False),
        ("models/rm", 2.0, False),
    ]
    assert (found.together, found.penalty, found.floor) == ("sum", 0.5, None)


def test_a_mapping_says_how_parts_are_put_together() -> None:
    parts = [{"judge": "a"}, {"judge": "b"}, {"judge": "rules:x.yaml", "hard": True, "at_least": 1}]
    found = reward_parts({"parts": parts, "together": "mean-variance", "penalty": 0.1, "floor": -4}, WHERE)
    assert (found.together, found.penalty, found.floor) == ("mean-variance", 0.1, -4.0)
    assert found.parts[-1].at_least == 1.0


def test_an_ensemble_may_stand_in_the_place_of_a_part() -> None:
    whole = {"parts": [{"model": "rm-1"}, {"model": "rm-2"}], "together": "min", "weight": 0.5}
    found = reward_parts([whole, {"judge": "micro", "protocol": "circular"}], WHERE)
    inner = found.parts[0].parts
    assert inner is not None
    assert (inner.together, found.parts[0].weight) == ("min", 0.5)
    assert [each.name for each in found.parts] == ["rm-1+rm-2", "micro (circular)"]


def test_the_keys_of_a_part_are_read() -> None:
    given = {
        "judge": "micro",
        "protocol": "rubric",
        "name": "by rubrics",
        "constitution": "house",
        "rubrics": "rubrics.jsonl",
        "dropout": 0.3,
        "normalise": "group",
    }
    [part] = reward_parts([given], WHERE).parts
    assert part.rubrics == Path("rubrics.jsonl")
    assert (part.name, part.constitution, part.dropout, part.normalise) == (
        "by rubrics",
        "house",
        0.3,
        "group",
    )


def test_what_is_spelled_alike_has_one_form() -> None:
    assert reward_parts([{"judge": "a", "weight": 1}], WHERE) == reward_parts(({"judge": "a"},), WHERE)
    assert reward_parts({"parts": [{"judge": "a"}]}, WHERE) == reward_parts([{"judge": "a"}], WHERE)


def test_parts_that_would_share_a_name_are_numbered() -> None:
    found = reward_parts([{"judge": "a"}, {"judge": "a"}, {"judge": "a", "protocol": "rank"}], WHERE)
    assert [each.name for each in found.parts] == ["a", "a 2", "a (rank)"]


def test_a_name_that_looks_like_a_number_is_text() -> None:
    assert reward_parts([{"judge": 42}], WHERE).parts[0].judge == "42"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("judge=micro", "must be a list of parts"),
        (7, "must be a list of parts"),
        ([], "must be a list of one or more parts"),
        (["micro"], r"reward\[0\] must be a mapping"),
        ([{}], r"reward\[0\]: nobody would give its number; name one of judge, model, function, parts"),
        ([{"judge": "a", "model": "b"}], "'judge' and 'model' would give its number"),
        ([{"judge": "a", "weigth": 1}], "unknown key 'weigth' .did you mean 'weight'"),
        ([{"judge": "a", "weight": "much"}], "weight must be a number"),
        ([{"judge": "a", "dropout": 1}], "dropout is 1; it must be a number from 0 to below 1"),
        ([{"judge": "a", "normalise": "all"}], "normalise must be one of none, group, batch"),
        ({"together": "sum"}, "lacks 'parts'"),
        ({"parts": [{"judge": "a"}], "together": "vote"}, "together must be one of sum, product"),
    ],
)
def test_what_has_no_such_form_is_refused(value: Any, why: str) -> None:
    assert re.search(why, refusal(value))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([{"judge": "a", "weight": 0}], "the weights of its parts sum to 0"),
        ([{"judge": "a", "weight": float("nan")}], "are no numbers"),
        ([{"judge": "a", "weight": float("inf")}], "are no numbers"),
        ([{"judge": "a", "hard": True}, {"judge": "b"}], "is hard and lacks 'at_least'"),
        ([{"judge": "a", "hard": True, "at_least": 1}], "all parts are hard"),
        ([{"judge": "a", "hard": True, "at_least": float("nan")}], "it must be a number"),
        ([{"judge": "a", "at_least": 1}], "add `hard: true`"),
        ([{"judge": "a", "hard": True, "at_least": 1, "weight": 2}], "weight says nothing of a hard part"),
        ({"parts": [{"judge": "a"}], "together": "min"}, "is of two rewards or more"),
        (
            {"parts": [{"judge": "a"}, {"judge": "b", "weight": 2}], "together": "min"},
            "weight says nothing where",
        ),
        ({"parts": [{"judge": "a"}, {"judge": "b"}], "penalty": 1}, "penalty is of together: mean-variance"),
        ({"parts": [{"judge": "a"}], "floor": -1}, "floor is the reward of whoever fails a hard part"),
        (
            [{"judge": "b"}, {"parts": [{"judge": "a", "hard": True, "at_least": 1}]}],
            "ensemble cannot be hard",
        ),
        ([{"judge": "a", "together": "min"}], "write it beside `parts`"),
        (
            [{"model": "a", "protocol": "checklist"}],
            "protocol says how a judge is asked, and `model` is none",
        ),
        ([{"function": "a:b", "constitution": "c"}], "constitution says how a judge is asked"),
        ([{"judge": "a", "protocol": "vote"}], "'vote' is no protocol; known: circular, checklist"),
        (
            [{"judge": "a", "protocol": "circular", "dropout": 0.5}],
            "dropout is of protocols that ask criteria",
        ),
        ([{"judge": "a", "protocol": "score", "rubrics": "x"}], "'score' asks no rubrics; take rubric"),
    ],
)
def test_what_means_nothing_beside_the_rest_is_refused(value: Any, why: str) -> None:
    assert why in refusal(value)
