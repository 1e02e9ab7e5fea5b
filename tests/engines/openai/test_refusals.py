"""What a server's words refuse, and what is learned of it: a table of real refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rlaif.engines.openai.attempt import AttemptFault, _object, _refusal
from rlaif.engines.openai.capabilities import Capabilities, Lesson
from rlaif.engines.openai.error_text import error_text
from rlaif.engines.openai.refusals import refused
from rlaif.engines.openai.retries import _lesson

from .tables import named, rows

BODIES: dict[str, dict[str, Any]] = {
    "label": {"max_tokens": 1, "temperature": 1.0, "logprobs": True, "top_logprobs": 20},
    "draw": {"max_tokens": 9, "temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1, "seed": 7, "stop": ["x"]},
    "several": {"max_tokens": 9, "temperature": 1.0, "top_p": 1.0, "n": 4},
    "schema": {"max_tokens": 9, "temperature": 1.0, "top_p": 1.0, "seed": 7, "response_format": {}},
    "budget": {"max_tokens": 9, "temperature": 1.0, "thinking_token_budget": 8, "reasoning_budget_tokens": 8},
    "turns": {
        "max_tokens": 9,
        "messages": [
            {"role": "developer", "content": "?"},
            {"role": "assistant", "content": "?", "reasoning_content": "hm", "reasoning": "hm"},
            {"role": "user", "content": "?"},
        ],
    },
    "continued": {"max_tokens": 1, "logprobs": True, "top_logprobs": 20, "continue_final_message": True},
}  # fmt: skip
ROWS = rows("refusals")


def sent(row: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "?"}], "model": "m", **BODIES[row["ask"]]}


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_each_servers_words_refuse_what_they_name(row: dict[str, Any]) -> None:
    words = error_text(json.dumps(row["body"]).encode())
    found = refused(sent(row), words, plain=row["status"] in (200, 400, 422))
    wanted = row["refuses"]
    assert (found and found.name) == wanted
    assert (found and found.most) == row.get("most")


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_each_refusal_is_learned_whatever_its_status(row: dict[str, Any]) -> None:
    whole = json.dumps(row["body"]).encode()
    outcome = _object(whole) if row["status"] == 200 else _refusal(row["status"], error_text(whole))
    able = Capabilities()
    lesson = _lesson(able, sent(row), outcome)
    assert lesson is (Lesson.LEARNED if row["refuses"] else Lesson.NOTHING)
    if not row["refuses"]:
        assert able == Capabilities()
        assert outcome.fault is not AttemptFault.WRONG or row["status"] in (401, 403, 404)


def test_what_has_worked_is_not_lost_by_one_refusal() -> None:
    able, body = Capabilities(), {**BODIES["draw"]}
    able.prove(body)
    words = "Unrecognized request argument supplied: seed"
    assert able.learn(body, words) is Lesson.DOUBTED
    able.prove(body)
    assert [able.learn(body, words) for _ in range(3)] == [Lesson.DOUBTED, Lesson.DOUBTED, Lesson.LEARNED]
    assert not able.can("seed")


def test_log_probabilities_that_were_there_are_never_lost() -> None:
    able, body = Capabilities(), {**BODIES["label"]}
    able.prove(body)
    words = "Unsupported parameter: 'logprobs' is not supported with this model."
    assert {able.learn(body, words) for _ in range(20)} == {Lesson.DOUBTED}
    for _ in range(20):
        able.doubt("logprobs", "none")
    assert able.can("logprobs")


def test_the_neutral_value_proves_nothing_of_the_others() -> None:
    able = Capabilities()
    able.prove({"temperature": 1.0, "top_p": 1.0})
    words = "'temperature' does not support 0 with this model. Only the default (1) value is supported."
    assert able.learn({"temperature": 0.0, "top_p": 1.0}, words) is Lesson.LEARNED


def test_fewer_candidates_are_asked_for_until_none_are_left() -> None:
    able = Capabilities()
    for most, left in ((10, [10, 5]), (5, [5])):
        body = {"logprobs": True, "top_logprobs": able.tops[0]}
        assert able.learn(body, f"top_logprobs must be at most {most}") is Lesson.LEARNED
        assert able.tops == left
    assert (
        able.learn({"logprobs": True, "top_logprobs": 5}, "top_logprobs must be at most 0") is Lesson.LEARNED
    )
    assert not able.can("logprobs")
