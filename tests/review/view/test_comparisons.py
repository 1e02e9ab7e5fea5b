"""Comparisons of a sample: both orders of a principle in one row, told of the same side."""

from __future__ import annotations

from rlaif.records import Completion, Judgment, State
from rlaif.review.view.comparisons import comparisons

ANSWERS = [Completion(prompt_id="p", text=text, policy="b2:p") for text in ("one", "other")]
ONE, OTHER = (each.id for each in ANSWERS)


def judged(first: str, second: str, value: float | None, principle: str = "greet") -> Judgment:
    return Judgment(
        protocol="compare",
        judge="b2:j",
        prompt_id="p",
        completion_ids=(first, second),
        principle_id=principle,
        state=State.PREFERENCE if value is not None else State.UNREADABLE,
        value=value,
        calls=(f"b2:{principle}-{first == ONE}",),
    )


def test_both_orders_are_told_of_the_side_that_is_named_first() -> None:
    [both] = comparisons(ANSWERS, [judged(ONE, OTHER, 0.9), judged(OTHER, ONE, 0.2)])
    [row] = both.rows
    assert (both.one, both.other) == ("A", "B")
    assert [each.p for each in (*row.first, *row.second)] == [0.9, 0.8]
    assert row.prefers("A", "B") == "A"
    assert row.first[0].calls == ("b2:greet-True",)


def test_orders_that_disagree_prefer_no_side() -> None:
    [both] = comparisons(ANSWERS, [judged(ONE, OTHER, 0.9), judged(OTHER, ONE, 0.9)])
    assert both.rows[0].prefers("A", "B") == "orders disagree"


def test_what_could_not_be_read_is_no_preference_and_no_tie() -> None:
    said = [judged(ONE, OTHER, None), judged(ONE, OTHER, 0.5, "brief"), judged("elsewhere", ONE, 0.9)]
    [both] = comparisons(ANSWERS, said)
    assert [each.prefers("A", "B") for each in both.rows] == ["", "even"]
    assert both.rows[0].first[0].state == "unreadable"
