"""Decisions of reviewers: the last one that was said stands, whatever the clock was then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlaif.store import Store
from rlaif.store.decisions import (
    TIE,
    ReviewDecision,
    decisions,
    has_seen,
    put_decision,
    put_seen,
    undo_decision,
)


class Clock:
    """A clock that can be set."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("rlaif.store.decisions.time.time", clock.time)
    return clock


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as store:
        yield store


def say(store: Store, prefers: str | None, note: str = "", pair: str = "p") -> ReviewDecision:
    return put_decision(store, ReviewDecision(pair=pair, reviewer="ada", prefers=prefers, note=note))


def standing(store: Store, pair: str = "p") -> list[str | None]:
    return [each.prefers for each in decisions(store, [pair])]


@pytest.mark.parametrize("back", [0.0, 1.0, 3600.0, 40 * 365 * 86400.0, -86400.0])
def test_the_last_that_was_said_stands_though_the_clock_went_back(
    store: Store, clock: Clock, back: float
) -> None:
    say(store, "a")
    clock.now -= back
    assert say(store, "b").prefers == "b"
    assert standing(store) == ["b"]
    assert [each.prefers for each in decisions(store)] == ["b"]
    clock.now -= back
    say(store, TIE)
    assert standing(store) == [TIE]


def test_an_undo_takes_back_the_last_though_the_clock_went_back(store: Store, clock: Clock) -> None:
    say(store, "a", "first")
    clock.now -= 3600
    say(store, "b", "second")
    clock.now -= 3600
    again = undo_decision(store, "p", "ada")
    assert again is not None
    assert (again.prefers, again.note) == ("a", "first")
    assert standing(store) == ["a"]
    clock.now -= 3600
    undo_decision(store, "p", "ada")
    assert standing(store) == []
    say(store, "b")
    assert standing(store) == ["b"]


def test_no_decision_takes_the_place_of_another_row(store: Store, clock: Clock) -> None:
    for each in ("a", "b", "a", "b"):
        say(store, each)
    assert store.counts()["decisions"] == 4
    assert standing(store) == ["b"]


def test_decisions_of_earlier_releases_come_first_by_their_time(store: Store, clock: Clock) -> None:
    for at, prefers in ((clock.now + 7200, "b"), (clock.now + 3600, "a")):
        with store.transaction():
            row = json.dumps({"prefers": prefers, "flag": False, "note": ""})
            store.write("INSERT INTO decisions VALUES (?, ?, ?, ?)", ["p", "ada", row, at])
    assert standing(store) == ["b"]
    say(store, "c")
    assert standing(store) == ["c"]
    again = undo_decision(store, "p", "ada")
    assert again is not None
    assert again.prefers == "b"


def test_each_reviewer_and_pair_has_its_own_order(store: Store, clock: Clock) -> None:
    for _ in range(3):
        say(store, "a", pair="q")
    clock.now -= 3600
    say(store, "a")
    put_decision(store, ReviewDecision(pair="p", reviewer="bob", prefers="b"))
    assert sorted((each.pair, each.reviewer, each.prefers) for each in decisions(store)) == [
        ("p", "ada", "a"), ("p", "bob", "b"), ("q", "ada", "a"),
    ]  # fmt: skip


def test_the_first_preference_is_blind_unless_the_judge_was_seen_before(store: Store) -> None:
    say(store, "one")
    assert [each.seen for each in decisions(store)] == [False]
    put_seen(store, "q", "ada")
    assert (has_seen(store, "q", "ada"), has_seen(store, "p", "ada")) == (True, False)
    assert [each.pair for each in decisions(store)] == ["p"]
    say(store, "two", pair="q")
    assert {each.pair: each.seen for each in decisions(store)} == {"p": False, "q": True}


def test_a_preference_that_changes_once_the_judge_is_shown_is_not_blind(store: Store) -> None:
    say(store, "one")
    say(store, "other")
    assert [each.seen for each in decisions(store)] == [True]
    say(store, "one")
    assert [each.seen for each in decisions(store)] == [False]


def test_looking_at_the_judge_is_not_undone_and_changes_no_decision(store: Store) -> None:
    say(store, "one", note="kept")
    put_seen(store, "p", "ada")
    [said] = decisions(store)
    assert (said.prefers, said.note) == ("one", "kept")
    undo_decision(store, "p", "ada")
    assert decisions(store) == []
    assert has_seen(store, "p", "ada")
