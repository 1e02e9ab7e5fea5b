"""Rewards of rules: the sum and its parts, and never a number where something could not be read."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.judging.rbr import (
    ModelReward,
    RuleJudge,
    RuleReward,
    Weights,
    ask,
    classes_of,
    features,
    questions_of,
    read_weights,
    truths,
    write_weights,
)
from rlaif.judging.reward_judge import RewardJudge
from rlaif.records import Completion, Generation, Message, Prompt, Reward, Score, ScoreRequest, State

from .builders import SaysJudge, rules

PROMPT = Prompt(messages=(Message(role="user", content="how do I pick a lock"),))
SHARES: dict[str, dict[str, float | None]] = {
    "sorry, no": {"declines": 0.9, "rude": 0.1, "sorry": 0.8},
    "no, fool": {"declines": 0.9, "rude": 0.9, "sorry": 0.1},
    "mumble": {"declines": 0.9, "rude": None, "sorry": 0.1},
}
WEIGHTS = Weights(
    kinds={"all": {"declines": 2.0, "rude": -3.0, "class:ideal": 1.0}},
    rules=rules(),
    judge={"name": "says", "fingerprint": "b2:says"},
    base={"name": "reward:rm", "fingerprint": "b2:rm"},
    source="w.json",
)
IDEAL = 0.9 * 0.9 * 0.8
RULES = 2 * 0.9 - 3 * 0.1 + IDEAL


def said(text: str, to: Prompt = PROMPT) -> tuple[Prompt, Completion]:
    return to, Completion(prompt_id=to.id, text=text, policy="p")


class LengthEngine:
    """A reward model that likes length, and fails on what it is told to."""

    name = "reward:rm"
    fingerprint = "b2:rm"

    def __init__(self, fails: str = "") -> None:
        self.fails = fails

    def generate(self, requests: Iterable[Any]) -> Iterator[Generation]:
        raise AssertionError("a reward model writes nothing")

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        # in another order than asked: answers join by id
        for each in reversed(list(requests)):
            text = each.continuations[0]
            failed = text == self.fails
            yield Score(
                request_id=each.id,
                logprobs=() if failed else (len(text) / 10,),
                error="gone" if failed else None,
            )


def judge(weights: Weights = WEIGHTS, base: ModelReward | None = None) -> RuleReward:
    return RuleReward(weights, SaysJudge(SHARES), base)


def test_the_reward_is_the_reward_model_plus_the_weighted_features() -> None:
    found = judge(base=ModelReward(LengthEngine())).scored([said("sorry, no")])[0]
    assert found.kind == "all"
    assert found.base == 0.9
    assert found.added == pytest.approx(RULES)
    assert found.reward == pytest.approx(0.9 + RULES)
    assert found.failed is None
    assert len(found.calls) == 4


def test_without_a_reward_model_the_rules_stand_alone() -> None:
    reward: Reward = judge()
    prompt, answer = said("sorry, no")
    assert reward.rewards([prompt], [answer]) == [pytest.approx(RULES)]


def test_an_answer_of_which_a_proposition_is_unreadable_has_no_reward() -> None:
    found = judge(base=ModelReward(LengthEngine())).scored([said("mumble"), said("no, fool")])
    assert [each.reward is None for each in found] == [True, False]
    assert [each.failed for each in found] == [State.UNREADABLE, None]


def test_an_answer_that_the_reward_model_could_not_read_has_no_reward() -> None:
    found = judge(base=ModelReward(LengthEngine(fails="no, fool"))).scored(
        [said("sorry, no"), said("no, fool")]
    )
    assert [each.reward is None for each in found] == [False, True]
    assert found[1].failed is State.TRANSPORT


def test_prompts_of_no_kind_have_the_reward_model_alone_or_nothing() -> None:
    nested = rules(
        behaviors={
            "order": ["good", "bad"],
            "classes": {"good": {"refuse": {"declines": True}}, "bad": {"refuse": {"declines": False}}},
        }
    )
    weights = Weights(kinds={"refuse": {"declines": 2.0}}, rules=nested, source="w.json")
    tagged = Prompt(messages=PROMPT.messages, tags=("refuse",))
    items = [said("sorry, no", tagged), said("no, fool")]
    with_model = RuleReward(weights, SaysJudge(SHARES), ModelReward(LengthEngine())).scored(items)
    assert [each.reward for each in with_model] == [pytest.approx(0.9 + 1.8), 0.8]
    alone = RuleReward(weights, SaysJudge(SHARES)).scored(items)
    assert [each.reward for each in alone] == [pytest.approx(1.8), None]
    assert alone[1].failed is State.ABSTAIN


def test_only_propositions_of_the_prompts_kind_are_asked() -> None:
    nested = rules(
        behaviors={
            "order": ["good", "bad"],
            "classes": {
                "good": {"refuse": {"declines": True}, "help": {"rude": False}},
                "bad": {"refuse": {"declines": False}, "help": {"rude": True}},
            },
        }
    )
    asked = SaysJudge(SHARES)
    weights = Weights(kinds={"refuse": {"declines": 2.0}, "help": {"rude": -1.0}}, rules=nested)
    tagged = Prompt(messages=PROMPT.messages, tags=("help",))
    RuleReward(weights, asked).scored([said("sorry, no", tagged)])
    assert asked.asked == [("sorry, no", "rude")]


def test_a_judge_compares_by_the_difference_of_rewards_in_both_orders() -> None:
    by_rules = RuleJudge("rbr:w.json", judge())
    prompt, one = said("sorry, no")
    _, other = said("no, fool")
    first, second = by_rules.compare([(prompt, one, other)], [])
    gap = RULES - (2 * 0.9 - 3 * 0.9 + 0.9 * 0.1 * 0.1)
    assert first.value == pytest.approx(1 / (1 + math.exp(-gap)))
    assert second.value == pytest.approx(1 - (first.value or 0))
    assert (first.completion_ids, second.completion_ids) == ((one.id, other.id), (other.id, one.id))
    assert first.principle_id is None
    assert {each.state for each in (first, second)} == {State.PREFERENCE}


def test_a_judge_says_of_an_unreadable_answer_that_it_is_unreadable() -> None:
    by_rules = RuleJudge("rbr:w.json", judge())
    prompt, one = said("sorry, no")
    _, lost = said("mumble")
    judgments = [*by_rules.compare([(prompt, one, lost)], []), *by_rules.checklist([(prompt, lost)], [])]
    assert [(each.state, each.value) for each in judgments] == [(State.UNREADABLE, None)] * 3
    alone = by_rules.checklist([(prompt, one)], [])[0]
    assert alone.value == pytest.approx(RULES)


def test_features_are_shares_and_class_probabilities_or_nothing() -> None:
    only = classes_of(rules())["all"]
    found = features(only, SHARES["sorry, no"])
    assert found is not None
    assert found["class:ideal"] == pytest.approx(IDEAL)
    assert sum(value for name, value in found.items() if name.startswith("class:")) == pytest.approx(1)
    assert features(only, SHARES["mumble"]) is None
    assert truths(SHARES["mumble"]) == {"declines": True, "rude": None, "sorry": False}


def test_a_reward_model_cannot_be_asked_propositions() -> None:
    with pytest.raises(InputError, match="reads no proposition"):
        ask(RewardJudge(LengthEngine()), [said("x")], classes_of(rules())["all"], questions_of(rules()))


def test_weights_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    write_weights(path, WEIGHTS)
    found = read_weights(path)
    assert found.kinds == WEIGHTS.kinds
    assert (found.judge, found.base, found.digest) == (WEIGHTS.judge, WEIGHTS.base, WEIGHTS.digest)
    assert found.rules is not None
    one = RuleReward(found, SaysJudge(SHARES)).rewards(*([each] for each in said("sorry, no")))
    assert one == [pytest.approx(RULES)]


def test_the_digest_is_of_what_makes_the_reward() -> None:
    same = Weights(
        kinds=WEIGHTS.kinds, rules=rules(), judge=WEIGHTS.judge, base=WEIGHTS.base, made={"seed": 1}
    )
    assert same.digest == WEIGHTS.digest
    other = Weights(kinds={"all": {"declines": 2.5}}, rules=rules(), judge=WEIGHTS.judge, base=WEIGHTS.base)
    assert other.digest != WEIGHTS.digest


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda data: data["kinds"]["all"]["weights"].update(declines=9.0), "was edited"),
        (lambda data: data["rules"]["propositions"].pop(), "was edited"),
        (lambda data: data["kinds"]["all"]["weights"].update(declines="nine"), "holds a wrong one"),
        (lambda data: data.pop("judge"), "lacks a part"),
        (lambda data: data.update(format="other"), "is no file of weights"),
    ],
)
def test_an_edited_file_of_weights_is_refused(edit: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    write_weights(path, WEIGHTS)
    data = json.loads(path.read_text())
    edit(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=message):
        read_weights(path)


@pytest.mark.parametrize("text", ["", "[1]", "not json", '{"format": 1}'])
def test_another_file_is_no_file_of_weights(text: str, tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(text)
    with pytest.raises(InputError, match="`rlaif rbr fit` writes"):
        read_weights(path)


def test_weights_without_rules_score_no_answer() -> None:
    with pytest.raises(InputError, match="without rules"):
        RuleReward(Weights(kinds={"all": {"x": 1.0}}, rules=None, source="w.json"), SaysJudge({}))


def test_weights_of_a_kind_that_the_rules_lack_are_refused() -> None:
    with pytest.raises(InputError, match="weights for 'other'"):
        RuleReward(Weights(kinds={"other": {"x": 1.0}}, rules=rules(), source="w.json"), SaysJudge({}))
