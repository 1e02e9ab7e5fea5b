"""A model that never ends its answers is told of: early, and at the end."""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from statistics import mean

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
from rlaif.workflows.generate.cut_off import (
    EARLY,
    Watched,
    cut_pairs,
    enough_tokens,
    given_cut_off,
    often_cut_off,
)

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


def test_the_result_says_it_where_more_than_a_tenth_of_the_draws_were_cut_off() -> None:
    cut, whole = _drawn("length", 6), _drawn("stop", 54)
    assert often_cut_off("base", whole, LIMITS) == []
    assert often_cut_off("base", [*cut, *whole], LIMITS) == []
    [said] = often_cut_off("base", [*cut, *whole[1:]], LIMITS)
    assert said.startswith("base: 6 of 59 draws ran into the limit of 9 tokens (truncated)")
    assert "--truncated" not in said


def test_the_advised_limit_leaves_a_tenth_where_answers_end_at_one_rate() -> None:
    # lengths that end at one rate a token: what share is longer than a limit is share ** (limit / 256) by construction
    lengths = random.Random(0).choices(range(4000), [0.996**place for place in range(4000)], k=20_000)
    share = mean(each > 256 for each in lengths)
    advised = enough_tokens(share, 256)
    assert advised is not None
    assert advised % 32 == 0
    assert 0.08 < mean(each > advised for each in lengths) < 0.11
    # 219 of 320 at 256 tokens: 256 x ln .1 / ln .684 = 1554.7, more than four times as many
    assert enough_tokens(219 / 320, 256) == 1024
    # a quarter: 256 x 2.303 / 1.386 = 425.2
    assert enough_tokens(0.25, 256) == 448
    assert enough_tokens(0.96, 256) is None


def _answers(*finishes: Finish) -> list[Completion]:
    return [
        Completion(prompt_id="p", text=f"answer {place}", policy="base", draw=place, finish=each)
        for place, each in enumerate(finishes)
    ]


@pytest.mark.parametrize(
    ("finishes", "dropped", "rejected"),
    [
        (("stop", "stop", "length"), 0, 0),
        (("stop", "length", "length"), 1, 0),
        (("length", "length", "length"), 1, 1),
        (("stop", "stop"), 0, 0),
        (("stop",), 0, 0),
    ],
)
def test_a_prompt_gives_no_pair_for_cut_draws_where_too_few_are_whole(
    finishes: tuple[Finish, ...], dropped: int, rejected: int
) -> None:
    drawn = _answers(*finishes)
    assert cut_pairs(drawn, "drop").without == dropped
    assert cut_pairs(drawn, "reject").without == rejected


def test_where_pairs_are_made_the_sentence_counts_prompts_and_names_both_remedies() -> None:
    [said] = often_cut_off("base", _answers("stop", "length", "length"), Sampling(max_tokens=64), "drop")
    assert "2 of 3 draws ran into the limit of 64 tokens (truncated), and 1 of 1 prompts give no pair" in said
    assert re.search(r"try --max-tokens 256, or let.*--truncated reject", said)
    [given] = given_cut_off(_answers("stop", "length", "length"), "drop")
    assert given.startswith(
        "2 of 3 completions were cut off (truncated), and 1 of 1 prompts give no pair for it"
    )
    [settled] = given_cut_off(_answers("stop", "length", "length"), "reject")
    assert "--truncated" not in settled


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
    said, marks = often_cut_off("base", cut, limits)
    for each in (early, said):
        assert re.search(f"16 of 16 draws ran out of room inside of their thought.*{option}", each)
    assert "16 of 16 thoughts (100%) have no end mark" in marks


def test_thoughts_that_the_model_left_open_are_counted_among_the_thoughts() -> None:
    ended = [replace(each, thought="hm") for each in _drawn("stop", 3)]
    [said] = often_cut_off("base", [*ended, *_drawn("stop", 1, inside=True), *_drawn("stop", 4)], LIMITS)
    assert said.startswith("base: 1 of 4 thoughts (25%) have no end mark")
