from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from rlaif.judging import GoldJudge, Judge, RandomJudge, decide
from rlaif.records import NoPair, Principle, Prompt, State

from .builders import completion, constitution, principle, prompt

GREET, SUM = principle("greet"), principle("sum")


class Words:
    """Gold: a text greets if it says hello; whether a sum is right cannot be told."""

    def grade(self, asked: Prompt, text: str, principles: Sequence[Principle]) -> Mapping[str, bool | None]:
        return {each.id: "hello" in text if each.id == "greet" else None for each in principles}


GOLD = GoldJudge(Words())
HELLO, PLAIN = completion("hello you"), completion("mix")


def test_gold_says_what_is_true_and_abstains_where_it_cannot_tell() -> None:
    found = GOLD.checklist([(prompt(), HELLO), (prompt(), PLAIN)], [GREET, SUM])
    assert [(each.value, each.state) for each in found] == [
        (1.0, State.SCORE), (None, State.ABSTAIN), (0.0, State.SCORE), (None, State.ABSTAIN),
    ]  # fmt: skip


def test_gold_decides_where_exactly_one_follows() -> None:
    house = constitution(GREET, SUM)
    found = decide(house, prompt(), GOLD.compare([(prompt(), PLAIN, HELLO)], [GREET, SUM]), first=PLAIN.id)
    assert found.label_prob is not None
    assert found.label_prob < 0.5
    twins = (completion("hello"), completion("hello you"))
    alike = decide(house, prompt(), GOLD.compare([(prompt(), *twins)], [GREET, SUM]), first=twins[0].id)
    assert alike.reason is NoPair.TIE


@given(st.integers(0, 2**40))
def test_chance_holds_to_what_it_said(seed: int) -> None:
    judge: Judge = RandomJudge(seed)
    forward, backward = judge.compare([(prompt(), HELLO, PLAIN)], [GREET])
    assert forward.value is not None
    assert backward.value is not None
    assert forward.value + backward.value == 1
    assert judge.compare([(prompt(), PLAIN, HELLO)], [GREET])[0] == backward


def test_a_random_judge_prefers_neither_answer_nor_place() -> None:
    texts = [completion(f"text {number}") for number in range(400)]
    values = [
        each.value or 0.0 for each in RandomJudge(3).checklist([(prompt(), each) for each in texts], [GREET])
    ]
    assert 0.45 < sum(values) / len(values) < 0.55
    twos = [(prompt(), *texts[n : n + 2]) for n in range(0, 400, 2)]
    firsts = RandomJudge(3).compare(twos, [GREET])[::2]
    assert 70 < sum((each.value or 0) > 0.5 for each in firsts) < 130


def test_seeds_are_judges_of_their_own() -> None:
    assert RandomJudge(1).fingerprint != RandomJudge(2).fingerprint
    assert RandomJudge(1).checklist([(prompt(), HELLO)], [GREET]) == RandomJudge(1).checklist(
        [(prompt(), HELLO)], [GREET]
    )
