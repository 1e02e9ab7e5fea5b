from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rlaif.judging import decide, from_checklist, share_of
from rlaif.judging.rules import CLIP
from rlaif.records import Judgment, NoPair, Prompt, State

from .builders import both, completion, constitution, judged, principle, prompt

HOUSE = constitution(principle("greet"), principle("warn", weight=2.0))
P = st.floats(0, 1)


def logit(p: float) -> float:
    p = min(max(p, CLIP), 1 - CLIP)
    return math.log(p / (1 - p))


def test_the_label_is_the_weighted_sum_of_log_odds() -> None:
    found = decide(HOUSE, prompt(), [*both("a", "b", "greet", 0.9), *both("a", "b", "warn", 0.4)], first="a")
    wanted = logit(0.9) + 2 * logit(0.4)
    assert found.label_prob == pytest.approx(1 / (1 + math.exp(-wanted)))
    assert found.principles == (
        {"id": "greet", "p": pytest.approx(0.9)},
        {"id": "warn", "p": pytest.approx(0.4)},
    )


def test_p_is_the_mean_over_both_orders() -> None:
    found = decide(HOUSE, prompt(), both("a", "b", "greet", 0.9, 0.3), first="a")
    assert found.label_prob == pytest.approx(0.8)


def test_temperature_cools_the_label() -> None:
    warm = constitution(principle("greet"), temperature=4.0)
    found = decide(warm, prompt(), both("a", "b", "greet", 0.9), first="a")
    assert found.label_prob == pytest.approx(1 / (1 + math.exp(-logit(0.9) / 4)))


@given(st.lists(st.tuples(P, P), min_size=2, max_size=2))
def test_naming_the_other_one_first_turns_the_label_round(ps: list[tuple[float, float]]) -> None:
    judgments = [*both("a", "b", "greet", *ps[0]), *both("a", "b", "warn", *ps[1])]
    for rule in ("log-odds", "majority", "min", "lexicographic"):
        house = constitution(*HOUSE.principles, rule=rule)
        one, other = (decide(house, prompt(), judgments, first=name) for name in "ab")
        assert one.reason == other.reason
        if one.label_prob is not None and other.label_prob is not None:
            assert one.label_prob == pytest.approx(1 - other.label_prob)


@given(st.lists(st.tuples(P, P), min_size=2, max_size=2), st.randoms())
def test_the_order_of_judgments_does_not_matter(ps: list[tuple[float, float]], random) -> None:
    judgments = [*both("a", "b", "greet", *ps[0]), *both("a", "b", "warn", *ps[1])]
    shuffled = judgments[:]
    random.shuffle(shuffled)
    assert decide(HOUSE, prompt(), judgments, first="a") == decide(HOUSE, prompt(), shuffled, first="a")


@given(
    P, st.sampled_from(["log-odds", "majority", "min", "lexicographic"]), st.sampled_from(["drop", "average"])
)
def test_a_judge_that_follows_position_makes_no_pair(p: float, rule: str, inconsistent) -> None:
    house = constitution(*HOUSE.principles, rule=rule)
    judgments = [*both("a", "b", "greet", p, p), *both("a", "b", "warn", p, p)]
    found = decide(house, prompt(), judgments, first="a", inconsistent=inconsistent)
    assert found.label_prob is None
    assert found.reason in (NoPair.INCONSISTENT, NoPair.TIE)


def test_a_judge_that_leans_to_a_place_but_sees_the_difference_can_be_averaged() -> None:
    judgments = both("a", "b", "greet", 0.95, 0.6)
    assert decide(HOUSE, prompt(), judgments, first="a").reason is NoPair.INCONSISTENT
    kept = decide(HOUSE, prompt(), judgments, first="a", inconsistent="average")
    assert kept.label_prob == pytest.approx(0.675)
    assert not kept.order_consistent


def test_principles_that_cancel_each_other_are_undecided_and_alike_ones_a_tie() -> None:
    house = constitution(principle("greet"), principle("warn"))
    against = [*both("a", "b", "greet", 0.9), *both("a", "b", "warn", 0.1)]
    assert decide(house, prompt(), against, first="a").reason is NoPair.UNDECIDED
    alike = [*both("a", "b", "greet", 0.5), *both("a", "b", "warn", 0.51)]
    assert decide(house, prompt(), alike, first="a").reason is NoPair.TIE


def test_a_said_tie_counts_as_one_half() -> None:
    said = [judged(pair, "warn", None, state=State.TIE) for pair in (("a", "b"), ("b", "a"))]
    assert decide(HOUSE, prompt(), said, first="a").reason is NoPair.TIE
    found = decide(HOUSE, prompt(), [*said, *both("a", "b", "greet", 0.9)], first="a")
    assert found.label_prob == pytest.approx(0.9)
    assert {"id": "warn", "p": 0.5} in found.principles


FAILURES = [State.UNREADABLE, State.JUDGE_REFUSED, State.TRUNCATED, State.TRANSPORT, State.ABSTAIN]


@pytest.mark.parametrize("state", FAILURES)
def test_a_failure_never_becomes_a_pair(state: State) -> None:
    said = [judged(pair, "greet", None, state=state) for pair in (("a", "b"), ("b", "a"))]
    found = decide(HOUSE, prompt(), said, first="a")
    assert found.label_prob is None
    assert found.reason == NoPair(state.value)
    assert found.unread == ("greet", "warn")


@given(st.sampled_from(FAILURES), P, st.booleans())
def test_a_principle_that_is_read_in_one_order_only_has_no_voice(
    state: State, p: float, forward: bool
) -> None:
    pair = ("a", "b") if forward else ("b", "a")
    said = [judged(pair, "greet", p), judged(pair[::-1], "greet", None, state=state)]
    found = decide(HOUSE, prompt(), said, first="a")
    assert found.label_prob is None
    assert found.reason == NoPair(state.value)


def test_readable_principles_decide_without_the_unreadable_ones() -> None:
    said = [judged(pair, "warn", None, state=State.UNREADABLE) for pair in (("a", "b"), ("b", "a"))]
    found = decide(HOUSE, prompt(), [*said, *both("a", "b", "greet", 0.9)], first="a")
    assert found.label_prob == pytest.approx(0.9)
    assert found.unread == ("warn",)


def test_nothing_said_is_nothing_decided() -> None:
    assert decide(HOUSE, prompt(), [], first="a").reason is NoPair.UNDECIDED


def test_principles_that_do_not_apply_do_not_count() -> None:
    house = constitution(principle("greet"), principle("warn", applies_to=("harmful",)))
    asked = prompt(tags=("sum",))
    found = decide(house, asked, [*both("a", "b", "greet", 0.9), *both("a", "b", "warn", 0.01)], first="a")
    assert found.label_prob == pytest.approx(0.9)
    stray = both("a", "b", "never heard of", 0.01)
    assert decide(house, asked, stray, first="a").label_prob is None


def test_the_majority_counts_weights() -> None:
    house = constitution(principle("a1"), principle("a2"), principle("b1", weight=3.0), rule="majority")
    judgments = [*both("x", "y", "a1", 0.9), *both("x", "y", "a2", 0.99), *both("x", "y", "b1", 0.45)]
    assert decide(house, prompt(), judgments, first="x").label_prob == pytest.approx(0.4)


def test_min_decides_by_what_each_side_does_worst() -> None:
    house = constitution(*(principle(name) for name in "abc"), rule="min")
    judgments = [*both("x", "y", "a", 0.9), *both("x", "y", "b", 0.9), *both("x", "y", "c", 0.3)]
    assert decide(house, prompt(), judgments, first="x").label_prob == pytest.approx(0.75)


def test_lexicographic_takes_the_first_that_is_clear() -> None:
    house = constitution(*(principle(name) for name in "abc"), rule="lexicographic")
    judgments = [*both("x", "y", "a", 0.55), *both("x", "y", "b", 0.2), *both("x", "y", "c", 0.99)]
    assert decide(house, prompt(), judgments, first="x").label_prob == pytest.approx(0.2)


def test_a_group_is_heard_together_and_the_first_clear_group_decides() -> None:
    # in the first group two that lean to y together outweigh one that is clearly for x; the second never speaks
    first = [principle(name, group="first") for name in ("a", "b", "c")]
    house = constitution(*first, principle("d", group="second"), rule="lexicographic")
    judgments = [
        *both("x", "y", "a", 0.7),
        *both("x", "y", "b", 0.25),
        *both("x", "y", "c", 0.25),
        *both("x", "y", "d", 0.98),
    ]
    odds = math.log(0.7 / 0.3) + 2 * math.log(0.25 / 0.75)
    label = decide(house, prompt(), judgments, first="x").label_prob
    assert label == pytest.approx(1 / (1 + math.exp(-odds)))


def test_a_group_that_is_not_clear_leaves_the_decision_to_the_next() -> None:
    groups = {"a": "first", "b": "second", "c": "first"}
    house = constitution(*(principle(name, group=groups[name]) for name in "abc"), rule="lexicographic")
    # `c` stands behind `b` in the file, and speaks with its group before it
    torn = [*both("x", "y", "a", 0.8), *both("x", "y", "c", 0.2), *both("x", "y", "b", 0.1)]
    assert decide(house, prompt(), torn, first="x").label_prob == pytest.approx(0.1)
    clear = [*both("x", "y", "a", 0.8), *both("x", "y", "c", 0.5), *both("x", "y", "b", 0.1)]
    assert decide(house, prompt(), clear, first="x").label_prob == pytest.approx(0.8)


def test_a_principle_of_weight_0_decides_nothing_in_its_group() -> None:
    deaf = principle("a", group="first", weight=0.0)
    house = constitution(deaf, principle("b", group="first"), rule="lexicographic")
    judgments = [*both("x", "y", "a", 0.98), *both("x", "y", "b", 0.3)]
    assert decide(house, prompt(), judgments, first="x").label_prob == pytest.approx(0.3)


HARD = constitution(principle("no-harm", hard=True), principle("greet"))


@pytest.mark.parametrize(
    ("a", "b", "label", "reason"),
    [
        (0.1, 0.9, CLIP, None),
        (0.9, 0.1, 1 - CLIP, None),
        (0.1, 0.2, None, NoPair.BOTH_VIOLATE),
    ],
)
def test_a_hard_principle_that_one_violates_decides(a: float, b: float, label: float | None, reason) -> None:
    checklist = [judged(("a",), "no-harm", a), judged(("b",), "no-harm", b)]
    loud = both("a", "b", "greet", 0.98 if a < b else 0.02)
    found = decide(HARD, prompt(), loud, first="a", checklist=checklist)
    assert (found.label_prob, found.reason) == (label, reason)


def test_a_hard_principle_that_both_keep_leaves_the_rest_to_decide() -> None:
    checklist = [judged(("a",), "no-harm", 0.9), judged(("b",), "no-harm", 0.8)]
    found = decide(HARD, prompt(), both("a", "b", "greet", 0.9), first="a", checklist=checklist)
    assert found.label_prob == pytest.approx(0.9)


@pytest.mark.parametrize("state", [State.UNREADABLE, State.TRANSPORT])
def test_a_hard_principle_that_cannot_be_read_makes_no_pair(state: State) -> None:
    checklist = [judged(("a",), "no-harm", 0.9), judged(("b",), "no-harm", None, state=state)]
    found = decide(HARD, prompt(), both("a", "b", "greet", 0.9), first="a", checklist=checklist)
    assert (found.label_prob, found.reason) == (None, NoPair(state.value))


def test_a_hard_rating_is_a_violation_below_the_middle() -> None:
    checklist = [
        judged(("a",), "no-harm", 2.0, protocol="score"),
        judged(("b",), "no-harm", 4.0, protocol="score"),
    ]
    assert [share_of(each) for each in checklist] == [0.25, 0.75]
    found = decide(HARD, prompt(), both("a", "b", "greet", 0.9), first="a", checklist=checklist)
    assert found.label_prob == CLIP


@given(P, P)
def test_two_checklists_compare_as_their_odds(a: float, b: float) -> None:
    assume(abs(a - b) > 0.05)
    one, other = completion("a"), completion("b")
    checklist = [judged((one.id,), "greet", a), judged((other.id,), "greet", b)]
    found = decide(HOUSE, prompt(), from_checklist(checklist, one, other), first=one.id)
    assert found.label_prob is not None
    assert (found.label_prob > 0.5) == (a > b)
    assert found.order_consistent


@pytest.mark.parametrize("state", FAILURES)
def test_a_checklist_that_failed_compares_to_nothing(state: State) -> None:
    one, other = completion("a"), completion("b")
    checklist = [judged((one.id,), "greet", 0.9), judged((other.id,), "greet", None, state=state)]
    found = decide(HOUSE, prompt(), from_checklist(checklist, one, other), first=one.id)
    assert (found.label_prob, found.reason) == (None, NoPair(state.value))


STATES = st.sampled_from([*FAILURES, State.TIE, State.PREFERENCE])


@given(st.data())
def test_a_label_is_never_made_of_failures_alone(data: st.DataObject) -> None:
    judgments: list[Judgment] = []
    for name, pair in itertools.product(("greet", "warn"), (("a", "b"), ("b", "a"))):
        state = data.draw(STATES)
        value = data.draw(P) if state is State.PREFERENCE else None
        judgments.append(judged(pair, name, value, state=state))
    found = decide(HOUSE, prompt(), judgments, first="a", inconsistent="average")
    read = {
        name
        for name in ("greet", "warn")
        if all(each.state in (State.PREFERENCE, State.TIE) for each in judgments if each.principle_id == name)
    }
    assert {each["id"] for each in found.principles} == read
    assert read or found.label_prob is None
    assert (found.label_prob is None) == (found.reason is not None)


def test_a_prompt_of_many_turns_decides_alike() -> None:
    asked = Prompt(messages=(*prompt().messages, *prompt("and then").messages))
    assert decide(HOUSE, asked, both("a", "b", "greet", 0.9), first="a").label_prob == pytest.approx(0.9)


def test_principles_in_which_the_sides_are_alike_cannot_outshout_one_that_is_read_alike_in_both_orders() -> (
    None
):
    # ten principles follow the place, one names the same side twice: it decides
    alike = [f"p{place}" for place in range(10)]
    house = constitution(*[principle(each) for each in [*alike, "clear"]])
    judgments = [each for name in alike for each in both("a", "b", name, 0.7, 0.7)]
    found = decide(house, prompt(), [*judgments, *both("a", "b", "clear", 0.9, 0.1)], first="a")
    assert found.order_consistent
    assert found.label_prob is not None
    assert found.label_prob > 0.8


def test_one_principle_of_many_is_no_label_for_all() -> None:
    many = constitution(*(principle(f"p{n}") for n in range(5)))

    def said(read: int, lost: State) -> list[Judgment]:
        rest = [
            judged(seen, f"p{n}", None, state=lost)
            for n in range(read, 5)
            for seen in (("a", "b"), ("b", "a"))
        ]
        return [each for n in range(read) for each in both("a", "b", f"p{n}", 0.9)] + rest

    assert decide(many, prompt(), said(2, State.UNREADABLE), first="a").reason is NoPair.UNREADABLE
    assert decide(many, prompt(), said(3, State.UNREADABLE), first="a").label_prob is not None
    # what has nothing to say here is not missing
    assert decide(many, prompt(), said(1, State.ABSTAIN), first="a").label_prob is not None
