"""r is the weighted mean with faults below 0; what failed stands in neither sum, whatever the sign of its weight."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from rlaif.judging.rubrics import (
    as_principles,
    broken,
    criteria_by_prompt,
    rewards,
    summed,
    under,
    unread_hard,
)
from rlaif.records import Judgment, Principle, Rubric, RubricCriterion, State
from tests.judging.builders import completion, judged, principle, prompt

MERIT, FAULT = principle("merit", weight=3.0), principle("fault", weight=-1.0)


def whole(said: Mapping[str, float | State], criteria: list[Principle]) -> Judgment:
    text = completion("hello")
    read = {
        (text.id, name): judged((text.id,), name, value)
        if isinstance(value, float)
        else judged((text.id,), name, None, state=value)
        for name, value in said.items()
    }
    (found,) = summed("rubric", "b2:judge", [(prompt(), text)], {prompt().id: criteria}, read)
    return found


@pytest.mark.parametrize(
    ("merit", "fault", "number"),
    [(1.0, 0.0, 0.75), (1.0, 1.0, 0.5), (0.0, 0.0, 0.0), (0.0, 1.0, -0.25), (0.5, 0.5, 0.25)],
)
def test_the_number_is_the_weighted_mean_with_faults_below_zero(
    merit: float, fault: float, number: float
) -> None:
    # (3 x merit - 1 x fault) / (3 + 1), by hand
    found = whole({"merit": merit, "fault": fault}, [MERIT, FAULT])
    assert found.value == pytest.approx(number)


@pytest.mark.parametrize("failed", [State.UNREADABLE, State.TRUNCATED, State.TRANSPORT, State.JUDGE_REFUSED])
def test_a_failed_criterion_is_no_zero_in_either_sign(failed: State) -> None:
    other = principle("other", weight=-3.0)
    without_fault = whole({"merit": 0.8, "fault": failed}, [MERIT, FAULT])
    assert without_fault.value == pytest.approx(0.8)
    # with a zero for the fault it would be .6, with a zero for the merit -.25
    without_merit = whole({"merit": failed, "other": 1.0}, [MERIT, other])
    assert without_merit.value == pytest.approx(-1.0)
    assert [row.get("p") for row in without_merit.criteria] == [None, 1.0]
    assert "1 of 2 criteria" in without_merit.detail


def test_beyond_half_of_the_weight_the_whole_is_unreadable() -> None:
    found = whole({"merit": State.TRUNCATED, "fault": 1.0}, [MERIT, FAULT])
    assert (found.state, found.value) == (State.TRUNCATED, None)
    assert whole({}, [MERIT]).state is State.TRANSPORT


def test_a_criterion_from_which_the_judge_abstains_is_no_failure() -> None:
    found = whole({"merit": State.ABSTAIN, "fault": 1.0}, [MERIT, FAULT])
    assert found.value == pytest.approx(-1.0)


def test_siblings_that_were_read_by_different_criteria_are_compared_by_what_both_have() -> None:
    easy, hard = principle("easy"), principle("hard")
    read = {"one": {"easy": 1.0, "hard": 0.2}, "other": {"easy": 0.9}}
    found = rewards(read, [easy, hard])
    # a plain mean of what was read says .6 against .9: the other would win for a question that nobody could read
    assert found["one"] == pytest.approx(0.6)
    assert found["one"] - found["other"] == pytest.approx(0.1)


def test_numbers_of_whole_readings_are_the_formula_whatever_the_weights() -> None:
    draws = random.Random(5)
    for _ in range(200):
        weights = [draws.choice([-2.0, -0.5, 0.0, 1.0, 4.0]) for _ in range(4)]
        criteria = [principle(f"c{place}", weight=each) for place, each in enumerate(weights)]
        read = {name: {each.id: draws.random() for each in criteria} for name in "abc"}
        if not any(weights):
            assert rewards(read, criteria) == {}
            continue
        found = rewards(read, criteria)
        for name, own in read.items():
            by_hand = sum(each.weight * own[each.id] for each in criteria) / sum(map(abs, weights))
            assert found[name] == pytest.approx(by_hand)
            assert -1 <= found[name] <= 1


def test_a_hard_merit_fails_where_it_is_missing_and_a_hard_fault_where_it_is_there() -> None:
    criteria = [principle("must", hard=True), principle("must-not", weight=-1.0, hard=True)]
    assert broken(whole({"must": 0.4, "must-not": 0.6}, criteria)) == ["must", "must-not"]
    assert broken(whole({"must": 0.6, "must-not": 0.4}, criteria)) == []
    unread = whole({"must": 0.6, "must-not": State.UNREADABLE}, criteria)
    assert [row["id"] for row in unread_hard(unread)] == ["must-not"]


def test_criteria_apply_to_the_prompts_of_their_rubric_alone() -> None:
    one, other = prompt("one"), prompt("other", tags=("named",))
    rubrics = {
        each.id: Rubric(prompt=each.messages, criteria=(RubricCriterion(id="c1", text=f"about {each.text}"),))
        for each in (one, other)
    }
    asked = as_principles(rubrics.values())
    tagged = [under(each, rubrics[each.id]) for each in (one, other)]
    assert [each.id for each in tagged] == [one.id, other.id]
    found = criteria_by_prompt(tagged, asked)
    assert {name: [each.text for each in own] for name, own in found.items()} == {
        one.id: ["about one"],
        other.id: ["about other"],
    }


def test_criteria_are_chosen_as_principles_apply() -> None:
    from rlaif.constitution import applies

    draws = random.Random(3)
    for _ in range(100):
        rules = [
            principle(f"p{place}", applies_to=tuple(draws.sample("xyz", draws.randint(0, 2))))
            for place in range(5)
        ]
        asked = prompt(str(draws.random()), tags=tuple(draws.sample("xyz", draws.randint(0, 2))))
        found = criteria_by_prompt([asked], rules)[asked.id]
        assert found == [each for each in rules if applies(each, asked)]


def test_the_judgment_carries_the_rubrics_own_digest() -> None:
    rubric = Rubric(
        prompt=prompt().messages,
        criteria=(
            RubricCriterion(id="merit", text=MERIT.text, weight=3.0),
            RubricCriterion(id="f", text="f", weight=-1.0),
        ),
    )
    text = completion("hello")
    criteria = {prompt().id: as_principles([rubric])}
    (found,) = summed("rubric", "b2:judge", [(prompt(), text)], criteria, {})
    assert found.rubric == rubric.digest
