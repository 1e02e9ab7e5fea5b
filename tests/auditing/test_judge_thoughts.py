"""A label is held against the thought that the judge wrote before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rlaif.auditing.audit import audit
from rlaif.auditing.evidence import JudgeThought
from rlaif.auditing.judge_thoughts import against_thought, contradicts_thought, judge_thought_figures

from .small import evidence, value

FOR_A = "Response A greets the user. Response B does not.\nAnswer: A"


def thought(text: str, probability: float, shown: tuple[int, int] = (0, 1), **more: str) -> JudgeThought:
    return JudgeThought(shown=shown, text=text, probability=probability, **more)


@pytest.mark.parametrize(
    ("probability", "against"), [(0.9, False), (0.51, False), (0.2, True), (0.0, True), (0.5, None)]
)
def test_the_label_of_the_other_answer_is_against_the_thought(
    probability: float, against: bool | None
) -> None:
    assert contradicts_thought(thought(FOR_A, probability)) is against


def test_a_thought_that_leans_nowhere_contradicts_nothing_and_counts_nowhere() -> None:
    run = evidence([0, 0, 1, 1], labels=[(0, 1, 0.9), (2, 3, 0.9)])
    unsure = [thought("Hard to say.", 0.9), thought(FOR_A, 0.1, (2, 3))]
    tally = judge_thought_figures(replace(run, judge_thoughts=unsure))["thought_contradicts"]
    assert value(tally, "thought_contradicts") == 1.0
    assert tally.prompts == 1


def test_a_judge_that_does_not_think_has_no_such_figure() -> None:
    assert judge_thought_figures(evidence([0, 0])) == {}


def test_contradictions_are_listed_with_their_pairs_the_surest_first() -> None:
    run = evidence([0, 0, 1, 1], labels=[(1, 0, 0.9), (2, 3, 0.8)])
    said = [
        thought(FOR_A, 0.4, (2, 3), principle="greet", call="k1"),
        thought(FOR_A, 0.9, (3, 2), principle="greet", call="k2"),
        thought(FOR_A, 0.02, (0, 1), call="k3"),
    ]
    found = against_thought(replace(run, judge_thoughts=said))
    assert [(each.pair, each.completions, each.principle, each.call) for each in found] == [
        ("pair0", ("c0", "c1"), "", "k3"),
        ("pair1", ("c2", "c3"), "greet", "k1"),
    ]
    assert [each.thought_prefers for each in found] == [0, 0]


def test_a_judge_that_decides_whatever_it_thinks_is_reported() -> None:
    prompts = 40
    run = evidence([place // 2 for place in range(2 * prompts)])
    said = [thought(FOR_A, 0.1 if place % 3 else 0.9, (2 * place, 2 * place + 1)) for place in range(prompts)]
    found = audit(replace(run, judge_thoughts=said))
    assert "thought-contradicts" in {each.fault for each in found.findings}
    assert len(found.against_thought) == sum(place % 3 > 0 for place in range(prompts))
