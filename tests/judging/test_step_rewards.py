"""A process reward model asked of each step: what it is shown, what becomes one number, and what failures become."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import pytest

from rlaif.judging import RewardJudge
from rlaif.judging.protocols import Asking, pointwise
from rlaif.judging.step_rewards import beginnings
from rlaif.records import Judgment, Score, ScoreRequest, State, ToolCall
from tests.judging.builders import completion, prompt

TEXT = "7 plus 1 is 8. 8 plus 2 is 11.  It is 11."
FIRST, SECOND = "7 plus 1 is 8.", "7 plus 1 is 8. 8 plus 2 is 11."
LOG_ODDS = {FIRST: 3.0, SECOND: -1.0, TEXT: -2.0}


class Steps:
    """A process reward model that knows three beginnings, and fails on any other."""

    name, fingerprint = "reward:steps", "b2:steps"

    def __init__(self) -> None:
        self.shown: list[str] = []

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        for each in reversed(list(requests)):
            (text,) = each.continuations
            self.shown.append(text)
            if text in LOG_ODDS:
                yield Score(request_id=each.id, logprobs=(LOG_ODDS[text],))
            else:
                yield Score(request_id=each.id, logprobs=(), error="no memory")


def said(protocol: str, text: str = TEXT, engine: Steps | None = None, **fields: object) -> Judgment:
    judge = RewardJudge(engine or Steps())  # type: ignore[arg-type]
    [found] = pointwise(protocol).ask(judge, [(prompt(), completion(text, **fields))], (), Asking())
    return found


def sigmoid(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def test_a_text_begins_with_each_of_its_steps_as_it_stands_and_ends_as_a_whole() -> None:
    assert beginnings(TEXT) == [FIRST, SECOND, TEXT]
    assert beginnings("one\n\n  two \nthree\n") == ["one", "one\n\n  two", "one\n\n  two \nthree\n"]
    assert beginnings("again. again. again.") == ["again.", "again. again.", "again. again. again."]
    assert beginnings("  ") == []


def test_the_model_is_shown_no_text_behind_a_step() -> None:
    engine = Steps()
    said("process", engine=engine)
    assert sorted(engine.shown) == sorted([FIRST, SECOND, TEXT])


@pytest.mark.parametrize(
    ("protocol", "number"),
    [
        ("process", sigmoid(-2)),
        ("process-product", sigmoid(3) * sigmoid(-1) * sigmoid(-2)),
        ("process-last", sigmoid(-2)),
    ],
)
def test_the_number_is_made_of_the_sigmoids_of_the_steps(protocol: str, number: float) -> None:
    found = said(protocol)
    assert (found.state, found.principle_id) == (State.SCORE, None)
    assert found.value == pytest.approx(number)
    assert [each["p"] for each in found.steps] == pytest.approx([sigmoid(3), sigmoid(-1), sigmoid(-2)])
    assert len(found.calls) == 3


def test_the_least_step_decides_wherever_it_stands() -> None:
    assert said("process", SECOND).value == pytest.approx(sigmoid(-1))
    assert said("process", FIRST).value == pytest.approx(sigmoid(3))


@pytest.mark.parametrize("protocol", ["process", "process-product", "process-last"])
def test_a_step_that_could_not_be_read_leaves_no_number(protocol: str) -> None:
    found = said(protocol, f"{SECOND} Unknown.")
    assert (found.state, found.value) == (State.TRANSPORT, None)
    assert [each["p"] is None for each in found.steps] == [False, False, True]


def test_a_completion_without_a_step_or_with_a_call_of_a_tool_has_nothing_to_be_judged() -> None:
    call = ToolCall(id="1", name="add", arguments="{}")
    for found in (said("process", "  "), said("process", TEXT, tool_calls=(call,))):
        assert (found.state, found.value) == (State.ABSTAIN, None)
