"""Components with weights, conditions and normalisation as one number, and what cannot be put together."""

from __future__ import annotations

import pytest

from rlaif.errors import InputError
from rlaif.judging.group_rewards.combined import Combined, WeighedPart
from rlaif.judging.group_rewards.part import PromptGroup
from rlaif.judging.scales import Scale
from rlaif.records import State

from .groups import Fixed, group

UNIT = Scale()
GROUP = [group("x", "y", "z")]


def fixed(name: str, *numbers: float | State, scale: Scale = UNIT) -> Fixed:
    return Fixed(name, dict(zip("xyz", numbers, strict=True)), scale)


def found(made: Combined, groups: list[PromptGroup] = GROUP) -> list[float | None]:
    return [each.value for each in made.readings(groups, step=0, seed=0)]


HELP = WeighedPart(part=fixed("help", 0.2, 0.9, 0.5), weight=2.0)


def test_a_sum_has_weights_and_whoever_breaks_a_condition_the_usual_floor() -> None:
    safe = WeighedPart(part=fixed("safe", 1.0, 0.4, 0.5), at_least=0.5)
    assert found(Combined([HELP, safe])) == [pytest.approx(0.4), -2.0, pytest.approx(1.0)]
    assert found(Combined([HELP, safe], floor=-9.0))[1] == -9.0


def test_a_condition_that_could_not_be_read_leaves_no_reward_and_one_that_says_nothing_is_met() -> None:
    safe = WeighedPart(part=fixed("safe", State.UNREADABLE, State.ABSTAIN, State.TRANSPORT), at_least=0.5)
    assert found(Combined([HELP, safe])) == [None, pytest.approx(1.8), None]


def test_rewards_without_a_least_number_need_a_floor_beside_a_condition() -> None:
    model = WeighedPart(part=Fixed("rm", {}))
    safe = WeighedPart(part=fixed("safe", 1.0, 1.0, 1.0), at_least=0.5)
    with pytest.raises(InputError, match="floor: -10"):
        Combined([model, safe])
    with pytest.raises(InputError, match="floor: -10"):
        Combined([WeighedPart(part=HELP.part, normalise="batch"), safe])
    Combined([model, safe], floor=-3.0)


def test_conditions_alone_make_no_reward() -> None:
    with pytest.raises(InputError, match="all parts are hard"):
        Combined([WeighedPart(part=HELP.part, at_least=0.5)])


def test_numbers_below_0_are_not_multiplied() -> None:
    with pytest.raises(InputError, match="rm: its numbers may be below 0"):
        Combined([HELP, WeighedPart(part=Fixed("rm", {}))], together="product")


def test_an_ensemble_is_a_component_of_a_product_as_safe_completions_need_it() -> None:
    direct, other = fixed("direct", 0.9, 0.0, 0.1), fixed("alternative", 0.1, 0.8, 0.2)
    best = Combined([WeighedPart(part=direct), WeighedPart(part=other)], together="max", name="helps")
    safe = fixed("safe", 0.0, 1.0, 0.5)
    whole = Combined([WeighedPart(part=best), WeighedPart(part=safe)], together="product")
    assert found(whole) == [0.0, pytest.approx(0.8), pytest.approx(0.1)]


def test_an_ensemble_of_which_a_member_fails_says_why() -> None:
    one, other = fixed("one", 0.5, 0.5, 0.5), fixed("other", State.TRUNCATED, 0.5, 0.5)
    made = Combined([WeighedPart(part=one), WeighedPart(part=other)], together="min")
    [first, *_] = made.readings(GROUP, step=0, seed=0)
    assert (first.value, first.state, first.detail) == (None, State.TRUNCATED, "no answer")


def test_each_component_is_standardised_by_itself() -> None:
    small = WeighedPart(part=fixed("small", 0.00, 0.01, 0.02), normalise="group")
    great = WeighedPart(part=fixed("great", 200.0, 100.0, 0.0), normalise="group")
    # their units say nothing: they cancel, but for the 1e-4 beside each deviation
    assert found(Combined([small, great])) == pytest.approx([0.0, 0.0, 0.0], abs=0.02)


def test_totals_say_whether_they_are_sums_of_the_numbers_as_given() -> None:
    safe = WeighedPart(part=fixed("safe", 1.0, 1.0, 1.0), at_least=0.5)
    broken = WeighedPart(part=fixed("safe", 1.0, 0.0, 1.0), at_least=0.5)

    def additive(made: Combined) -> bool:
        return made.additive(made.columns(GROUP, step=0, seed=0))

    assert additive(Combined([HELP]))
    assert additive(Combined([HELP, safe]))
    assert not additive(Combined([HELP, broken]))
    assert not additive(Combined([WeighedPart(part=HELP.part, normalise="batch")]))
    assert not additive(Combined([HELP, HELP], together="mean"))


def test_a_reward_is_another_one_by_its_parts_and_by_how_they_are_put_together() -> None:
    marks = {
        Combined([HELP]).fingerprint,
        Combined([WeighedPart(part=HELP.part)]).fingerprint,
        Combined([HELP, HELP]).fingerprint,
        Combined([HELP, HELP], together="mean").fingerprint,
        Combined([HELP, HELP], floor=-7.0).fingerprint,
    }
    assert len(marks) == 5
