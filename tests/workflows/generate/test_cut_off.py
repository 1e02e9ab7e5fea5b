"""A model that never ends its answers is told of: early, and at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import pytest

from rlaif.engines.base import BaseEngine
from rlaif.feedback.sample import sample
from rlaif.records import (
    Completion,
    Finish,
    GenerateRequest,
    Generation,
    Message,
    Prompt,
    Sampling,
    Score,
    ScoreRequest,
)
from rlaif.workflows.generate.cut_off import EARLY, Watched, mostly_cut_off


class Endless(BaseEngine):
    """Ends every answer in one way."""

    name, fingerprint = "base", "base"

    def __init__(self, finish: Finish) -> None:
        self.finish = finish

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for each in requests:
            yield Generation(request_id=each.id, text="on and on", finish=self.finish)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        raise NotImplementedError


def _drawn(finish: Finish, count: int) -> list[Completion]:
    prompts = [Prompt(messages=(Message(role="user", content=f"bread {number}"),)) for number in range(count)]
    sampled = sample(Watched(Endless(finish)), prompts, n=1, sampling=Sampling(max_tokens=9), seed=0)
    return list(sampled.completions)


def test_a_model_that_ends_nothing_is_told_of_once_after_its_first_draws(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        _drawn("length", 3 * EARLY)
    [said] = [each.getMessage() for each in caplog.records]
    assert f"base: {EARLY} of {EARLY} draws ran into the limit of 9 tokens" in said
    assert "--max-tokens" in said
    assert "chat model" in said


@pytest.mark.parametrize(("finish", "count"), [("stop", 3 * EARLY), ("length", EARLY - 1)])
def test_a_model_that_ends_or_hardly_began_is_not_told_of(
    finish: Finish, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _drawn(finish, count)
    assert caplog.records == []


def test_the_result_says_it_where_most_draws_were_cut_off() -> None:
    cut, whole = _drawn("length", 6), _drawn("stop", 6)
    assert mostly_cut_off("base", whole, 9) == []
    assert mostly_cut_off("base", [*cut, *whole], 9) == []
    [said] = mostly_cut_off("base", [*cut, *whole[:5]], 9)
    assert said.startswith("base: 6 of 11 draws ran into the limit of 9 tokens (truncated)")
