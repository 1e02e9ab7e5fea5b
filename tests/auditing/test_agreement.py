"""Agreement by hand arithmetic and by published worked examples."""

from __future__ import annotations

from collections import Counter
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.auditing.agreement import cohen, fleiss, krippendorff, mcnemar


def test_cohens_kappa_is_the_value_by_hand() -> None:
    # 50 items: both yes 20, both no 15, yes/no 5, no/yes 10; p_o .7, p_e .5
    one = ["y"] * 25 + ["n"] * 25
    other = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen(one, other) == pytest.approx(0.4)


def test_two_who_always_say_the_same_one_thing_have_no_kappa() -> None:
    assert cohen(["y", "y"], ["y", "y"]) is None
    assert cohen([], []) is None


def test_cohen_refuses_lists_of_different_length() -> None:
    with pytest.raises(ValueError, match="2 and 1"):
        cohen(["y", "n"], ["y"])


def test_fleiss_by_its_own_example() -> None:
    # Fleiss' table of 14 raters, 10 subjects and 5 categories
    rows = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    counts = [{name: count for name, count in enumerate(row) if count} for row in rows]
    assert fleiss(counts) == pytest.approx(0.210, abs=5e-4)


def test_items_with_one_rating_do_not_count_for_fleiss() -> None:
    assert fleiss([{"y": 1}]) is None
    assert fleiss([{"y": 1}, {"y": 1, "n": 1}, {"y": 2}]) == fleiss([{"y": 1, "n": 1}, {"y": 2}])


def test_krippendorff_by_its_own_example() -> None:
    # Krippendorff's reliability data: four observers, twelve units, cells missing; nominal .743, interval .849
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    ]
    units = list(zip(*observers, strict=True))
    assert krippendorff(units) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff(units, interval=True) == pytest.approx(0.849, abs=5e-4)


def test_krippendorff_of_one_value_is_none() -> None:
    assert krippendorff([[1, 1], [1, 1]]) is None
    assert krippendorff([[1, None]]) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), min_size=2, max_size=30))
def test_agreement_does_not_depend_on_who_is_first(rows: list[tuple[str, str]]) -> None:
    one, other = zip(*rows, strict=True)
    assert cohen(one, other) == cohen(other, one)
    assert (
        krippendorff(rows) == pytest.approx(krippendorff([row[::-1] for row in rows]))
        or krippendorff(rows) is None
    )


@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=20))
def test_perfect_agreement_is_one(labels: list[str]) -> None:
    if len(set(labels)) > 1:
        assert cohen(labels, labels) == pytest.approx(1.0)
        assert fleiss([Counter([each, each]) for each in labels]) == pytest.approx(1.0)
        assert krippendorff([[each, each] for each in labels]) == pytest.approx(1.0)


def test_mcnemars_p_is_the_binomial_one_of_the_disagreements() -> None:
    first = [True] * 9 + [False] * 1 + [True] * 5
    second = [False] * 9 + [True] * 1 + [True] * 5
    found = mcnemar(first, second)
    assert (found.first_only, found.second_only) == (9, 1)
    assert found.p == pytest.approx(2 * (comb(10, 0) + comb(10, 1)) / 2**10)
    assert mcnemar([True], [True]).p == 1.0


def test_mcnemar_takes_what_belongs_together_as_one() -> None:
    """Nine comparisons of one prompt that fall one way are one surprise; of nine prompts they are nine."""
    first, second = [True] * 9, [False] * 9
    assert mcnemar(first, second, [0] * 9).p == pytest.approx(0.5)
    assert mcnemar(first, second, range(9)).p == pytest.approx(1 / 2**9)
    # two prompts, 3 and 1: sums of 4, 2, -2, -4
    assert mcnemar([True] * 4, [False] * 4, [0, 0, 0, 1]).p == pytest.approx(0.25)
