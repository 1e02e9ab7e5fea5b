"""Figures of verdicts on pairs, by hand arithmetic: what is no verdict is wrong, and never a number."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.auditing.comparisons import (
    Judged,
    baselines,
    by_category,
    failed_shares,
    figures,
    plain_figures,
    retested,
    states,
    winner,
)
from rlaif.exchange.benchmarks import LOST, GoldPair, Orders, RecordedVerdict
from rlaif.records import Message, Prompt, State

REFUSED = RecordedVerdict(State.JUDGE_REFUSED)
TIE = RecordedVerdict(State.TIE)


def pair(one: str, other: str, *, first: bool = True, name: str = "", category: str = "") -> GoldPair:
    return GoldPair(
        id=name or f"{one}|{other}",
        prompt=Prompt(messages=(Message(role="user", content=f"prompt {name}"),)),
        texts=(one, other),
        first_better=float(first),
        category=category,
    )


def verdict(p: float) -> RecordedVerdict:
    return RecordedVerdict(State.PREFERENCE, p)


def judged(of: GoldPair, forward: RecordedVerdict, swapped: RecordedVerdict | None) -> Judged:
    return Judged(pair=of, orders=Orders(forward, swapped))


ITEMS = [
    judged(pair("long text", "short", name="1"), verdict(0.9), verdict(0.8)),  # right twice, longer twice
    judged(pair("a", "bb", name="2", first=False), verdict(0.9), verdict(0.1)),  # follows the first place
    judged(pair("same", "size", name="3"), verdict(0.2), LOST),  # wrong, then nothing
    judged(pair("x", "yy", name="4"), LOST, LOST),  # two that are nothing: they agree in nothing
]


def test_figures_of_judged_pairs_are_those_counted_by_hand() -> None:
    found = plain_figures(ITEMS)
    assert found["accuracy"] == 3 / 8
    assert found["both_correct"] == 1 / 4
    # of pairs whose orders could both be read: 1 agrees, 2 does not
    assert found["consistent"] == 1 / 2
    # verdicts there are: 1 forward (first), 1 swapped (second place), 2 forward (first), 2 swapped (first),
    # 3 forward (second)
    assert found["first_slot"] == 3 / 5
    # of texts of different length: 1 twice longer, 2 once longer and once shorter
    assert found["prefers_longer"] == 3 / 4


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        ([judged(pair("x", "yy", name=str(n)), LOST, LOST) for n in range(9)], None),
        ([judged(pair("x", "yy", name=str(n)), REFUSED, REFUSED) for n in range(9)], None),
        ([judged(pair("x", "yy", name=str(n)), verdict(0.5), verdict(0.5)) for n in range(9)], None),
        ([judged(pair("x", "yy", name=str(n)), TIE, TIE) for n in range(9)], None),
        (
            [judged(pair("x", "yy", name=str(n)), LOST, LOST) for n in range(8)]
            + [judged(pair("x", "yy", name="8"), verdict(0.9), verdict(0.1))],
            0.0,
        ),
        ([judged(pair("x", "yy"), verdict(0.9), TIE)], 0.0),
        ([judged(pair("x", "yy"), verdict(0.9), verdict(0.7))], 1.0),
    ],
)
def test_failures_and_ties_are_consistent_in_nothing(items: list[Judged], wanted: float | None) -> None:
    assert plain_figures(items)["consistent"] == wanted


def test_two_failures_are_no_equal_verdicts() -> None:
    lost = [judged(pair("x", "yy"), LOST, LOST)]
    assert retested(lost, lost) is None


def test_intervals_hold_their_figure() -> None:
    for name, found in figures(ITEMS).items():
        assert found is not None
        assert found.value == pytest.approx(plain_figures(ITEMS)[name])
        assert found.low <= found.value <= found.high


def test_one_order_says_nothing_of_consistency_or_place() -> None:
    alone = [judged(pair("long text", "short"), verdict(0.9), None)]
    found = plain_figures(alone)
    assert (found["accuracy"], found["both_correct"], found["consistent"], found["first_slot"]) == (
        1.0,
        None,
        None,
        None,
    )


def test_states_and_failed_shares() -> None:
    rows = [judged(pair("a", "b"), REFUSED, LOST), judged(pair("c", "d"), TIE, verdict(1.0))]
    assert states(rows) == {"judge_refused": 1, "unreadable": 1, "tie": 1, "preference": 1}
    assert failed_shares(rows) == {"unreadable": 0.25, "refused": 0.25}


def test_categories_in_order_of_appearance() -> None:
    rows = [
        judged(pair("a", "b", category="z"), verdict(0.9), verdict(0.9)),
        judged(pair("c", "d", category="y"), verdict(0.1), verdict(0.1)),
    ]
    found = by_category(rows)
    assert list(found) == ["z", "y"]
    assert (found["z"]["accuracy"], found["y"]["accuracy"]) == (1.0, 0.0)


def test_a_trivial_judge_is_right_on_half_of_balanced_pairs() -> None:
    pairs = [pair("long", "s"), pair("s", "long"), pair("like", "size")]
    assert baselines(pairs) == {"longer": 0.5, "shorter": 0.5, "first": 0.5, "coin": 0.5}


def test_a_retest_joins_by_pair_and_order() -> None:
    again = [judged(each.pair, *each.orders) for each in reversed(ITEMS)]
    assert retested(ITEMS, again) == 1.0
    turned = [judged(each.pair, each.orders.swapped or LOST, each.orders.forward) for each in ITEMS]
    # 1 and 4 say the same in both orders
    assert retested(ITEMS, turned) == 0.5


SAID = st.sampled_from([LOST, REFUSED, TIE, verdict(0.5), verdict(0.0), verdict(1.0), verdict(0.7)])


@given(st.lists(st.tuples(st.booleans(), SAID, SAID), min_size=1, max_size=8))
def test_only_a_preference_is_ever_right(rows: list[tuple[bool, RecordedVerdict, RecordedVerdict]]) -> None:
    items = [
        judged(pair("a", "b", first=first, name=str(n)), one, other)
        for n, (first, one, other) in enumerate(rows)
    ]
    right = sum(
        said.state is State.PREFERENCE and said.p is not None and said.p != 0.5 and (said.p > 0.5) == first
        for first, one, other in rows
        for said in (one, other)
    )
    assert plain_figures(items)["accuracy"] == pytest.approx(right / (2 * len(rows)))


@given(st.lists(st.tuples(SAID, SAID), min_size=1, max_size=8))
def test_which_text_is_called_the_first_changes_no_figure(
    rows: list[tuple[RecordedVerdict, RecordedVerdict]],
) -> None:
    def turned(said: RecordedVerdict) -> RecordedVerdict:
        return said if said.p is None else said._replace(p=1 - said.p)

    here = [judged(pair("aa", "b", name=str(n)), *each) for n, each in enumerate(rows)]
    there = [
        judged(pair("b", "aa", first=False, name=str(n)), turned(other), turned(one))
        for n, (one, other) in enumerate(rows)
    ]
    assert plain_figures(here) == pytest.approx(plain_figures(there))


def test_a_tie_is_no_winner() -> None:
    assert [winner(each) for each in (TIE, verdict(0.5), LOST, verdict(0.6), verdict(0.4))] == [
        None,
        None,
        None,
        0,
        1,
    ]


def test_the_longer_side_is_that_with_more_text_of_the_assistant_in_all_its_turns() -> None:
    short = (Message(role="assistant", content="It is 4, as I said.", thought="a long thought " * 9),)
    long = (
        Message(role="assistant", content="Let me add these numbers for you."),
        Message(role="tool", content="4"),
        Message(role="assistant", content="It is 4."),
    )
    turns = replace(pair("It is 4, as I said.", "It is 4."), sides=(short, long))
    one = Judged(pair=turns, orders=Orders(verdict(0.9), verdict(0.9)))
    assert one.longer == 1
    assert baselines([turns])["longer"] == 0.0
    assert baselines([pair("It is 4, as I said.", "It is 4.")])["longer"] == 1.0
