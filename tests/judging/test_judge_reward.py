"""A judge as a reward, weighted sums with hard parts, and ensembles: None where there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from rlaif.errors import InputError
from rlaif.judging import GoldJudge
from rlaif.judging.function_judge import FunctionReward
from rlaif.judging.judge_reward import EnsembleReward, JudgeReward, RewardPart, Together, WeightedReward
from rlaif.judging.rewards import NamedRewardJudge
from rlaif.records import Completion, Principle, Prompt
from tests.judging.builders import completion, constitution, principle, prompt

TO = prompt()
HOUSE = constitution(principle("a", weight=3.0), principle("b"))


class Letters:
    """A gold: a response follows the principle whose letter it has; `?` cannot be told."""

    def grade(self, asked: Prompt, text: str, principles: Sequence[Principle]) -> Mapping[str, bool | None]:
        return {each.id: None if f"{each.id}?" in text else each.id in text for each in principles}


def rewards(*texts: str, rules: object = HOUSE) -> list[float | None]:
    found = JudgeReward(GoldJudge(Letters()), rules)  # type: ignore[arg-type]
    return found.rewards([TO] * len(texts), [completion(each) for each in texts])


def fixed(*numbers: float | None) -> FunctionReward:
    """Numbers by the length of the completion: that of the first for one letter, and so on."""
    return FunctionReward("fixed", lambda _, each: numbers[len(each.text) - 1], fingerprint="f")


def of(reward: object, count: int) -> list[float | None]:
    texts = [completion("x" * (place + 1)) for place in range(count)]
    return list(reward.rewards([TO] * count, texts))  # type: ignore[attr-defined]


def test_a_judges_reward_is_the_weighted_mean_over_principles() -> None:
    assert rewards("ab", "a", "b", "-", "a") == [1.0, 0.75, 0.25, 0.0, 0.75]


def test_a_principle_that_says_nothing_here_is_left_out() -> None:
    assert rewards("a b?", "a? b?") == [1.0, None]


def test_each_hard_principle_that_is_violated_costs_more_than_all_others_give() -> None:
    hard = constitution(principle("a", hard=True), principle("b"), principle("c"))
    kept, broken = rewards("a", "bc", rules=hard)
    assert kept == pytest.approx(1 / 3)
    assert broken == pytest.approx(2 / 3 - 1)


def test_a_judge_with_rewards_of_its_own_gives_them() -> None:
    judge = NamedRewardJudge(fixed(7.5, None))
    assert of(JudgeReward(judge, HOUSE), 2) == [7.5, None]


def test_what_was_cut_off_has_no_reward() -> None:
    found = JudgeReward(GoldJudge(Letters()), HOUSE)
    whole, cut = completion("ab"), Completion(prompt_id=TO.id, text="ab!", policy="p", finish="length")
    assert found.rewards([TO, TO], [whole, cut]) == [1.0, None]


@pytest.mark.parametrize(
    ("protocol", "why"),
    [
        ("rank", "orders the completions"),
        ("compare", "no protocol that judges one"),
        ("score", "needs a model"),
    ],
)
def test_a_protocol_without_a_number_of_one_completion_is_refused(protocol: str, why: str) -> None:
    with pytest.raises(InputError, match=why):
        JudgeReward(GoldJudge(Letters()), HOUSE, protocol=protocol)


def test_a_reward_is_another_one_by_judge_constitution_and_protocol() -> None:
    judge = GoldJudge(Letters())
    marks = {
        JudgeReward(judge, HOUSE).fingerprint,
        JudgeReward(judge, constitution(principle("a"))).fingerprint,
        JudgeReward(NamedRewardJudge(fixed(1.0)), HOUSE).fingerprint,
    }
    assert len(marks) == 3


def test_a_weighted_sum_is_none_where_a_part_is_and_the_floor_where_a_hard_part_fails() -> None:
    parts = [
        RewardPart(reward=fixed(1.0, 2.0, None, 4.0, None), weight=0.5),
        RewardPart(reward=fixed(1.0, 1.0, 1.0, 1.0, 1.0)),
        RewardPart(reward=fixed(1.0, 0.0, 1.0, None, 0.2), hard=True),
    ]
    assert of(WeightedReward(parts, floor=-9.0), 5) == [1.5, -9.0, None, None, -9.0]


def test_a_weighted_sum_needs_a_sum_and_a_floor() -> None:
    hard = RewardPart(reward=fixed(1.0), hard=True)
    with pytest.raises(InputError, match="not hard"):
        WeightedReward([hard], floor=0.0)
    with pytest.raises(InputError, match="needs a floor"):
        WeightedReward([hard, RewardPart(reward=fixed(1.0))])


@pytest.mark.parametrize(("together", "number"), [("mean", 2.0), ("min", 1.0), ("mean-variance", 1.5)])
def test_an_ensemble_is_its_mean_its_least_or_less_where_its_members_differ(
    together: Together, number: float
) -> None:
    found = EnsembleReward([fixed(1.0, 1.0), fixed(3.0, None)], together=together)
    assert of(found, 2) == [number, None]


def test_one_reward_is_no_ensemble() -> None:
    with pytest.raises(InputError, match="at least two"):
        EnsembleReward([fixed(1.0)])
