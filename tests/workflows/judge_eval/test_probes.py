"""What a check asks beside the gold: a reward has no zero, a retest goes past the store, texts that no model has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.recorded import RecordedEngine
from rlaif.exchange.benchmarks import GoldPair, GoldSet
from rlaif.judging import Judge, ModelJudge, PanelJudge, RandomJudge, RewardJudge
from rlaif.records import GenerateRequest, Generation, Message, Score, ScoreRequest
from rlaif.store import Store
from rlaif.workflows.judge_eval.ask_gold import JudgeUnderTest, judge_pairs, rules_for
from rlaif.workflows.judge_eval.probes import fresh, prompt_flag, rules_by_pair
from tests.auditing.test_comparisons import pair
from tests.judging.builders import RuleEngine
from tests.judging.protocols.oracles import judge_of


class Rewards:
    """A reward engine: the length of an answer, or of its prompt, and a large number that means nothing."""

    name = "reward:somewhere"
    fingerprint = "b2:reward"

    def __init__(self, of_prompt: bool = False) -> None:
        self.of_prompt = of_prompt

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        raise AssertionError

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in requests:
            text = each.messages[-1].content if self.of_prompt else each.continuations[0]
            yield Score(request_id=each.id, logprobs=(30.0 + len(text) / 10,))


class Heard(Rewards):
    """Remembers what it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[tuple[tuple[str, str], ...]] = []

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in requests:
            turns = tuple((turn.role, turn.content) for turn in each.messages)
            self.turns.append((*turns, ("assistant", each.continuations[0])))
            yield from super().score([each])


def gold() -> GoldSet:
    pairs: list[GoldPair] = [
        pair(f"a long and good answer {n}", f"bad {n}", name="x" * (n + 1)) for n in range(40)
    ]
    return GoldSet(name="own", scoring="pairs", pairs=tuple(pairs))


def flag_of(judge: Judge) -> bool | None:
    rules = rules_for(gold(), None)
    return prompt_flag(JudgeUnderTest(judge=judge), gold(), rules_by_pair(gold(), rules), 0).fires


def test_a_reward_has_no_zero_and_is_still_seen_to_read_the_answer() -> None:
    """All rewards are far above nought: by a bar at nought every answer would be a yes, and the judge blind."""
    assert flag_of(RewardJudge(Rewards())) is False


def test_a_reward_of_the_prompt_is_flagged() -> None:
    assert flag_of(RewardJudge(Rewards(of_prompt=True))) is True


def test_a_reward_model_judges_pairs() -> None:
    judged = judge_pairs(JudgeUnderTest(judge=RewardJudge(Rewards())), gold(), rules_for(gold(), None))
    assert all(each.right == (True, True) for each in judged)
    assert all(each.log_odds is not None and each.log_odds > 0 for each in judged)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.sqlite") as opened:
        yield opened


def test_a_retest_asks_past_the_store(store: Store) -> None:
    engine = RuleEngine(lambda *_: {"A": 0.9, "B": 0.1})
    question = JudgeUnderTest(judge=ModelJudge(RecordedEngine(engine, store)))
    rules = rules_for(gold(), None)
    judge_pairs(question, gold(), rules)
    asked = len(engine.asked)
    judge_pairs(question, gold(), rules)
    assert len(engine.asked) == asked
    again = fresh(question)
    assert again is not None
    assert again.seed != question.seed
    judge_pairs(again, gold(), rules)
    assert len(engine.asked) == 2 * asked


def test_every_seat_of_a_panel_is_asked_past_the_store(store: Store) -> None:
    engine = RuleEngine(lambda *_: {"A": 0.9, "B": 0.1}, lambda _: "Answer: A")
    panel = judge_of(engine, "panel")
    assert isinstance(panel, PanelJudge)
    for member in panel.members:
        assert isinstance(member.judge, ModelJudge)
        member.judge.engine = RecordedEngine(engine, store)
    again = fresh(JudgeUnderTest(judge=panel))
    assert again is not None
    assert isinstance(again.judge, PanelJudge)
    assert all(
        isinstance(each.judge, ModelJudge) and each.judge.engine is engine for each in again.judge.members
    )


def test_what_keeps_no_calls_is_asked_as_it_is() -> None:
    judge = RandomJudge(3)
    again = fresh(JudgeUnderTest(judge=judge))
    assert again is not None
    assert again.judge is judge


def test_an_answer_of_another_prompt_is_asked_about_with_all_its_turns() -> None:
    def said(role: Any, text: str) -> Message:
        return Message(role=role, content=text)

    def turned(given: GoldPair, first: str) -> GoldPair:
        sides = [
            (said("assistant", first), said("user", "And?"), said("assistant", text)) for text in given.texts
        ]
        return replace(given, sides=(sides[0], sides[1]))

    one, other = (turned(pair("same end", f"bad {n}", name=f"q{n}"), f"begins {n}") for n in range(2))
    both = replace(gold(), pairs=(one, other))
    engine = Heard()
    judge = JudgeUnderTest(judge=RewardJudge(engine))
    prompt_flag(judge, both, rules_by_pair(both, rules_for(both, None)), 0)
    asked = {turns[-3:] for turns in engine.turns if turns[0][1] == one.prompt.text}
    assert {turns[0][1] for turns in asked} == {"begins 0", "begins 1"}
