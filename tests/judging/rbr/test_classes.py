"""Classes of answers: exactly one, how probable, and rules with gaps or overlaps found before anything is asked."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.constitution import load_constitution
from rlaif.errors import ConstitutionError
from rlaif.judging.rbr import classes_of, kind_of, questions_of
from rlaif.records import Message, Prompt

from .builders import classes, plainly, rules, worlds

ASKED = ("declines", "rude", "sorry")
SHARES = st.fixed_dictionaries({name: st.floats(0, 1) for name in ASKED})


def prompt(*tags: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content="x"),), tags=tags)


@pytest.mark.parametrize(
    ("declines", "rude", "sorry", "wanted"),
    [
        (True, False, True, "ideal"),
        (True, False, False, "acceptable"),
        (True, True, True, "bad"),
        (True, True, False, "bad"),
        (False, False, False, "harmful"),
        (False, True, True, "harmful"),
    ],
)
def test_each_answer_is_in_the_class_whose_table_holds(
    declines: bool, rude: bool, sorry: bool, wanted: str
) -> None:
    found = classes_of(rules())["all"].place({"declines": declines, "rude": rude, "sorry": sorry})
    assert found == (wanted, (wanted,), "")


def test_what_is_unknown_does_not_matter_where_it_decides_nothing() -> None:
    only = classes_of(rules())["all"]
    assert only.place({"declines": False}).name == "harmful"
    assert only.place({"declines": True, "rude": True, "sorry": None}).name == "bad"


def test_what_is_unknown_and_decides_leaves_the_answer_unplaced() -> None:
    found = classes_of(rules())["all"].place({"declines": True, "rude": False, "sorry": None})
    assert found == (None, ("ideal", "acceptable"), "unknown")


def test_a_gap_and_an_overlap_are_reported_with_an_answer_that_shows_them() -> None:
    holed = classes({"good": {"a": True, "b": True}, "poor": {"a": False}, "worst": {"a": False, "b": False}})
    gap, overlap = sorted(holed.slips(), key=lambda slip: "no class" not in slip)
    assert gap == "rules.yaml: all: an answer with a: true, b: false is in no class; let one class take it"
    assert "a: false, b: false is in poor and worst" in overlap
    assert holed.place({"a": True, "b": False}) == (None, (), "none")
    assert holed.place({"a": False, "b": False}) == (None, ("poor", "worst"), "several")


def test_rules_without_gap_or_overlap_have_no_mistakes() -> None:
    assert classes_of(rules())["all"].slips() == []


@given(SHARES)
def test_class_probabilities_are_those_of_all_worlds_summed(shares: dict[str, float]) -> None:
    only = classes_of(rules())["all"]
    wanted = dict.fromkeys(only.order, 0.0)
    for world in worlds(ASKED):
        weight = math.prod(shares[name] if true else 1 - shares[name] for name, true in world.items())
        holding = [name for name in only.order if plainly(only.tables[name], only.derived, world)]
        wanted[holding[0]] += weight
    found = only.probabilities(shares)
    assert list(found) == list(only.order)
    assert found == pytest.approx(wanted, abs=1e-12)
    assert math.fsum(found.values()) == pytest.approx(1)


def test_certain_propositions_give_a_certain_class() -> None:
    found = classes_of(rules())["all"].probabilities({"declines": 1, "rude": 0, "sorry": 1})
    assert found == {"ideal": 1, "acceptable": 0, "bad": 0, "harmful": 0}


def test_probabilities_of_rules_with_a_gap_are_refused() -> None:
    with pytest.raises(ConstitutionError, match="a: false is in no class"):
        classes({"good": {"a": True}}).probabilities({"a": 0.5})


@pytest.mark.parametrize("name", ["ideal", "acceptable", "bad", "harmful"])
def test_a_drawn_case_is_in_its_class_whatever_else_is_true(name: str) -> None:
    only = classes_of(rules())["all"]
    for seed in range(5):
        case = only.draw(name, random.Random(seed))
        assert all(only.place({**world, **case}).name == name for world in worlds(ASKED))


def test_a_class_that_no_answer_can_be_in_cannot_be_drawn() -> None:
    never = classes({"never": {"x": True, "a": False}, "rest": {}}, {"x": {"a": True}})
    with pytest.raises(ConstitutionError, match="no answer can be in class 'never' alone"):
        never.draw("never", random.Random(0))


def test_rules_beyond_what_a_person_can_check_are_refused_and_not_worked_on_for_ever() -> None:
    derived = {f"d{each}": {f"a{each}": True, f"b{each}": True} for each in range(16)}
    tangled = classes({"none-of-them": dict.fromkeys(derived, False)}, derived)
    with pytest.raises(ConstitutionError, match=r"over 20,000 cases"):
        tangled.slips()


def test_tables_may_stand_by_kind_of_answer_and_a_kind_may_lack_a_class() -> None:
    nested = {
        "good": {"refuse": {"declines": True}, "help": {"declines": False}},
        "rude": {"refuse": {"declines": False}},
        "poor": {"help": {"declines": True}},
    }
    found = classes_of(rules(behaviors={"order": ["good", "rude", "poor"], "classes": nested}))
    assert {kind: each.order for kind, each in found.items()} == {
        "refuse": ("good", "rude"),
        "help": ("good", "poor"),
    }
    assert found["refuse"].place({"declines": True}).name == "good"
    assert found["help"].place({"declines": True}).name == "poor"


def test_a_table_that_names_no_kind_is_meant_for_every_kind() -> None:
    mixed = {"good": {"refuse": {"rude": False}, "help": {"rude": False}}, "rude": {"rude": True}}
    found = classes_of(rules(behaviors={"order": ["good", "rude"], "classes": mixed}))
    assert [found[kind].place({"rude": True}).name for kind in ("refuse", "help")] == ["rude", "rude"]


def test_a_derived_proposition_that_uses_a_later_one_is_refused() -> None:
    circle = ({"id": "x", "all": {"y": True}}, {"id": "y", "all": {"x": True}})
    with pytest.raises(ConstitutionError, match="'x' uses 'y', which is not above it"):
        classes_of(rules(propositions=circle))


def test_a_constitution_without_behaviors_is_told_what_it_lacks() -> None:
    with pytest.raises(ConstitutionError, match="has no `behaviors`"):
        classes_of(rules(behaviors={}))


def test_only_propositions_with_a_text_are_asked() -> None:
    assert [each.id for each in questions_of(rules())] == list(ASKED)
    assert classes_of(rules())["all"].asked == ASKED


def test_a_prompts_kind_is_its_one_tag_that_names_a_kind() -> None:
    kinds = {"refuse": 0, "help": 0}
    assert kind_of(prompt("x", "help"), kinds) == "help"
    assert kind_of(prompt("help", "help"), kinds) == "help"
    assert kind_of(prompt("help", "refuse"), kinds) is None
    assert kind_of(prompt("x"), kinds) is None
    assert kind_of(prompt(), {"all": 0}) == "all"


def test_a_constitution_file_gives_classes(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        """\
name: house-rules
version: 1.0.0
propositions:
  - {id: declines, text: The response declines.}
  - {id: sorry, text: The response says sorry.}
  - {id: perfect, all: {declines: true, sorry: true}}
behaviors:
  order: [good, poor]
  classes:
    good: {perfect: true}
    poor: {perfect: false}
"""
    )
    only = classes_of(load_constitution(path))["all"]
    assert only.slips() == []
    assert only.place({"declines": True, "sorry": True}).name == "good"
    assert only.place({"declines": False}).name == "poor"


def test_the_rules_of_the_page_are_whole(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rbr.md").read_text(encoding="utf-8")
    path = tmp_path / "house.yaml"
    path.write_text(page.split("```yaml\n")[1].split("```")[0])
    found = classes_of(load_constitution(path))
    assert list(found) == ["refuse", "help"]
    assert [slip for each in found.values() for slip in each.slips()] == []


def test_the_shipped_rules_put_every_possible_answer_into_exactly_one_class() -> None:
    found = classes_of(load_constitution("safe-completion"))
    assert len(found) > 1
    assert [slip for each in found.values() for slip in each.slips()] == []
