"""JSON of servers as texts, candidates and usage: tables of what they send."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.engines.openai.replies import (
    Problem,
    candidates,
    prompt_logprobs,
    shares,
    texts,
    texts_problem,
    usage,
)
from rlaif.records import Usage

from .tables import named, rows


@pytest.mark.parametrize("row", rows("replies"), ids=named)
def test_a_choice_is_a_text_or_says_why_it_is_none(row: dict[str, Any]) -> None:
    body = {"choices": [row["choice"]]}
    found = texts(body, 1)
    assert isinstance(found, list)
    [text] = found
    if "problem" in row:
        assert row["problem"] in text.problem
        assert text.text == ""
        assert (texts_problem(body, 1) is not None) == row["again"]
    else:
        assert (text.text, text.finish, text.problem) == (row["text"], row["finish"], "")
        assert (text.thought, text.open_thought) == (row.get("thought", ""), row.get("open", False))


@pytest.mark.parametrize("row", rows("candidates"), ids=named)
def test_candidates_are_probabilities_or_say_why_they_are_none(row: dict[str, Any]) -> None:
    found = candidates({"choices": [row["choice"]]})
    if "known" in row:
        assert found == row["known"]
        return
    assert isinstance(found, Problem)
    assert (found.lacks == "logprobs") == row.get("lacks", False)
    assert row.get("problem", "") in found.reason


@pytest.mark.parametrize(
    "choices", [None, {}, "x", 3, [None], ["x"], [[]], [{}, {}], [], [{"message": {"content": "x"}}] * 3]
)
def test_choices_of_another_form_or_number_are_no_answer(choices: Any) -> None:
    body = {"choices": choices}
    assert isinstance(texts(body, 1), str)
    assert texts_problem(body, 1) is not None
    assert isinstance(candidates(body), Problem)


def test_words_beside_missing_choices_are_told() -> None:
    assert texts({"message": "model is loading", "success": False}, 1) == (
        "the server sent what is no completion: model is loading"
    )


@pytest.mark.parametrize(
    ("used", "wanted"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2)),
        # thoughts are tokens that were written, whether the server counts them there or beside
        ({"prompt_tokens": 3, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 7}}, (3, 9)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "completion_tokens_details": {"reasoning_tokens": 7}}, (3, 9)),
        ({"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 18, "completion_tokens_details":
          {"reasoning_tokens": 7}}, (3, 15)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 12}, (3, 9)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5, "reasoning_tokens": 1}, (3, 2)),
        ({"prompt_tokens": 3.0, "completion_tokens": 2.5}, (3, 0)),
        ({"prompt_tokens": "3", "completion_tokens": None}, (0, 0)),
        ({"prompt_tokens": -3, "completion_tokens": True}, (0, 0)),
        ({"prompt_tokens": float("nan"), "completion_tokens": float("inf")}, (0, 0)),
        ({"prompt_tokens": 1 << 60, "completion_tokens": []}, (0, 0)),
        (None, (0, 0)),
        ("3", (0, 0)),
        ([3], (0, 0)),
    ],
)  # fmt: skip
def test_tokens_are_counted_where_a_count_is_sent(used: Any, wanted: tuple[int, int]) -> None:
    found = usage({"usage": used})
    assert (found.prompt_tokens, found.completion_tokens) == wanted


def test_the_usage_of_several_draws_sums_up() -> None:
    parts = shares(Usage(prompt_tokens=7, completion_tokens=5), 3)
    assert sum(each.prompt_tokens for each in parts) == 7
    assert sum(each.completion_tokens for each in parts) == 5


@pytest.mark.parametrize(
    "rows_", [None, [], "x", [None, None], [None, {}], [None, {"1": {}}], [None, {"1": {"logprob": "x"}}],
              [None, {"1": {"logprob": 3.0}}], [None, {"1": {"logprob": float("nan")}}]],
)  # fmt: skip
def test_log_probabilities_of_a_prompt_of_another_form_are_none(rows_: Any) -> None:
    assert prompt_logprobs({"prompt_logprobs": rows_}) is None
