"""A reward is tried before it is trained on: what always fails, is no number, or never differs, is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from rlaif.errors import InputError
from rlaif.judging.group_rewards.combined import Combined, WeighedPart
from rlaif.judging.group_rewards.criteria import JudgedBy
from rlaif.judging.group_rewards.part import GroupPart
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.judging.group_rewards.probe import probe
from rlaif.records import Completion, State
from tests.judging.builders import constitution, principle, prompt

from .groups import Fixed, group, numbered, worth

HOUSE = JudgedBy(constitution=constitution(principle("a")))
PROMPTS = [prompt("one"), prompt("two")]
DRAWN = [
    group(*map(str, range(1, 10)), to=PROMPTS[0]).completions,
    group(*map(str, range(10, 19)), to=PROMPTS[1]).completions,
]


def by(function: Callable[[Completion], float | None], name: str = "f") -> GroupPart:
    return PointwisePart(name, numbered(function, name), HOUSE)


def tried(*parts: WeighedPart | GroupPart, drawn: list[object] | None = None) -> list[str]:
    weighed = [each if isinstance(each, WeighedPart) else WeighedPart(part=each) for each in parts]
    reward = PartsReward(Combined(weighed, floor=-9.0))
    return probe(reward, PROMPTS, drawn or DRAWN, seed=0, where="x.yaml:3")  # type: ignore[arg-type]


def test_a_reward_that_differs_passes() -> None:
    assert tried(by(worth)) == []


@pytest.mark.parametrize(
    ("gives", "why"),
    [
        (float("nan"), "nan is no number"),
        (float("inf"), "inf is no number"),
        ("high", "'high' is no number"),
        (None, "the judge gave no number"),
    ],
)
def test_a_reward_that_is_never_a_finite_number_is_refused_with_its_reason(gives: object, why: str) -> None:
    with pytest.raises(InputError, match="no number of any of 18 completions") as told:
        tried(by(lambda _: gives))  # type: ignore[arg-type, return-value]
    assert why in str(told.value)


def test_a_component_that_always_fails_is_refused_beside_others() -> None:
    def broken(_: Completion) -> float:
        raise OSError("no such model")

    with pytest.raises(InputError, match=r"reward part 'broken'.*raised OSError: no such model"):
        tried(by(worth), by(broken, "broken"))


def test_a_constant_reward_is_refused_and_so_is_one_that_only_prompts_decide() -> None:
    with pytest.raises(InputError, match="does not differ between the completions of any of 2 prompts"):
        tried(by(lambda _: 0.5))
    with pytest.raises(InputError, match="nothing can be learned"):
        tried(by(lambda each: float(each.prompt_id == PROMPTS[0].id)))


def test_a_reward_that_is_rare_at_first_is_warned_of_and_not_refused() -> None:
    rare = WeighedPart(part=by(lambda _: 0.0, "right"), rare=True)
    assert tried(rare) == [
        "reward: does not differ between the completions of any of 2 prompts, so that nothing can be learned from them",
        "reward part 'right': is 0 for all 18 different completions",
    ]


def test_few_completions_do_not_make_a_reward_constant() -> None:
    few = [each[:2] for each in DRAWN]
    assert tried(by(lambda _: 0.5), drawn=few) == []  # type: ignore[arg-type]


def test_single_completions_of_prompts_are_compared_with_each_other() -> None:
    alone = [[each] for each in group(*map(str, range(16))).completions]
    reward = PartsReward(Combined([WeighedPart(part=by(lambda _: 0.5))]))
    with pytest.raises(InputError, match="does not differ"):
        probe(reward, [prompt()] * 16, alone, seed=0, where="x.yaml:3")


def test_a_constant_component_and_one_that_fails_now_and_then_are_warned_of() -> None:
    sometimes = by(lambda each: None if each.text in ("1", "2", "3") else worth(each), "sometimes")
    assert tried(by(worth), by(lambda _: 0.5, "flat"), sometimes) == [
        "reward part 'flat': is 0.5 for all 18 different completions",
        "reward part 'sometimes': has no number of 3 of 18 completions",
    ]


def test_a_component_that_has_nothing_to_say_of_these_prompts_is_warned_of() -> None:
    said_of_none = Fixed("json", dict.fromkeys(map(str, range(1, 19)), State.ABSTAIN))
    assert tried(by(worth), said_of_none) == [
        "reward part 'json': has nothing to say of any of 18 completions"
    ]
    with pytest.raises(InputError, match="none of 18 completions has a reward"):
        tried(said_of_none)


def test_a_condition_that_nobody_meets_leaves_nothing_to_learn() -> None:
    never = WeighedPart(part=Fixed("never", dict.fromkeys(map(str, range(1, 19)), 0.0)), at_least=0.5)
    with pytest.raises(InputError, match="does not differ"):
        tried(by(worth), never)


def test_a_condition_that_half_can_be_read_beside_a_part_that_half_can_leaves_no_total() -> None:
    odd = by(lambda each: worth(each) if int(each.text) % 2 else None, "odd")
    even = WeighedPart(part=by(lambda each: None if int(each.text) % 2 else 1.0, "even"), at_least=0.5)
    whole = PartsReward(Combined([WeighedPart(part=odd), even], floor=-1.0))
    with pytest.raises(InputError, match=r"none of 18 completions has a reward: .*odd: unreadable"):
        probe(whole, PROMPTS, DRAWN, seed=0, where="x.yaml:3")


def test_a_probe_of_nothing_but_cut_off_completions_says_so() -> None:
    cut = [[replace(each, finish="length") for each in own] for own in DRAWN]
    [said] = tried(by(worth), drawn=cut)  # type: ignore[arg-type]
    assert "raise max_tokens" in said
