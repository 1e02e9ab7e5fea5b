"""T is fitted to `label_prob` as `decide` makes it: of all principles together, each with its weight."""

from __future__ import annotations

import math
import random

import pytest

from rlaif.exchange.benchmarks import GoldSet
from rlaif.judging import decide
from rlaif.records import Constitution, Principle
from rlaif.workflows.judge_eval.ask_gold import JudgeUnderTest, judge_pairs
from rlaif.workflows.judge_eval.metrics import pair_figures
from tests.auditing.test_comparisons import pair
from tests.judging.builders import RuleEngine, constitution, principle
from tests.judging.protocols.oracles import Judging, judge_of

RULES: tuple[Principle, ...] = tuple(principle(f"p{n}", f"rule {n}", weight=1 + n / 4) for n in range(6))


def answers(text: str, _: tuple[str, ...]) -> dict[str, float]:
    """Six principles that all say the same noisy thing, as if each were a witness of its own."""
    first = text.partition("Response A:\n```\n")[2].partition("\n")[0]
    second = text.partition("Response B:\n```\n")[2].partition("\n")[0]
    p = 1 / (1 + math.exp(-(float(first) - float(second))))
    return {"A": p, "B": 1 - p}


def gold(count: int = 150) -> GoldSet:
    draw = random.Random(1)
    pairs = []
    for n in range(count):
        one, other = round(draw.gauss(0, 1), 3), round(draw.gauss(0, 1), 3)
        truth = draw.random() < 1 / (1 + math.exp(other - one))
        pairs.append(pair(str(one), str(other), first=truth, name=str(n)))
    return GoldSet(name="own", scoring="pairs", pairs=tuple(pairs))


def house(temperature: float) -> Constitution:
    return constitution(*RULES, temperature=temperature)


def test_t_makes_up_for_witnesses_that_saw_the_same() -> None:
    """The sum of weights is 9.75: that many times too sure is the sum, so that T is near it."""
    from rlaif.judging import ModelJudge

    judged = judge_pairs(JudgeUnderTest(judge=ModelJudge(RuleEngine(answers))), gold(), house(1.0))
    part = pair_figures(gold(), judged, temperature=1.0)
    found = part.calibration
    assert found["temperature"] == pytest.approx(9.75, rel=0.35)
    assert (found["calibration_error"] or 0) > 0.15
    assert (found["calibration_error_at_temperature"] or 1) < 0.1
    # who writes that T into `decide:` has the lower error
    written = pair_figures(gold(), judged, temperature=found["temperature"] or 0)
    assert written.calibration["calibration_error"] == pytest.approx(
        found["calibration_error_at_temperature"], abs=1e-6
    )
    assert written.calibration["temperature"] == pytest.approx(found["temperature"], rel=1e-3)


def test_the_label_that_is_calibrated_is_the_one_that_pairs_carry() -> None:
    rules = house(3.0)
    one = gold(30)
    judging = Judging(lambda response, rule: float(response) > 0)
    judge = judge_of(RuleEngine(judging.score), "compare")
    question = JudgeUnderTest(judge=judge)
    judged = judge_pairs(question, one, rules)
    for (of, judgments), each in zip(question.judgments(one.pairs, rules.principles), judged, strict=True):
        decision = decide(rules, of.prompt, judgments, first=of.completions[0].id)
        assert each.pair.id == of.id
        assert each.log_odds is not None
        if decision.label_prob is not None:
            assert 1 / (1 + math.exp(-each.log_odds / 3.0)) == pytest.approx(decision.label_prob)
        else:
            assert each.log_odds == pytest.approx(0.0)
