"""What a step asks, and one number of what was said: dropout that a resumed run repeats, hard criteria, failures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.judging.group_rewards.criteria import JudgedBy, numbers
from rlaif.judging.scales import Scale
from rlaif.records import Judgment, Principle, Rubric, RubricCriterion, State
from tests.judging.builders import constitution, judged, principle, prompt

TO = prompt()
HOUSE = constitution(*(principle(name) for name in "abcdefgh"), principle("z", hard=True))
MERIT, FAULT = principle("merit"), Principle(id="fault", text="It lies.", weight=-1.0)


def rubric(*criteria: tuple[str, float]) -> Rubric:
    return Rubric(
        prompt=TO.messages,
        criteria=tuple(RubricCriterion(id=name, text=name, weight=weight) for name, weight in criteria),
    )


def said(**of: dict[str, float | State]) -> dict[str, list[Judgment]]:
    """Judgments by completion and principle; a state stands for a failure."""
    return {
        name: [
            judged((name,), which, None, state=value)
            if isinstance(value, State)
            else judged((name,), which, value)
            for which, value in own.items()
        ]
        for name, own in of.items()
    }


def asked(by: JudgedBy, step: int, seed: int = 0) -> set[str]:
    found = by.rubrics_of([TO], step=step, seed=seed)
    assert found is not None
    held = found[TO.id]
    assert held is not None
    return {each.id for each in held.criteria}


def test_without_dropout_and_rubrics_principles_are_asked_as_they_are() -> None:
    assert JudgedBy(constitution=HOUSE).rubrics_of([TO], step=1, seed=0) is None


def test_dropout_leaves_out_its_share_others_in_each_step_and_never_a_hard_one() -> None:
    by = JudgedBy(constitution=HOUSE, dropout=0.25)
    steps = [asked(by, step) for step in range(20)]
    assert {len(each) for each in steps} == {6}
    assert len({frozenset(each) for each in steps}) > 5
    # hard principles are asked beside, of the constitution itself
    assert set().union(*steps) == set("abcdefgh")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 5), st.floats(0.01, 0.9))
def test_a_resumed_run_leaves_out_what_it_would_have_left_out(step: int, seed: int, share: float) -> None:
    first = asked(JudgedBy(constitution=HOUSE, dropout=share), step, seed)
    assert asked(JudgedBy(constitution=HOUSE, dropout=share), step, seed) == first


def test_rubrics_are_thinned_too_and_a_prompt_without_one_has_none() -> None:
    whole = rubric(*((name, 1.0) for name in "abcd"))
    by = JudgedBy(constitution=HOUSE, rubrics={TO.id: whole}, dropout=0.5)
    assert len(asked(by, 3)) == 2
    other = prompt("something else")
    found = by.rubrics_of([other], step=0, seed=0)
    assert found == {other.id: None}


def test_the_scale_knows_faults_and_hard_criteria() -> None:
    assert JudgedBy(constitution=constitution(principle("a"))).scale == Scale(lowest=0.0, highest=1.0)
    assert JudgedBy(constitution=HOUSE).scale == Scale(lowest=-1.0, highest=1.0)
    faults = JudgedBy(constitution=HOUSE, rubrics={TO.id: rubric(("a", 1.0), ("b", -1.0))})
    assert faults.scale == Scale(lowest=-2.0, highest=1.0)


def test_a_number_is_the_weighted_mean_over_principles() -> None:
    rules = [principle("a", weight=3.0), principle("b")]
    found = numbers(rules, said(x={"a": 1.0, "b": 0.0}, y={"a": 0.0, "b": 1.0}))
    assert {name: each.value for name, each in found.items()} == {"x": 0.75, "y": 0.25}


def test_what_was_read_by_other_principles_is_made_comparable() -> None:
    # `b` is met by all: who was not read by it is not the worse for it
    found = numbers(
        [principle("a"), principle("b")],
        said(x={"a": 0.2, "b": 1.0}, y={"a": 0.6, "b": State.UNREADABLE}, z={"a": 0.4, "b": 1.0}),
    )
    values = {name: each.value or 0.0 for name, each in found.items()}
    assert values["x"] < values["z"] < values["y"]


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_criterion_of_either_sign_that_fails_neither_passes_nor_fails(sign: float) -> None:
    criterion = MERIT if sign > 0 else FAULT
    rules = [principle("base", weight=2.0), criterion]
    found = numbers(
        rules,
        said(
            met={"base": 0.5, criterion.id: 1.0},
            unmet={"base": 0.5, criterion.id: 0.0},
            lost={"base": 0.5, criterion.id: State.UNREADABLE},
        ),
    )
    met, unmet, lost = (found[name].value for name in ("met", "unmet", "lost"))
    assert met is not None
    assert unmet is not None
    assert lost is not None
    good, bad = (met, unmet) if sign > 0 else (unmet, met)
    assert bad < lost < good


def test_of_less_than_half_of_the_weight_there_is_no_number_and_its_reason_is_told() -> None:
    rules = [principle("a"), principle("b", weight=3.0)]
    found = numbers(rules, said(x={"a": 1.0, "b": State.TRANSPORT}, y={"a": 1.0, "b": 1.0}))
    assert (found["x"].value, found["x"].state) == (None, State.TRANSPORT)
    assert found["y"].value == 1.0


def test_each_hard_principle_that_is_violated_takes_off_one_and_one_unread_leaves_no_number() -> None:
    rules = [principle("a"), principle("h", hard=True), principle("i", hard=True)]
    found = numbers(
        rules,
        said(
            keeps={"a": 0.0, "h": 1.0, "i": 1.0},
            breaks={"a": 1.0, "h": 0.0, "i": 1.0},
            breaks_both={"a": 1.0, "h": 0.0, "i": 0.0},
            unread={"a": 1.0, "h": State.UNREADABLE, "i": 1.0},
            silent={"a": 1.0, "h": State.ABSTAIN, "i": 1.0},
        ),
    )
    values = {name: each.value for name, each in found.items()}
    assert values["unread"] is None
    assert values["silent"] is not None
    assert (values["keeps"] or 0) > 0 > (values["breaks"] or 0) > (values["breaks_both"] or 0)


def test_a_judge_that_abstains_from_all_says_nothing_and_one_without_a_number_of_the_whole_failed() -> None:
    found = numbers([principle("a")], said(x={"a": State.ABSTAIN}, y={"a": 1.0}))
    assert (found["x"].value, found["x"].state) == (None, State.ABSTAIN)
    whole = {"x": [judged(("x",), None, None, state=State.ABSTAIN, protocol="reward")]}
    assert numbers([], whole)["x"].state is State.UNREADABLE


def test_a_reward_of_the_whole_is_taken_as_it_is() -> None:
    whole = {"x": [judged(("x",), None, -7.5, protocol="reward")]}
    assert numbers([principle("a")], whole)["x"].value == -7.5
