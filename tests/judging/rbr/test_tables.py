"""Tables over propositions that may be unknown: against brute force over every possible world."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.judging.rbr.tables import Table, asked_in, cases, holds, with_derived

from .builders import NAMES, plainly, worlds

TABLES = st.dictionaries(st.sampled_from([*NAMES, "x", "y"]), st.booleans(), max_size=4)
DERIVED = st.fixed_dictionaries(
    {
        "x": st.dictionaries(st.sampled_from(NAMES), st.booleans(), max_size=3),
        "y": st.dictionaries(st.sampled_from([*NAMES, "x"]), st.booleans(), max_size=3),
    }
).map(lambda found: {"x": found["x"], "y": found["y"]})


@pytest.mark.parametrize(
    ("truths", "wanted"),
    [
        ({"a": True, "b": False}, True),
        ({"a": True, "b": True}, False),
        ({"a": True, "b": None}, None),
        ({"a": True}, None),
        ({"a": False, "b": None}, False),
        ({}, None),
    ],
)
def test_a_conjunction_is_false_as_soon_as_one_part_is_and_unknown_before(
    truths: dict[str, bool | None], wanted: bool | None
) -> None:
    assert holds({"a": True, "b": False}, truths) is wanted


def test_an_empty_table_always_holds() -> None:
    assert holds({}, {}) is True


def test_a_derived_proposition_may_use_those_above_it() -> None:
    derived = {"x": {"a": True, "b": True}, "y": {"x": False}}
    assert with_derived(derived, {"a": False})["y"] is True
    assert with_derived(derived, {"a": True})["y"] is None
    assert list(asked_in({"y": True, "c": False}, derived)) == ["a", "b", "c"]


@given(st.lists(TABLES, min_size=1, max_size=3), DERIVED)
def test_cases_exclude_each_other_cover_everything_and_say_what_holds(
    tables: list[Table], derived: dict[str, Table]
) -> None:
    named = {str(number): table for number, table in enumerate(tables)}
    found = list(cases(named, derived, {}))
    for world in worlds(NAMES):
        mine = [case for case in found if all(world[name] == true for name, true in case.truths.items())]
        assert len(mine) == 1
        assert mine[0].holding == tuple(
            name for name, table in named.items() if plainly(table, derived, world)
        )


@given(TABLES, DERIVED, st.dictionaries(st.sampled_from(NAMES), st.sampled_from([True, False, None])))
def test_what_is_known_is_never_asked_again(
    table: Table, derived: dict[str, Table], truths: dict[str, bool | None]
) -> None:
    known = {name: value for name, value in truths.items() if value is not None}
    for case in cases({"only": table}, derived, truths):
        assert case.truths | known == case.truths
