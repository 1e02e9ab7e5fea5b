"""What differs, and which version that needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.constitution.diff import DECIDE, bump_of, changed_ids, diff, raised
from rlaif.constitution.versions import parse_version
from rlaif.records import Constitution, Decide, Principle

KIND = Principle(id="kind", text="Be kind.", critique="Where is it unkind?")
BRIEF = Principle(id="brief", text="Be brief.")
HOUSE = Constitution(
    name="house",
    version="1.2.3",
    title="House",
    principles=(KIND, BRIEF),
    propositions=({"id": "thanks", "text": "It says thanks."},),
)


def edited(**changes: Any) -> Constitution:
    return replace(HOUSE, **changes)


def kind(**changes: Any) -> Constitution:
    return edited(principles=(replace(KIND, **changes), BRIEF))


@pytest.mark.parametrize(
    ("after", "said", "bump"),
    [
        (HOUSE, [], None),
        (edited(version="9.0.0", name="other"), [], None),
        (kind(text="Be very kind."), [("reworded", "kind", ["text"])], "minor"),
        (kind(critique=None), [("reworded", "kind", ["critique"])], "patch"),
        (kind(weight=2.0, hard=True), [("re-ruled", "kind", ["weight", "hard"])], "minor"),
        (
            kind(text="Kind.", weight=2.0),
            [("reworded", "kind", ["text"]), ("re-ruled", "kind", ["weight"])],
            "minor",
        ),
        (edited(principles=(BRIEF,)), [("removed", "kind", ["text"])], "major"),
        (edited(principles=(BRIEF, KIND)), [("re-ruled", "order", ["principles"])], "minor"),
        (
            edited(principles=(*HOUSE.principles, Principle(id="new", text="Be new."))),
            [("added", "new", ["text"])],
            "minor",
        ),
        (
            edited(principles=(replace(KIND, id="nice"), BRIEF)),
            [("added", "nice", ["text", "renamed_from"]), ("removed", "kind", ["text"])],
            "major",
        ),
        (edited(decide=Decide(rule="min")), [("re-ruled", "decide", ["rule"])], "minor"),
        (edited(title="Home"), [("reworded", "title", ["title"])], "patch"),
        (edited(propositions=()), [("removed", "thanks", ["text"])], "major"),
        (
            edited(propositions=({"id": "thanks", "text": "It thanks."},)),
            [("reworded", "thanks", ["text"])],
            "minor",
        ),
        (edited(behaviors={"order": ["a"]}), [("re-ruled", "behaviors", ["order"])], "minor"),
    ],
)
def test_each_edit_is_named_and_needs_its_bump(
    after: Constitution, said: list[tuple[str, str, list[str]]], bump: str | None
) -> None:
    found = diff(HOUSE, after)
    assert [(each.kind, each.id, list(each.fields)) for each in found] == said
    assert bump_of(found) == bump


def test_fields_hold_what_was_and_what_is() -> None:
    (change,) = diff(HOUSE, kind(applies_to=("rude", "angry")))
    assert change.fields == {"applies_to": ([], ["angry", "rude"])}
    assert change.principle is not None
    assert change.principle.applies_to == ("rude", "angry")


def test_the_order_of_tags_is_no_difference() -> None:
    assert diff(kind(applies_to=("a", "b")), kind(applies_to=("b", "a"))) == []


@pytest.mark.parametrize(
    ("version", "bump", "next_"),
    [
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("0.2.3", "major", "0.3.0"),
        ("0.2.3", "minor", "0.2.4"),
        ("0.2.3", "patch", "0.2.4"),
        ("2.0.0-dev", "minor", "2.1.0"),
    ],
)
def test_the_next_version_is_raised_where_the_change_says(version: str, bump: Any, next_: str) -> None:
    assert raised(parse_version(version), bump) == next_


def test_changed_ids_name_principles_once_and_the_decision_last() -> None:
    after = replace(kind(text="Kind.", weight=2.0), decide=Decide(temperature=3.0), title="Home")
    assert changed_ids(diff(HOUSE, after)) == ["kind", DECIDE]


texts = st.sampled_from(["a", "b"])
principles = st.lists(
    st.builds(
        Principle,
        id=st.sampled_from(["p", "q", "r"]),
        text=texts,
        critique=st.none() | texts,
        weight=st.sampled_from([1.0, 2.0]),
        hard=st.booleans(),
        applies_to=st.sampled_from([(), ("x",), ("x", "y"), ("y", "x")]),
    ),
    unique_by=lambda each: each.id,
    min_size=1,
)
constitutions = st.builds(
    Constitution,
    name=st.just("house"),
    version=st.just("1.0.0"),
    title=texts,
    principles=principles.map(tuple),
    decide=st.builds(Decide, temperature=st.sampled_from([1.0, 2.0])),
    propositions=st.lists(st.sampled_from(["s", "t"]), unique=True).flatmap(
        lambda ids: st.tuples(*(st.fixed_dictionaries({"id": st.just(each), "text": texts}) for each in ids))
    ),
    behaviors=st.sampled_from([{}, {"order": ["x"]}, {"order": ["y"]}]),
)


@given(constitutions, constitutions)
def test_there_is_a_difference_exactly_where_the_digests_differ(
    one: Constitution, other: Constitution
) -> None:
    assert bool(diff(one, other)) == (one.digest != other.digest)
