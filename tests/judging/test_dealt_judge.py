"""Faults that are dealt to a judge's answers: whom they meet is a matter of ids, and what they do is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rlaif.errors import InputError
from rlaif.judging.biased_judge import BY_LENGTH, BiasedJudge
from rlaif.judging.dealt_judge import DealtJudge, split_dealt
from rlaif.judging.failing_judge import FAILED, FailingJudge
from rlaif.judging.kinds import judge_kind
from rlaif.judging.noisy_judge import TURNED, NoisyJudge
from rlaif.judging.protocol import One, Two
from rlaif.records import Judgment, Principle, State

from .builders import completion, judged, principle, prompt

RULES = [principle("greet"), principle("brief")]
PAIRS: list[Two] = [
    (prompt(), completion(f"short {n}"), completion(f"a longer text {n}")) for n in range(400)
]
ONES: list[One] = [(prompt(), completion(f"text {n}")) for n in range(400)]


class Sure:
    """Finds the first of each item better, and every answer good; of what says `odd` it says that it cannot tell."""

    name = "sure"
    fingerprint = "b2:sure"

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        return [judged((one.id,), each.id, 0.9) for _, one in items for each in principles]

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        return [
            judged(ids, each.id, value)
            for _, one, other in items
            for ids, value in (((one.id, other.id), 0.9), ((other.id, one.id), 0.1))
            for each in principles
        ]


class Silent(Sure):
    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        return [
            judged((one.id,), each.id, None, state=State.ABSTAIN) for _, one in items for each in principles
        ]


def test_noise_turns_both_orders_and_all_principles_of_a_pair_together() -> None:
    said = NoisyJudge("noisy:0.2:sure", 0.2, Sure()).compare(PAIRS, RULES)
    by_pair: dict[frozenset[str], set[bool]] = {}
    for each in said:
        by_pair.setdefault(frozenset(each.completion_ids), set()).add(each.detail == TURNED)
    assert all(len(own) == 1 for own in by_pair.values())
    turned = [each for each in said if each.detail == TURNED]
    assert {round(each.value or 0.0, 6) for each in turned} == {0.1, 0.9}
    assert 0.14 < len(turned) / len(said) < 0.26


def test_noise_of_a_checklist_is_dealt_answer_by_answer() -> None:
    said = NoisyJudge("noisy:0.2:sure", 0.2, Sure()).checklist(ONES, RULES)
    apart = [one.detail != other.detail for one, other in zip(said[::2], said[1::2], strict=True)]
    assert any(apart)
    assert 0.14 < sum(each.detail == TURNED for each in said) / len(said) < 0.26


def test_what_is_dealt_is_the_same_whenever_it_is_asked() -> None:
    first = NoisyJudge("noisy:0.2:sure", 0.2, Sure()).compare(PAIRS, RULES)
    again = NoisyJudge("noisy:0.2:sure", 0.2, Sure()).compare(list(reversed(PAIRS)), RULES)
    assert sorted(map(repr, first)) == sorted(map(repr, again))


def test_whom_little_noise_meets_more_noise_meets_too() -> None:
    little, more = (
        {each.completion_ids for each in NoisyJudge("n", share, Sure()).compare(PAIRS, RULES) if each.detail}
        for share in (0.1, 0.3)
    )
    assert little < more


def test_a_failed_answer_is_unreadable_and_no_number() -> None:
    said = FailingJudge("failing:0.1:sure", 0.1, Sure()).compare(PAIRS, RULES)
    lost = [each for each in said if each.detail == FAILED]
    assert 0.05 < len(lost) / len(said) < 0.16
    assert all((each.state, each.value) == (State.UNREADABLE, None) for each in lost)


def test_bias_prefers_the_longer_of_two_in_both_orders() -> None:
    said = BiasedJudge("biased:1:sure", 1.0, Sure()).compare(PAIRS[:1], RULES[:1])
    assert [each.value for each in said] == [pytest.approx(0.05), pytest.approx(0.95)]
    assert {each.detail for each in said} == {BY_LENGTH}


def test_bias_likes_one_answer_the_more_the_longer_it_is() -> None:
    items: list[One] = [(prompt(), completion("word " * count)) for count in (10, 45, 90)]
    values = [each.value for each in BiasedJudge("biased:1:sure", 1.0, Sure()).checklist(items, RULES[:1])]
    assert values[0] is not None
    assert values[2] is not None
    assert values[0] < 0.5 < values[2]
    assert values[1] == pytest.approx(0.5)


def test_what_the_inner_judge_could_not_say_stays_as_it_is_and_is_not_counted() -> None:
    judge = NoisyJudge("noisy:1:sure", 1.0, Silent())
    assert {each.state for each in judge.checklist(ONES, RULES)} == {State.ABSTAIN}
    assert judge.count.answers == 0


@pytest.mark.parametrize(
    ("judge", "error", "lost"),
    [
        (NoisyJudge("noisy:1:sure", 1.0, Sure()), 1.0, 0),
        (FailingJudge("failing:1:sure", 1.0, Sure()), 0.0, 1600),
        (NoisyJudge("noisy:0:sure", 0.0, Sure()), 0.0, 0),
    ],
)
def test_the_label_error_is_told_against_the_inner_judge(judge: DealtJudge, error: float, lost: int) -> None:
    judge.compare(PAIRS, RULES)
    assert judge.dealt["label_error"] == error
    assert judge.dealt["lost"] == lost
    assert f"label error {error:.3f} against sure" in judge.dealt["line"]


def test_a_dealt_judge_is_another_than_the_inner_one_and_than_one_of_another_share() -> None:
    made = [NoisyJudge("n", 0.2, Sure()), NoisyJudge("n", 0.3, Sure()), FailingJudge("f", 0.2, Sure())]
    assert len({Sure.fingerprint, *(each.fingerprint for each in made)}) == 4
    assert {each.judge for each in made[0].compare(PAIRS, RULES)} == {made[0].fingerprint}


def test_names_nest_and_say_who_is_asked_in_the_end() -> None:
    assert split_dealt("noisy:0.2:failing:0.1:micro:weak") == (0.2, "failing:0.1:micro:weak")
    kind = judge_kind("noisy:0.2:micro")
    assert kind.judges is not None
    assert kind.judges("noisy:0.2:micro") == ["micro"]


@pytest.mark.parametrize(
    "name", ["noisy:micro", "noisy:2:micro", "noisy:0.2", "noisy:0.2:", "failing:x:micro"]
)
def test_a_name_of_another_form_is_refused_with_the_form(name: str) -> None:
    with pytest.raises(InputError, match=r"SHARE:JUDGE with a share from 0 to 1"):
        split_dealt(name)
