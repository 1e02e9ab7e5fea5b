"""A mixture holds each row once, by caps and shares of its sources; which rows is the seed's and no order's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.workflows.recipe.steps.mix import Mixture, mixture


def mixed(sources: dict[str, list[str]], **more: object) -> Mixture:
    return mixture(sources, str, **more)  # type: ignore[arg-type]


def rows(letter: str, count: int) -> list[str]:
    return [f"{letter}{place}" for place in range(count)]


def test_without_caps_and_shares_all_is_taken_and_what_is_there_twice_counts_for_the_first() -> None:
    found = mixed({"a": ["x", "y", "x"], "b": ["y", "z"]})
    assert found.rows == ["x", "y", "z"]
    assert found.counts == {"a": 2, "b": 1}
    assert found.twice == 2


def test_a_cap_holds_for_each_source_and_rows_stay_in_their_order() -> None:
    found = mixed({"a": rows("a", 9), "b": rows("b", 2)}, cap=3)
    assert found.counts == {"a": 3, "b": 2}
    assert found.rows == sorted(found.rows)


def test_shares_take_as_much_as_the_scarcest_source_allows() -> None:
    sources = {"a": rows("a", 30), "b": rows("b", 10)}
    assert mixed(sources, shares={"a": 1, "b": 1}).counts == {"a": 10, "b": 10}
    assert mixed(sources, shares={"a": 3, "b": 1}).counts == {"a": 30, "b": 10}
    assert mixed(sources, shares={"a": 3, "b": 1}, rows=8).counts == {"a": 6, "b": 2}
    assert mixed(sources, shares={"a": 1, "b": 0}).counts == {"a": 30, "b": 0}


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 20), st.floats(0.05, 20))
def test_a_source_is_never_short_of_its_share_by_a_row(a: int, b: int, x: float, y: float) -> None:
    found = mixed({"a": rows("a", a), "b": rows("b", b)}, shares={"a": x, "b": y})
    whole = min(a * (x + y) / x, b * (x + y) / y)
    for name, share in (("a", x), ("b", y)):
        assert found.counts[name] == pytest.approx(whole * share / (x + y), abs=1)


def test_another_seed_draws_other_rows_and_another_order_the_same() -> None:
    own = rows("a", 20)
    first = set(mixed({"a": own, "b": ["z"]}, cap=5).rows)
    assert set(mixed({"a": own[::-1], "b": ["z"]}, cap=5).rows) == first
    assert set(mixed({"a": own, "b": ["z"]}, cap=5, seed=1).rows) != first
