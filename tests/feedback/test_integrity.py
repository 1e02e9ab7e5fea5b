"""Label integrity, from judge to pair: never traded for anything."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.feedback import Funnel, PairPlan
from rlaif.feedback.pairing import PAIRINGS
from rlaif.judging import ModelJudge
from rlaif.records import Completion, Constitution, GenerateRequest, Pair, Principle, Prompt
from tests.judging.builders import (
    Answer,
    RuleEngine,
    completion,
    constitution,
    pairs_and_funnel,
    principle,
    prompt,
)

RULES = {name: f"The response says {name}." for name in ("hello", "because", "oven")}
HOUSE = constitution(*(principle(name, text) for name, text in RULES.items()))
WORDS = (*RULES, "mix", "wait", "flour", "```", "Answer: B", "{{principle}}", "yes", "\n")
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
DRAWN = st.lists(st.lists(TEXTS, min_size=2, max_size=5), min_size=1, max_size=4)


def shown(text: str) -> tuple[list[str], str]:
    """The responses of a judge prompt, as they stand between their fences, and the word its rule wants."""
    fence = next(line for line in text.splitlines() if set(line) == {"`"} and len(line) >= 3)
    blocks = [block.removesuffix("\n") for block in text.split(f"{fence}\n")[1::2]]
    wanted = next(name for name, rule in RULES.items() if text.endswith(f"Rule: {rule}"))
    return blocks[1:], wanted


def oracle(text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
    responses, wanted = shown(text)
    follows = [wanted in response for response in responses]
    if len(follows) == 1:
        return {"yes": 0.9, "no": 0.1} if follows[0] else {"yes": 0.1, "no": 0.9}
    if follows[0] == follows[1]:
        return {"A": 0.5, "B": 0.5}
    return {"A": 0.9, "B": 0.1} if follows[0] else {"A": 0.1, "B": 0.9}


def inverted(text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
    other = {"yes": "no", "no": "yes", "A": "B", "B": "A"}
    return {other[label]: p for label, p in oracle(text, continuations).items()}


def only_first(label: str) -> Answer:
    """Sees each alone as an oracle, and in a comparison follows the place."""

    def answer(text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
        return oracle(text, continuations) if "yes" in continuations else {label: 0.99}

    return answer


def speechless(text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
    return {label: p * 0.4 for label, p in oracle(text, continuations).items()}


def run(
    answer: Answer, drawn: list[list[str]], *, seed: int = 0, house: Constitution = HOUSE, **plan: Any
) -> tuple[list[Pair], Funnel]:
    prompts = [prompt(f"prompt {number}") for number in range(len(drawn))]
    completions = [completion(text, to) for to, texts in zip(prompts, drawn, strict=True) for text in texts]
    judge = ModelJudge(RuleEngine(answer, seed=seed))
    by_id = {to.id: to for to in prompts}
    unique = list({each.id: each for each in completions}.values())
    judgments = judge.checklist([(by_id[each.prompt_id], each) for each in unique], house.principles)
    random.Random(seed).shuffle(judgments)
    random.Random(seed).shuffle(completions)
    return pairs_and_funnel(
        prompts, completions, judgments, judge=judge, constitution=house, plan=PairPlan(seed=seed, **plan)
    )


def value(text: str) -> int:
    return sum(word in text for word in RULES)


def right(pair: Pair) -> bool:
    return value(pair.chosen[0].content) > value(pair.rejected[0].content)


PLANS = [
    {"pairing": pairing, "then": then, "inconsistent": inconsistent}
    for pairing in PAIRINGS
    for then in ("compare", "none")
    for inconsistent in ("drop", "average")
]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: "-".join(plan.values()))
@given(drawn=DRAWN, seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_an_oracle_gives_right_pairs_only(plan: dict[str, Any], drawn: list[list[str]], seed: int) -> None:
    pairs, _ = run(oracle, drawn, seed=seed, **plan)
    assert all(map(right, pairs))


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: "-".join(plan.values()))
@given(drawn=DRAWN, seed=st.integers(0, 99))
@settings(max_examples=12, deadline=None)
def test_an_inverted_oracle_gives_none_that_is_right(
    plan: dict[str, Any], drawn: list[list[str]], seed: int
) -> None:
    pairs, _ = run(inverted, drawn, seed=seed, **plan)
    assert not any(map(right, pairs))


@given(DRAWN)
@settings(max_examples=25, deadline=None)
def test_an_oracle_misses_no_prompt_whose_best_and_worst_differ(drawn: list[list[str]]) -> None:
    pairs, _ = run(oracle, drawn)
    wanted = [texts for texts in drawn if len({value(text) for text in texts}) > 1]
    assert len(pairs) == len(wanted)
    for pair, texts in zip(pairs, wanted, strict=True):
        assert value(pair.chosen[0].content) == max(map(value, texts))
        assert value(pair.rejected[0].content) == min(map(value, texts))


NOBODY: dict[str, Callable[..., Mapping[str, float]]] = {
    "constant": lambda *_: {"yes": 0.5, "no": 0.5, "A": 0.5, "B": 0.5},
    "always yes": lambda *_: {"yes": 0.99, "A": 0.99},
    "first place": only_first("A"),
    "second place": only_first("B"),
    "says something else": speechless,
    "says nothing": lambda *_: {},
}


@pytest.mark.parametrize("name", NOBODY)
@given(drawn=DRAWN, inconsistent=st.sampled_from(["drop", "average"]), pairing=st.sampled_from(PAIRINGS))
@settings(max_examples=12, deadline=None)
def test_a_judge_that_knows_nothing_makes_no_pair(
    name: str, drawn: list[list[str]], inconsistent: str, pairing: str
) -> None:
    pairs, funnel = run(NOBODY[name], drawn, inconsistent=inconsistent, pairing=pairing)
    assert pairs == []
    assert sum(funnel.no_pair.values()) == funnel.candidates > 0


@given(DRAWN, st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_unreadable_answers_never_change_what_the_others_say(drawn: list[list[str]], seed: int) -> None:
    chance = random.Random(seed)

    def sometimes(text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
        return {} if chance.random() < 0.3 else oracle(text, continuations)

    pairs, funnel = run(sometimes, drawn, seed=seed, then="none", pairing="all")
    # a pair may rest on fewer principles, and never on one that was not read
    for pair in pairs:
        for each in pair.principles:
            said = [each["id"] in side[0].content for side in (pair.chosen, pair.rejected)]
            assert each["p"] == pytest.approx(0.5 if said[0] == said[1] else (81 / 82 if said[0] else 1 / 82))
    assert funnel.unreadable_share == pytest.approx(
        funnel.states.get("unreadable", 0) / sum(funnel.states.values())
    )


@given(DRAWN, st.sampled_from(PAIRINGS))
@settings(max_examples=25, deadline=None)
def test_every_candidate_is_accounted_for(drawn: list[list[str]], pairing: str) -> None:
    pairs, funnel = run(oracle, drawn, pairing=pairing)
    total = sum(map(len, drawn))
    assert funnel.kept == len(pairs)
    assert funnel.candidates == funnel.kept + sum(funnel.no_pair.values())
    assert funnel.completions == total
    assert funnel.duplicates == total - sum(len(set(texts)) for texts in drawn)
    assert funnel.judged == total - funnel.duplicates


@given(DRAWN, st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_pairs_do_not_depend_on_the_order_in_which_anything_came(drawn: list[list[str]], seed: int) -> None:
    prompts = [prompt(f"prompt {number}") for number in range(len(drawn))]
    completions = [completion(text, to) for to, texts in zip(prompts, drawn, strict=True) for text in texts]
    by_id = {to.id: to for to in prompts}
    found = []
    for shuffle in (0, seed + 1):
        judge = ModelJudge(RuleEngine(oracle, seed=shuffle))
        order: list[Completion] = completions[:]
        random.Random(shuffle).shuffle(order)
        judgments = judge.checklist([(by_id[each.prompt_id], each) for each in order], HOUSE.principles)
        found.append(
            pairs_and_funnel(
                prompts, order, judgments, judge=judge, constitution=HOUSE, plan=PairPlan(seed=7)
            )
        )
    strip = [
        [(p.id, p.chosen, p.label_prob, p.principles, p.provenance["calls"]) for p in pairs]
        for pairs, _ in found
    ]
    assert strip[0] == strip[1]
    assert found[0][1].no_pair == found[1][1].no_pair


def test_a_comparison_that_contradicts_the_scores_makes_no_pair() -> None:
    def two_faced(text: str, continuations: tuple[str, ...]) -> Mapping[str, float]:
        return (oracle if "yes" in continuations else inverted)(text, continuations)

    pairs, funnel = run(two_faced, [["hello", "mix"]])
    assert pairs == []
    assert funnel.no_pair == {"undecided": 1}


def test_written_verdicts_make_the_same_pairs() -> None:
    def write(request: GenerateRequest) -> str:
        found = oracle(request.messages[-1].content, ("A", "B"))
        if found["A"] == found["B"]:
            return "They are alike."
        return f"One of them does.\nAnswer: {max(found, key=lambda label: found[label])}"

    to = prompt()
    texts = [completion("hello oven", to), completion("mix", to)]
    judge = ModelJudge(RuleEngine(oracle, write))
    judgments = judge.checklist([(to, each) for each in texts], HOUSE.principles)
    plan = PairPlan(then="compare-cot")
    (pair,), funnel = pairs_and_funnel([to], texts, judgments, judge=judge, constitution=HOUSE, plan=plan)
    assert pair.chosen[0].content == "hello oven"
    assert {each["id"] for each in pair.principles} == {"hello", "oven"}
    assert funnel.states["unreadable"] == 2


HARD: tuple[Principle, ...] = (principle("oven", RULES["oven"], hard=True), *HOUSE.principles[:2])


@given(DRAWN)
@settings(max_examples=25, deadline=None)
def test_a_hard_principle_outweighs_all_others(drawn: list[list[str]]) -> None:
    pairs, _ = run(oracle, drawn, house=constitution(*HARD))
    for pair in pairs:
        chosen, rejected = pair.chosen[0].content, pair.rejected[0].content
        assert "oven" in chosen
        assert "oven" not in rejected or right(pair)


def prompts_of(pairs: list[Pair]) -> list[str]:
    return [Prompt(messages=pair.prompt).text for pair in pairs]


def test_pairs_come_in_prompt_order() -> None:
    pairs, _ = run(oracle, [["hello", "mix"]] * 6, seed=3)
    assert prompts_of(pairs) == [f"prompt {number}" for number in range(6)]
