"""Any judge asked of each completion, or in a tournament of siblings, as a component of a reward."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from rlaif.errors import InputError
from rlaif.judging import GoldJudge, ModelJudge
from rlaif.judging.group_rewards.criteria import JudgedBy
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.judging.judge_reward import JudgeReward
from rlaif.judging.protocol import Judge
from rlaif.judging.rbr import RuleJudge, RuleReward, Weights
from rlaif.judging.scales import REWARD
from rlaif.records import Constitution, Principle, Prompt, Rubric, RubricCriterion, State
from tests.judging.builders import RuleEngine, constitution, principle, prompt
from tests.judging.rbr.builders import SaysJudge, rules

from .groups import TO, Letters, first_shown, group, numbered, oracle, pairs, worth

HOUSE = constitution(principle("a", weight=3.0), principle("b"))


def part(
    judge: Judge, house: Constitution = HOUSE, protocol: str | None = None, **by: object
) -> PointwisePart:
    return PointwisePart("j", judge, JudgedBy(constitution=house, **by), protocol=protocol)  # type: ignore[arg-type]


def values(made: PointwisePart, *texts: str, step: int = 0) -> list[float | None]:
    return [each.value for each in made.readings([group(*texts)], step=step, seed=0)]


class Forgetful(Letters):
    """A gold that cannot tell a share of what it is asked: the judge abstains there."""

    def __init__(self, share: float) -> None:
        self.share = share

    def grade(self, asked: Prompt, text: str, principles: Sequence[Principle]) -> Mapping[str, bool | None]:
        known = super().grade(asked, text, principles)
        return {
            name: None if random.Random(f"{text}|{name}").random() < self.share else each
            for name, each in known.items()
        }


def test_read_to_the_end_it_is_the_reward_of_one_completion_by_itself() -> None:
    texts = ["ab", "a", "b", "-"]
    alone = JudgeReward(GoldJudge(Letters()), HOUSE)
    items = group(*texts)
    assert values(part(GoldJudge(Letters())), *texts) == alone.rewards([TO] * 4, items.completions)


def test_groups_keep_their_order_and_equal_texts_have_one_number() -> None:
    other = prompt("another")
    found = part(GoldJudge(Letters())).readings([group("a", "-", "a"), group("ab", to=other)], step=0, seed=0)
    assert [each.value for each in found] == [0.75, 0.0, 0.75, 1.0]


def test_a_judge_with_rewards_of_its_own_gives_them_and_what_raises_is_a_failure() -> None:
    made = part(numbered(worth))
    assert made.scale == REWARD
    assert values(made, "7.5", "-2") == [7.5, -2.0]
    [bad, good] = made.readings([group("no number", "3")], step=0, seed=0)
    assert (bad.state, good.value) == (State.UNREADABLE, 3.0)
    assert bad.detail.startswith("raised ValueError")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "12", None])
def test_what_is_no_finite_number_is_a_failure(number: object) -> None:
    [found] = part(numbered(lambda _: number)).readings([group("x")], step=0, seed=0)  # type: ignore[arg-type, return-value]
    assert (found.value, found.state) == (None, State.UNREADABLE)


def test_fitted_rules_give_their_reward_and_an_answer_that_was_not_read_has_none() -> None:
    shares = {
        "kind": {"rude": 0.0, "sorry": 1.0},
        "curt": {"rude": 0.5, "sorry": 0.0},
        "mumble": {"rude": None},
    }
    fitted = Weights(kinds={"all": {"rude": -3.0, "sorry": 2.0}}, rules=rules(), source="w.json")
    made = part(RuleJudge("rbr:w.json", RuleReward(fitted, SaysJudge(_told(shares)))))
    assert made.scale == REWARD
    assert values(made, "kind", "curt", "mumble") == [pytest.approx(2.0), pytest.approx(-1.5), None]


def _told(shares: Mapping[str, Mapping[str, float | None]]) -> dict[str, dict[str, float | None]]:
    """What is not said of a text is true of it."""
    return {text: {"declines": 1.0, "rude": 0.5, "sorry": 0.5, **own} for text, own in shares.items()}


def test_a_tournament_orders_a_group_and_one_that_follows_position_says_nothing() -> None:
    found = values(part(pairs(oracle), protocol="rank"), "2", "4", "1", "3")
    assert sorted(range(4), key=lambda place: found[place] or 0.0) == [2, 0, 3, 1]
    assert values(part(pairs(first_shown), protocol="rank"), "2", "4", "1", "3") == [None] * 4


def test_a_model_that_wants_to_say_something_else_has_no_number() -> None:
    mute = ModelJudge(RuleEngine(lambda *_: {"Well": 1.0}))
    [found] = part(mute).readings([group("a")], step=0, seed=0)
    assert (found.value, found.state) == (None, State.UNREADABLE)


def test_a_second_kind_of_judge_reads_the_same_groups() -> None:
    sure = ModelJudge(RuleEngine(lambda text, _: {"yes": 0.9, "no": 0.1} if "good" in text else {"no": 1.0}))
    assert values(part(sure), "good", "bad") == [pytest.approx(0.9), pytest.approx(0.0)]


def test_dropout_asks_fewer_questions_others_in_each_step_and_the_same_when_it_is_resumed() -> None:
    many = constitution(*(principle(name, text=f"rule-{name}") for name in "abcdefgh"))
    engine = RuleEngine(lambda text, _: {"yes": 0.8, "no": 0.2})
    made = part(ModelJudge(engine), many, dropout=0.5)

    def questions(step: int) -> set[str]:
        engine.asked.clear()
        made.readings([group("x")], step=step, seed=0)
        return {name for name in "abcdefgh" for text in engine.asked if f"rule-{name}" in text}

    first = questions(1)
    assert len(first) == 4
    assert any(questions(step) != first for step in range(2, 6))
    assert questions(1) == first


def test_rubrics_are_asked_by_their_criteria_and_faults_count_against() -> None:
    rubric = Rubric(
        prompt=TO.messages,
        criteria=(
            RubricCriterion(id="a", text="It says a."),
            RubricCriterion(id="b", text="It says b.", weight=-1.0),
        ),
    )
    made = part(GoldJudge(Letters()), protocol="rubric", rubrics={TO.id: rubric})
    assert values(made, "a", "ab", "b", "-") == [0.5, 0.0, -0.5, 0.0]
    [uncovered] = made.readings([group("a", to=prompt("another"))], step=0, seed=0)
    assert (uncovered.value, uncovered.detail) == (None, "its prompt has no rubric")


def test_a_hard_criterion_of_a_rubric_takes_off_one() -> None:
    rubric = Rubric(
        prompt=TO.messages,
        criteria=(RubricCriterion(id="a", text="A."), RubricCriterion(id="b", text="B.", hard=True)),
    )
    made = part(GoldJudge(Letters()), constitution(), protocol="rubric", rubrics={TO.id: rubric})
    assert values(made, "ab", "a") == [1.0, -0.5]


def test_a_judge_that_abstains_at_random_still_orders_what_it_read() -> None:
    many = constitution(*(principle(name) for name in "abcdef"))
    texts = ["abcdef", "abcd", "ab", "-"]
    found = values(part(GoldJudge(Forgetful(0.2)), many), *texts)
    known = [each for each in found if each is not None]
    assert len(known) >= 3
    assert known == sorted(known, reverse=True)


def test_a_protocol_that_cannot_ask_the_judge_is_refused() -> None:
    with pytest.raises(InputError, match="needs a model"):
        part(GoldJudge(Letters()), protocol="score")
    with pytest.raises(InputError, match="no protocol that judges one"):
        part(GoldJudge(Letters()), protocol="compare")


def test_a_part_is_another_one_by_judge_rules_protocol_and_dropout() -> None:
    judge = GoldJudge(Letters())
    made = [
        part(judge),
        part(judge, constitution(principle("a"))),
        part(judge, dropout=0.5),
        part(judge, protocol="rubric"),
        part(numbered(worth)),
    ]
    assert len({each.fingerprint for each in made}) == 5
    # who reads no principles is the same one under any
    assert part(numbered(worth), constitution(principle("a"))).fingerprint == made[-1].fingerprint
