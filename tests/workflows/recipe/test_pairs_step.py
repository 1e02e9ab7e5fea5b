"""A pairs step: the first source has no name in keys, each source has its own options, and others' are refused."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rlaif.workflows.recipe.pair_sources import DEFAULT, SOURCES
from rlaif.workflows.recipe.pairs_step import misplaced, pairs_step, pairs_step_schema
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.schema import beside_settings

BEFORE = {
    "step": "pairs",
    "pairing": "best-worst",
    "then": "compare",
    "samples": None,
    "ask_again": None,
    "inconsistent": "drop",
    "critique": True,
}
"""What a step of the first source has always said of itself in digests and keys."""


def schema() -> dict[str, Any]:
    return pairs_step_schema(beside_settings(STEPS.get("pairs")), from_outside=False)


def test_a_step_without_a_source_says_of_itself_what_it_always_did() -> None:
    said = pairs_step({}, "here").as_dict()
    assert {name: said[name] for name in BEFORE} == BEFORE
    assert "source" not in said
    assert pairs_step({"source": DEFAULT}, "here").as_dict() == said


def test_any_other_source_is_in_keys_by_name() -> None:
    for name in set(SOURCES.names()) - {DEFAULT}:
        assert pairs_step({"source": name}, "here").as_dict()["source"] == name


@pytest.mark.parametrize("name", SOURCES.names())
def test_the_schema_takes_a_sources_own_options_and_models_and_no_others(name: str) -> None:
    valid = Draft202012Validator(schema()).is_valid
    assert valid({"step": "pairs", "source": name, "as": "mine"})
    assert not valid({"step": "pairs", "source": name, "unheard": 1})
    takes_critic = "critic" in SOURCES.get(name).may_name
    assert valid({"step": "pairs", "source": name, "critic": "policy"}) == takes_critic


def test_a_default_step_is_checked_as_the_default_source() -> None:
    valid = Draft202012Validator(schema()).is_valid
    assert valid({"step": "pairs", "pairing": "all"})
    assert not valid({"step": "pairs", "rescore": "compare"})
    assert not valid({"step": "pairs", "base": "policy"})


def test_an_option_of_another_source_is_told_where_it_belongs() -> None:
    assert misplaced({"source": "given"}, "rescore") is None
    assert misplaced({}, "sure") == (
        "sure is not used by source judged, but by west-of-n; remove it, or name that source"
    )
    assert misplaced({"source": "unheard"}, "sure") is None


@pytest.mark.parametrize("name", SOURCES.names())
def test_every_setting_of_a_source_has_a_default(name: str) -> None:
    assert pairs_step({"source": name}, "here").options == SOURCES.get(name).options()
