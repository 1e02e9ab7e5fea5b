"""Label integrity of every protocol under every decision rule, from judge to pair."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlaif.feedback import Funnel, PairPlan
from rlaif.judging.pointwise import judge_pointwise
from rlaif.judging.protocols import Asking
from rlaif.records import Constitution, DecisionRule, Pair, Principle
from rlaif.workflows.generate.judge_step import split
from tests.judging.builders import RuleEngine, completion, constitution, pairs_and_funnel, principle, prompt
from tests.judging.protocols.oracles import ASKED_OF_MODELS, Judging, follows_place, judge_of

RULES = get_args(DecisionRule)
WORDS = ("hello", "because")
HOUSE = tuple(principle(word, f"The response says {word}.") for word in WORDS)
TEXTS = st.lists(
    st.sampled_from((*WORDS, "mix", "wait", "```", "Answer: B", "A", "{{principle}}")), min_size=1, max_size=4
)
DRAWN = st.lists(st.lists(TEXTS.map(" ".join), min_size=2, max_size=6), min_size=1, max_size=3)
FEW = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
EVERY = [(name, rule) for name in ASKED_OF_MODELS for rule in RULES]


def true(response: str, rule: str) -> bool:
    """Whether a response says the word of a rule; of a step, which has no rule, whether it says both."""
    wanted = [word for word in WORDS if f"says {word}." in rule] or list(WORDS)
    return all(word in response.split() for word in wanted)


def value(text: str) -> tuple[bool, ...]:
    return tuple(word in text.split() for word in WORDS)


def better(pair: Pair) -> bool:
    """Whether chosen says no fewer words than rejected, and another one."""
    return sum(value(pair.chosen[0].content)) > sum(value(pair.rejected[0].content))


def worse(pair: Pair) -> bool:
    return sum(value(pair.chosen[0].content)) < sum(value(pair.rejected[0].content))


def run(
    engine: RuleEngine, name: str, rule: str, drawn: list[list[str]], seed: int = 0, **plan: Any
) -> tuple[list[Pair], Funnel]:
    house = constitution(*HOUSE, rule=rule)
    return made(engine, name, house, drawn, seed, **plan)


def made(
    engine: RuleEngine, name: str, house: Constitution, drawn: list[list[str]], seed: int = 0, **plan: Any
) -> tuple[list[Pair], Funnel]:
    prompts = [prompt(f"prompt {number}") for number in range(len(drawn))]
    texts = [(to, completion(text, to)) for to, own in zip(prompts, drawn, strict=True) for text in own]
    random.Random(seed).shuffle(texts)
    judge = judge_of(engine, name)
    alone, then = split(name)
    how = Asking(seed=seed)
    judgments = judge_pointwise(judge, house, texts, alone, how)
    random.Random(seed).shuffle(judgments)
    plan = {"pairing": "best-worst", **plan}
    return pairs_and_funnel(
        prompts,
        [each for _, each in texts],
        judgments,
        judge=judge,
        constitution=house,
        plan=PairPlan(then=then, asking=how, seed=seed, **plan),
    )


def engine_of(judging: Judging, seed: int = 0) -> RuleEngine:
    return RuleEngine(judging.score, judging.write, seed=seed)


@pytest.mark.parametrize(("name", "rule"), EVERY)
@given(drawn=DRAWN, seed=st.integers(0, 99), pairing=st.sampled_from(["best-worst", "all"]))
@FEW
def test_an_oracle_makes_no_wrong_pair(name: str, rule: str, drawn: Any, seed: int, pairing: str) -> None:
    pairs, _ = run(engine_of(Judging(true), seed), name, rule, drawn, seed, pairing=pairing)
    # a rule that reads the first clear principle alone may prefer what says another word
    assert not any(map(worse, pairs)) or (rule in ("lexicographic", "min") and pairing == "all")
    for pair in pairs:
        assert value(pair.chosen[0].content) != value(pair.rejected[0].content)


@pytest.mark.parametrize(("name", "rule"), EVERY)
@given(drawn=DRAWN, seed=st.integers(0, 99))
@FEW
def test_an_inverted_oracle_makes_no_right_pair(name: str, rule: str, drawn: Any, seed: int) -> None:
    pairs, _ = run(engine_of(Judging(true, lie=True), seed), name, rule, drawn, seed)
    assert not any(map(better, pairs))


@pytest.mark.parametrize(("name", "rule"), EVERY)
def test_an_oracle_misses_no_clear_pair(name: str, rule: str) -> None:
    """One says both words, the others none: no protocol and no rule may miss it."""
    drawn = [["hello because", "mix", "wait mix", "mix wait"]] * 3
    pairs, _ = run(engine_of(Judging(true)), name, rule, drawn)
    assert [pair.chosen[0].content for pair in pairs] == ["hello because"] * 3


SILENT: dict[str, Callable[..., Any]] = {
    "nothing": lambda *_: {},
    "something else": lambda *_: {"yes": 0.1, "no": 0.2, "A": 0.1, "B": 0.1, "5": 0.1},
}


@pytest.mark.parametrize(("name", "rule"), EVERY)
@pytest.mark.parametrize("says", SILENT)
@given(
    drawn=DRAWN, text=st.sampled_from(["", "hm", "A", "Answer: A or B", "I'm sorry, I cannot.", "<think>A"])
)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_judge_that_cannot_be_read_makes_no_pair(
    name: str, rule: str, says: str, drawn: Any, text: str
) -> None:
    pairs, funnel = run(RuleEngine(SILENT[says], lambda _: text), name, rule, drawn)
    assert pairs == []
    assert sum(funnel.no_pair.values()) == funnel.candidates
    assert funnel.states.get("preference", 0) == funnel.states.get("score", 0) == 0


@pytest.mark.parametrize(("name", "rule"), EVERY)
@given(drawn=DRAWN, label=st.sampled_from("AB"), inconsistent=st.sampled_from(["drop", "average"]))
@FEW
def test_a_judge_that_follows_the_place_makes_no_pair(
    name: str, rule: str, drawn: Any, label: str, inconsistent: str
) -> None:
    score, write = follows_place(label, true)
    assert run(RuleEngine(score, write), name, rule, drawn, inconsistent=inconsistent)[0] == []


@pytest.mark.parametrize("name", ASKED_OF_MODELS)
@given(drawn=DRAWN, seed=st.integers(1, 99))
@FEW
def test_pairs_do_not_depend_on_who_answers_first(name: str, drawn: Any, seed: int) -> None:
    one, other = (run(engine_of(Judging(true), each), name, "log-odds", drawn)[0] for each in (0, seed))
    assert [(p.id, p.chosen, p.label_prob, p.principles) for p in one] == [
        (p.id, p.chosen, p.label_prob, p.principles) for p in other
    ]


@pytest.mark.parametrize("name", ASKED_OF_MODELS)
def test_a_hard_principle_loses_under_every_protocol(name: str) -> None:
    """`because` is better by weight, and violates nothing; what violates `hello` loses all the same."""
    hard: tuple[Principle, ...] = (
        principle("hello", "The response says hello.", hard=True, weight=0.1),
        principle("because", "The response says because.", weight=5.0),
    )
    drawn = [["hello mix", "because mix", "hello wait", "because wait"]]
    pairs, _ = made(engine_of(Judging(true)), name, constitution(*hard), drawn)
    assert all("hello" in pair.chosen[0].content for pair in pairs)
    if name != "steps":
        assert len(pairs) == 1
