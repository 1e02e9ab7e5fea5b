"""Requests that wait are asked of the judge together, and none suffers for another one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rlaif.records import Completion, Prompt
from rlaif.workflows.reward.serve.batches import Batches
from rlaif.workflows.reward.serve.shape import AskedRows, asked_rows
from tests.workflows.reward.serving import Held, Numbers, by_length

pytestmark = pytest.mark.timing


def row(*texts: str) -> AskedRows:
    return asked_rows(["hi"] * len(texts), list(texts), ("prompts", "completions"))


def asked(
    score: Any, requests: Sequence[AskedRows], *, most_rows: int, held: Held | None = None
) -> list[Any]:
    """What each request gets; where a judge is held, all but the first come while it is asked about that."""

    async def all_of_them() -> list[Any]:
        with ThreadPoolExecutor(1) as judging:
            batches = Batches(score, executor=judging, most_rows=most_rows)
            first = asyncio.create_task(batches.scored(requests[0]))
            while held is not None and not held.asked.is_set():
                await asyncio.sleep(0.01)
            others = [asyncio.create_task(batches.scored(each)) for each in requests[1:]]
            await asyncio.sleep(0)
            if held is not None:
                held.go.set()
            return list(await asyncio.gather(first, *others))

    return asyncio.run(all_of_them())


def test_rows_that_come_one_by_one_while_the_judge_is_asked_are_one_batch() -> None:
    held = Held()
    requests = [row("a"), row("bb"), row("mumble"), row("dddd", "e")]
    assert asked(held, requests, most_rows=100, held=held) == [[1.0], [2.0], [None], [4.0, 1.0]]
    assert held.batches == [1, 4]


def test_a_batch_has_no_more_rows_than_it_may_unless_one_request_has() -> None:
    held = Held()
    requests = [row("a"), row("b"), row("c", "c"), row("d", "d", "d", "d"), row("e")]
    assert [len(each) for each in asked(held, requests, most_rows=3, held=held)] == [1, 1, 2, 4, 1]
    assert held.batches == [1, 3, 4, 1]


def test_a_request_whose_rows_raise_leaves_the_others_their_rewards() -> None:
    def fussy(prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Numbers:
        if any(each.text == "bad" for each in completions):
            raise ValueError("bad")
        return by_length(prompts, completions)

    held = Held(score=fussy)
    first, second, third, fourth = asked(
        held, [row("a"), row("bb"), row("bad"), row("cc")], most_rows=9, held=held
    )
    assert (first, second, fourth) == ([1.0], [2.0], [2.0])
    assert isinstance(third, ValueError)


def test_an_answer_that_nobody_waits_for_is_not_asked_about() -> None:
    held = Held()

    async def given_up() -> None:
        with ThreadPoolExecutor(1) as judging:
            batches = Batches(held, executor=judging, most_rows=9)
            first = asyncio.create_task(batches.scored(row("a")))
            while not held.asked.is_set():
                await asyncio.sleep(0.01)
            gone = asyncio.create_task(batches.scored(row("b")))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.sleep(0)
            held.go.set()
            assert await first == [1.0]
            assert await batches.scored(row("cc")) == [2.0]

    asyncio.run(given_up())
    assert held.batches == [1, 1]
