"""Thoughts have figures of their own, and no figure of answers counts them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rlaif.auditing.audit import audit
from rlaif.auditing.evidence import Evidence
from rlaif.auditing.planted import planted_run
from rlaif.auditing.resample import estimate
from rlaif.auditing.sameness import sameness_figures
from rlaif.auditing.thoughts import thought_figures

from .small import evidence, floats, ints, value

WORDS = [4, 1, 0, 2, 9, 3]


def thinking(words: list[int], never: list[bool] | None = None, **more: Any) -> Evidence:
    """Two answers to each prompt, the first of them chosen, with thoughts of so many words."""
    found = evidence(
        [place // 2 for place in range(len(words))],
        labels=[(place, place + 1, 0.9) for place in range(0, len(words), 2)],
        **more,
    )
    thoughts = [" ".join(["so"] * count) for count in words]
    own = replace(found.texts, thoughts=thoughts, open_thoughts=never or [False] * len(words))
    return replace(found, texts=own)


def test_lengths_of_either_side_and_their_difference_are_means_over_pairs() -> None:
    found = thought_figures(thinking(WORDS))
    assert value(found, "thought_words:chosen") == pytest.approx((4 + 0 + 9) / 3)
    assert value(found, "thought_words:rejected") == pytest.approx((1 + 2 + 3) / 3)
    assert value(found, "thought_words:apart") == pytest.approx((3 - 2 + 6) / 3)
    assert value(found, "chosen_more:thought") == pytest.approx(2 / 3)


def test_a_mean_of_words_has_students_interval() -> None:
    from scipy.stats import t

    apart = [3, -2, 6, 5, 0, 1, 4, 4]
    words = [count for each in apart for count in (10 + each, 10)]
    found = estimate(thought_figures(thinking(words)))["thought_words:apart"]
    mean, count = sum(apart) / len(apart), len(apart)
    error = (sum((each - mean) ** 2 for each in apart) / (count - 1) / count) ** 0.5
    assert found.value == pytest.approx(mean)
    # the error is that of draws, which are a sample themselves
    assert found.high - found.value == pytest.approx(float(t.ppf(0.975, count - 1)) * error, rel=0.1)


def test_thoughts_without_end_and_empty_ones_are_shares_of_those_who_think() -> None:
    found = thought_figures(thinking(WORDS, [False, True, False, False, False, True]))
    assert value(found, "open_thought") == pytest.approx(2 / 6)
    assert value(found, "empty_thought") == pytest.approx(1 / 6)
    # one that ended nowhere before its first word is no empty thought
    assert value(thought_figures(thinking([3, 0], [False, True])), "empty_thought") == 0.0


def test_a_policy_that_never_thinks_leaves_no_thought_empty() -> None:
    found = thinking([4, 0, 5, 0, 6, 0], policies=("thinks", "answers"))
    mixed = replace(found, texts=replace(found.texts, policy=ints([0, 1, 0, 1, 0, 1])))
    assert value(thought_figures(mixed), "empty_thought") == 0.0


def test_a_run_without_thoughts_has_no_figure_of_them() -> None:
    run = planted_run(prompts=30)
    assert thought_figures(run) == {}
    assert not [name for name in audit(run).figures if "thought" in name]


def test_figures_of_answers_do_not_see_thoughts() -> None:
    run = planted_run(prompts=60)
    count = len(run.texts.ids)
    thoughts = [f"**Certainly!** {'word ' * (place % 7)}" for place in range(count)]
    thinks = replace(run, texts=replace(run.texts, thoughts=thoughts, open_thoughts=[False] * count))
    plain, beside = audit(run), audit(thinks)
    assert beside.criteria.keys() == plain.criteria.keys()
    assert {name: each.effect.value for name, each in beside.criteria.items()} == {
        name: each.effect.value for name, each in plain.criteria.items()
    }
    assert {name: beside.figures[name].value for name in plain.figures} == {
        name: each.value for name, each in plain.figures.items()
    }
    assert beside.closer == plain.closer


def test_where_no_answer_came_there_is_none_to_count() -> None:
    found = evidence([0, 0, 0, 0], texts=["", "", "a b c d", "e f g h"])
    assert value(sameness_figures(found), "alike") == pytest.approx(1 / 6)
    never = replace(found.texts, thoughts=["hm"] * 4, open_thoughts=[True, True, False, False])
    assert value(sameness_figures(replace(found, texts=never)), "alike") == 0.0
    calls = replace(found.texts, calls_alone=[True, True, False, False])
    assert value(sameness_figures(replace(found, texts=calls)), "alike") == 0.0


def test_a_side_without_an_answer_is_neither_longer_nor_shorter() -> None:
    run = thinking(
        [3, 4] * 3, [False, True, False, False, False, False], texts=["a b", "", "a", "b c", "a b", "a"]
    )
    figure = audit(replace(run, gold=floats([1, 0] * 3))).figures
    assert (figure["chosen_more:length"].value, figure["chosen_more:length"].prompts) == (0.5, 2)
    assert (figure["truth_more:length"].value, figure["truth_more:length"].prompts) == (0.5, 2)


def test_thoughts_that_never_end_are_a_fault() -> None:
    words = [3, 4] * 60
    never = [place % 4 == 1 for place in range(len(words))]
    faults = {each.fault: each.says for each in audit(thinking(words, never)).findings}
    assert faults["open-thoughts"] == "25% of the thoughts never end, and no answer follows"
    assert "open-thoughts" not in {each.fault for each in audit(thinking(words)).findings}
