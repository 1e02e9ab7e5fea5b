"""Verdicts of a judge in training: right, right in both orders, there at all. No verdict is neither right nor wrong."""

from __future__ import annotations

import pytest

from rlaif.errors import InputError
from rlaif.judging.group_rewards.combined import Combined, WeighedPart
from rlaif.judging.group_rewards.criteria import JudgedBy
from rlaif.judging.group_rewards.parts_reward import PartsReward
from rlaif.judging.group_rewards.pointwise_part import PointwisePart
from rlaif.judging.verdict_judge import VerdictJudge
from rlaif.records import Completion, Prompt, State
from rlaif.workflows.recipe.recipes import load_recipe

from .builders import constitution, prompt

ONE = prompt("A is good, B is bad", meta={"verdict": "A", "together": "x"})
OTHER = prompt("A is bad, B is good", meta={"verdict": "B", "together": "x"})
ALONE = prompt("A or B?", meta={"verdict": "A", "together": "y"})


def text(asked: Prompt, said: str) -> tuple[Prompt, Completion]:
    return asked, Completion(prompt_id=asked.id, text=said, policy="judge")


def values(part: str, *items: tuple[Prompt, Completion]) -> list[float | None]:
    found = VerdictJudge(part).checklist(items, [])
    assert all((each.value is None) == (each.state is State.ABSTAIN) for each in found)
    return [each.value for each in found]


ITEMS = (
    text(ONE, "It greets.\nAnswer: A"),
    text(ONE, "Answer: B"),
    text(ONE, "Who knows?"),
    text(OTHER, "Answer: B"),
    text(OTHER, "Yes. Answer: B"),
    text(OTHER, "Answer: A"),
    text(OTHER, ""),
    text(ALONE, "Answer: A"),
)


def test_right_is_the_known_verdict_of_its_own_order() -> None:
    assert values("right", *ITEMS) == [1, 0, None, 1, 1, 0, None, 1]


def test_the_form_is_that_there_is_a_verdict() -> None:
    assert values("form", *ITEMS) == [1, 1, 0, 1, 1, 1, 0, 1]


def test_both_is_the_share_of_the_other_orders_readable_texts_that_are_right() -> None:
    """Two of three readable texts to OTHER are right, one of two to ONE; ALONE has no other order here."""
    found = values("both", *ITEMS)
    assert found == [pytest.approx(2 / 3), 0, None, 0.5, 0.5, 0, None, None]


def test_where_no_text_of_the_other_order_can_be_read_nothing_is_said() -> None:
    assert values("both", text(ONE, "Answer: A"), text(OTHER, "Hm.")) == [None, None]


def test_questions_without_a_column_have_no_other_order() -> None:
    one, other = (prompt(each, meta={"verdict": "A"}) for each in ("first", "second"))
    assert values("both", text(one, "Answer: A"), text(other, "Answer: A")) == [None, None]


@pytest.mark.parametrize("meta", [{}, {"verdict": "tie"}])
def test_without_a_known_verdict_nothing_is_right_or_wrong(meta: dict[str, str]) -> None:
    asked = prompt("q", meta=meta)
    assert values("right", text(asked, "Answer: A")) == [None]
    assert values("form", text(asked, "Answer: A")) == [1]


@pytest.mark.parametrize("right", range(4))
def test_with_the_recipes_weights_no_verdict_is_never_worth_more_than_a_wrong_one(right: int) -> None:
    spec = load_recipe("thinking-judge").round[-1].settings.options.reward
    parts = [
        WeighedPart(
            part=PointwisePart(
                each["judge"],
                VerdictJudge(each["judge"].partition(":")[2]),
                JudgedBy(constitution=constitution()),
            ),
            weight=each.get("weight", 1.0),
        )
        for each in spec
    ]
    texts = [f"{number}. Answer: A" for number in range(right)] + ["Answer: B", "Who knows?"]
    groups = [[text(ONE, each)[1] for each in texts], [text(OTHER, "Answer: B")[1]]]
    found = PartsReward(Combined(parts)).score([ONE, OTHER], groups, step=0, seed=0).totals
    *good, wrong, unread = found[: len(texts)]
    assert wrong is not None
    assert unread is not None
    assert unread <= wrong
    assert all(each is not None and each > wrong for each in good)


def test_a_part_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="is none of verdict:right, verdict:both, verdict:form"):
        VerdictJudge("good")
