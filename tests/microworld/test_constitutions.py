"""The two shipped constitutions of the world: readable by gold, tested by gold, and at odds with each other."""

from __future__ import annotations

import random

import pytest

from rlaif.constitution import applies, lint, load_constitution
from rlaif.microworld.attributes import BY_ID
from rlaif.microworld.gold import grade_rule, read_prompt
from rlaif.microworld.language import write
from rlaif.microworld.scenes import KINDS, make_scene
from rlaif.microworld.sentences import read_rule
from rlaif.records import Constitution, Message, Principle, Prompt

NAMES = ("micro-default", "micro-terse")
PRINCIPLES = [
    pytest.param(each, id=f"{name}-{each.id}")
    for name in NAMES
    for each in load_constitution(name).principles
]


def sides(constitution: Constitution) -> dict[str, bool]:
    """Which side of each attribute a constitution wants."""
    found = {}
    for principle in constitution.principles:
        rule = read_rule(principle.text)
        assert rule
        found.update(dict(rule.parts))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_without_a_finding(name: str) -> None:
    constitution = load_constitution(name)
    assert constitution.name == name
    assert not [each for each in lint(constitution) if each.level == "error"]
    assert len({each.id for each in constitution.principles}) == len(constitution.principles) >= 10


@pytest.mark.parametrize("principle", PRINCIPLES)
def test_a_principle_is_one_simple_rule_of_the_world_and_applies_where_its_truth_exists(
    principle: Principle,
) -> None:
    rule = read_rule(principle.text)
    assert rule
    ((attribute, _),) = rule.parts
    assert rule.condition is None
    tag = BY_ID[attribute].tag
    assert principle.applies_to == ((tag,) if tag else ())


@pytest.mark.parametrize("principle", PRINCIPLES)
def test_the_tests_of_a_principle_agree_with_gold(principle: Principle) -> None:
    assert len({(each.prompt, each.better, each.worse) for each in principle.tests}) >= 3
    for each in principle.tests:
        prompt = Prompt(
            messages=(Message(role="user", content=each.prompt),), tags=tuple(read_prompt(each.prompt).tags)
        )
        assert applies(principle, prompt)
        assert grade_rule(principle.text, each.prompt, each.better) is True, each
        assert grade_rule(principle.text, each.prompt, each.worse) is False, each


def test_terse_wants_the_opposite_of_default_at_least_three_times() -> None:
    default, terse = (sides(load_constitution(name)) for name in NAMES)
    opposed = {name for name in default if name in terse and default[name] != terse[name]}
    assert len(opposed) >= 3
    assert {name for name in default if terse.get(name) == default[name]}


def test_default_wants_what_common_sense_wants() -> None:
    assert all(BY_ID[name].wanted == side for name, side in sides(load_constitution("micro-default")).items())


@pytest.mark.parametrize("name", NAMES)
def test_gold_grades_a_principle_exactly_where_it_applies(name: str) -> None:
    constitution, rng = load_constitution(name), random.Random(0)
    for number in range(150):
        scene = make_scene(rng, kind=KINDS[number % len(KINDS)])
        text = write(scene, rng)
        for principle in constitution.principles:
            graded = grade_rule(principle.text, scene.text, text)
            assert (graded is not None) == applies(principle, scene.prompt)
