"""A model that never ends its answers is told of: early, and at the end."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

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

LIMITS = Sampling(max_tokens=9)


class Endless(BaseEngine):
    """Ends every answer in one way."""

    name, fingerprint = "base", "base"

    def __init__(self, finish: Finish, *, inside: bool = False) -> None:
        self.finish, self.inside = finish, inside

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for each in requests:
            said = {"text": "", "thought": "on and on"} if self.inside else {"text": "on and on"}
            yield Generation(request_id=each.id, finish=self.finish, open_thought=self.inside, **said)

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        raise NotImplementedError


def _drawn(
    finish: Finish, count: int, *, inside: bool = False, limits: Sampling = LIMITS
) -> list[Completion]:
    prompts = [Prompt(messages=(Message(role="user", content=f"bread {number}"),)) for number in range(count)]
    sampled = sample(Watched(Endless(finish, inside=inside)), prompts, n=1, sampling=limits, seed=0)
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
    assert mostly_cut_off("base", whole, LIMITS) == []
    assert mostly_cut_off("base", [*cut, *whole], LIMITS) == []
    [said] = mostly_cut_off("base", [*cut, *whole[:5]], LIMITS)
    assert said.startswith("base: 6 of 11 draws ran into the limit of 9 tokens (truncated)")


@pytest.mark.parametrize(
    ("room", "option"),
    [(None, "share 9 tokens.*--max-thought-tokens"), (5, "5 tokens. Raise max_thought_tokens")],
)
def test_draws_that_end_inside_of_their_thought_are_told_so_with_the_option_that_helps(
    room: int | None, option: str, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Sampling(max_tokens=9, max_thought_tokens=room)
    with caplog.at_level(logging.WARNING):
        cut = _drawn("length", EARLY, inside=True, limits=limits)
    [early] = [each.getMessage() for each in caplog.records]
    said, marks = mostly_cut_off("base", cut, limits)
    for each in (early, said):
        assert re.search(f"16 of 16 draws ran out of room inside of their thought.*{option}", each)
    assert "16 of 16 thoughts (100%) have no end mark" in marks


def test_thoughts_that_the_model_left_open_are_counted_among_the_thoughts() -> None:
    ended = [replace(each, thought="hm") for each in _drawn("stop", 3)]
    [said] = mostly_cut_off("base", [*ended, *_drawn("stop", 1, inside=True), *_drawn("stop", 4)], LIMITS)
    assert said.startswith("base: 1 of 4 thoughts (25%) have no end mark")
