from __future__ import annotations

import pytest

from rlaif.auditing.cells import Cell, cells_of, kinds_of, worst_of
from rlaif.auditing.intervals import Interval
from rlaif.records import Message, Prompt


def prompt(text: str, *tags: str, **meta: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),), tags=tags, meta=meta)


def test_the_column_kind_comes_before_tags_and_tags_before_words() -> None:
    one, other = prompt("How do I bake?", "food", kind="advice"), prompt("How do I fly?", "air", kind="joke")
    assert kinds_of([one, other]) == {one.id: ("advice",), other.id: ("joke",)}
    third = prompt("What now?", "food", "short")
    assert kinds_of([one, third]) == {one.id: ("food",), third.id: ("food", "short")}


def test_prompts_that_say_nothing_of_themselves_have_their_first_words_as_kind() -> None:
    texts = ("How do I bake?", "how do you fly?", "Tell me a joke.", "3 + 4?")
    found = kinds_of([prompt(each) for each in texts])
    assert list(found.values()) == [("how do",), ("how do",), ("other",), ("other",)]


def test_an_untagged_prompt_among_tagged_ones_is_of_the_kind_other() -> None:
    one, two = prompt("a", "x"), prompt("b")
    assert kinds_of([one, two])[two.id] == ("other",)


def test_a_cell_is_the_mean_of_its_answers_and_its_interval_is_over_prompts() -> None:
    values = [("p1", "greet", 1.0), ("p1", "greet", 1.0), ("p2", "greet", 0.0), ("p3", "greet", 0.5)]
    kinds = {"p1": ("a", "b"), "p2": ("a",)}
    found = {each.name: each for each in cells_of(values, kinds)}
    assert set(found) == {"greet x a", "greet x b"}
    assert found["greet x a"].met.value == pytest.approx(2 / 3)
    assert found["greet x a"].answers == 3
    assert found["greet x b"].met.value == 1.0


def cell(name: str, value: float, high: float, answers: int) -> Cell:
    return Cell(principle=name, kind="k", met=Interval(value, 0.0, high), answers=answers)


def test_the_worst_cell_is_that_which_is_surely_bad_and_not_a_handful_of_bad_luck() -> None:
    unlucky, bad, rare = cell("unlucky", 0.1, 0.9, 20), cell("bad", 0.3, 0.4, 200), cell("rare", 0.0, 0.2, 3)
    assert worst_of([unlucky, bad, rare], 10) is bad
    assert worst_of([rare], 10) is None
