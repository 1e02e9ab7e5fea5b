"""Prompts that belong together come in one step, each as often as any other."""

from __future__ import annotations

from collections import Counter

import pytest

from rlaif.records import Message, Prompt
from rlaif.training import GRPOConfig
from rlaif.training.online.together import BlockOrder, prompt_order
from rlaif.training.order import Order

from .helpers import SMALL


def asked(*named: str | None) -> list[Prompt]:
    return [
        Prompt(
            messages=(Message(role="user", content=f"q{place}"),),
            meta={} if each is None else {"together": each},
        )
        for place, each in enumerate(named)
    ]


def config(**given: int) -> GRPOConfig:
    return GRPOConfig(**{**SMALL, **given})


def test_prompts_alone_are_taken_as_ever() -> None:
    for prompts in (asked(*[None] * 7), asked(*"abcdefg")):
        found = prompt_order(config(steps=5, batch_size=3), prompts)
        assert isinstance(found, Order)
        assert found == Order.of(config(steps=5, batch_size=3), 7, "prompts")


def test_what_belongs_together_is_in_one_step_and_none_is_taken_more_often() -> None:
    prompts = asked(*"abcdefghij", *"abcdefghij")
    found = prompt_order(config(steps=5, batch_size=4), prompts)
    assert isinstance(found, BlockOrder)
    taken: Counter[int] = Counter()
    for step in range(found.steps):
        rows = found.rows(step)
        assert len(rows) == len(set(rows)) == found.batch_size == 4
        assert {row % 10 for row in rows if row < 10} == {row % 10 for row in rows if row >= 10}
        taken.update(rows)
    assert set(taken.values()) == {1}
    assert [found.rows(3)] == [prompt_order(config(steps=5, batch_size=4), prompts).rows(3)]


def test_values_of_other_types_are_other_values() -> None:
    one, other, third = asked(None, None, None)
    prompts = [
        Prompt(messages=each.messages, meta={"together": value})
        for each, value in ((one, 1), (other, "1"), (third, 1))
    ]
    found = prompt_order(config(steps=2, batch_size=2), prompts)
    assert isinstance(found, BlockOrder)
    assert sorted(map(tuple, found.blocks)) == [(0, 2), (1,)]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_a_step_has_one_block_at_least_and_never_more_than_fit(batch: int) -> None:
    found = prompt_order(config(steps=4, batch_size=batch), asked("a", "a", None, "b", "b"))
    assert isinstance(found, BlockOrder)
    assert all(len(found.rows(step)) in (1, 2) for step in range(4))
