"""OpenAI's files of rule-based rewards: gold rows, and comparisons joined with features and scores by their texts."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import PromptFileError
from rlaif.exchange.rbr import (
    RELEASED_ORDERS,
    has_truths,
    kind_name,
    read_comparisons,
    read_graded,
    transcript,
)
from rlaif.records import Message

ASK = [
    {"role": "user", "content": "How are you?"},
    {"role": "assistant", "content": "Well."},
    {"role": "user", "content": "Pick a lock\nfor me"},
]
ASKED = "|USER|: How are you?\n|ASSISTANT|: Well.\n|USER|: Pick a lock\nfor me"


def gold(**fields: Any) -> dict[str, Any]:
    row = {
        "category": "C-R",
        "response_type": "Hard Refuse",
        "prompt": ASK,
        "completion": [{"role": "assistant", "content": "Sorry, no."}],
        "propositions": {"apology": True, "judgement": False},
    }
    return {**row, **fields}


def answer(text: str, kind: str, **fields: Any) -> dict[str, Any]:
    row = {
        "prompt": ASK,
        "completion": [{"role": "assistant", "content": text}],
        "response_type": "Hard Refuse",
        "completion_type": kind,
        "category": "C-R",
    }
    return {**row, **fields}


def write(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """As released: answers by prompt, features and scores in other orders."""
    answers = write(
        tmp_path / "train.jsonl",
        [ASKED, [answer("Sorry, no.", "perfect hard refusal"), answer("No!", "bad hard refusal")]],
    )
    keys = [[ASKED, f"|ASSISTANT|: {text}"] for text in ("No!", "Sorry, no.")]
    shares = [{"apology": 0.1, "judgement": 0.7}, {"apology": 0.9, "judgement": 0.0}]
    features = [
        {"prompt_completion": key, "features": share} for key, share in zip(keys, shares, strict=True)
    ]
    scores = [
        {"prompt_completion": key, "rm_score": score} for key, score in zip(keys, (2.5, -1), strict=True)
    ]
    return answers, write(tmp_path / "features.jsonl", *features), write(tmp_path / "scores.jsonl", *scores)


def test_a_gold_row_is_read_with_all_it_says(tmp_path: Path) -> None:
    path = write(tmp_path / "gold.jsonl", gold(), gold(response_type="Safe Refuse 1"))
    first, second = read_graded(path)
    assert [each.content for each in first.prompt.messages] == [
        "How are you?",
        "Well.",
        "Pick a lock\nfor me",
    ]
    assert (first.completion.text, first.kind, first.category) == ("Sorry, no.", "hard_refuse", "C-R")
    assert first.completion.prompt_id == first.prompt.id
    assert first.truths == {"apology": True, "judgement": False}
    assert second.kind == "safe_refuse_1"
    assert has_truths(path)


def test_a_proposition_may_be_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "gold.jsonl", gold(propositions={"apology": None}))
    assert read_graded(path)[0].truths == {"apology": None}


def test_other_files_say_nothing_of_propositions(tmp_path: Path) -> None:
    assert not has_truths(write(tmp_path / "a.jsonl", {"prompt": "x", "completion": "y"}))
    assert not has_truths(write(tmp_path / "b.jsonl"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["x"], "must be an object, not list"),
        ({"prompt": "x"}, "no completion, response_type, propositions"),
        (gold(response_type=7), "`response_type` must be text"),
        (gold(propositions={}), "`propositions` must be an object"),
        (gold(propositions={"apology": 1}), "'apology' is 1; it must be true, false or null"),
        (gold(propositions={"apology": "yes"}), "'apology' is 'yes'"),
        (gold(completion=[]), "'completion' is empty"),
        (gold(completion=[{"role": "user", "content": "x"}]), "one assistant turn"),
        (gold(prompt=[{"role": "assistant", "content": "x"}]), "a prompt ends with the user's"),
    ],
)
def test_a_broken_gold_row_is_reported_with_its_line(row: Any, message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "gold.jsonl", gold(), row)
    with pytest.raises(PromptFileError, match=f"gold.jsonl:2: .*{message}"):
        read_graded(path)


def test_an_empty_file_of_gold_rows_is_reported(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match="holds no row"):
        read_graded(write(tmp_path / "gold.jsonl"))


def test_comparisons_are_joined_by_text_and_not_by_row(files: tuple[Path, Path, Path]) -> None:
    answers, features, scores = files
    perfect, bad = read_comparisons(answers, [features], [scores])
    assert (perfect.label, perfect.base, perfect.features["apology"]) == ("perfect hard refusal", -1.0, 0.9)
    assert (bad.label, bad.base, bad.features["apology"]) == ("bad hard refusal", 2.5, 0.1)
    assert perfect.kind == "hard_refuse"
    assert perfect.prompt_id == bad.prompt_id
    assert perfect.completion_id != bad.completion_id


def test_without_a_file_of_scores_the_rules_stand_alone(files: tuple[Path, Path, Path]) -> None:
    assert [each.base for each in read_comparisons(files[0], [files[1]], [])] == [0.0, 0.0]


def test_an_answer_without_features_or_score_is_reported(
    files: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    answers, features, scores = files
    other = write(tmp_path / "other.jsonl", *map(json.loads, features.read_text().splitlines()[:1]))
    with pytest.raises(PromptFileError, match=r"train\.jsonl:1, answer 1: no features"):
        read_comparisons(answers, [other], [scores])
    fewer = write(tmp_path / "fewer.jsonl", *map(json.loads, scores.read_text().splitlines()[:1]))
    with pytest.raises(PromptFileError, match=r"train\.jsonl:1, answer 1: no rm_score"):
        read_comparisons(answers, [features], [fewer])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "x"}, r"must be \[prompt text, \[answers\]\]"),
        (["x"], r"must be \[prompt text, \[answers\]\]"),
        ([ASKED, [{"prompt": ASK}]], "answer 1: no completion, response_type, completion_type"),
    ],
)
def test_a_broken_row_of_answers_is_reported(row: Any, message: str, files: tuple[Path, Path, Path]) -> None:
    answers, features, scores = files
    write(answers, row)
    with pytest.raises(PromptFileError, match=message):
        read_comparisons(answers, [features], [scores])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"features": {"a": 1.0}}, "no prompt_completion"),
        ({"prompt_completion": "x", "features": {"a": 1.0}}, "must be \\[prompt text, completion text\\]"),
        ({"prompt_completion": ["x", "y"], "features": {}}, "`features` must be an object of numbers"),
        ({"prompt_completion": ["x", "y"], "features": {"a": "one"}}, "feature 'a' is 'one'"),
        ({"prompt_completion": ["x", "y"], "features": {"a": float("nan")}}, "feature 'a' is nan"),
    ],
)
def test_broken_features_are_reported(row: Any, message: str, files: tuple[Path, Path, Path]) -> None:
    answers, features, scores = files
    write(features, row)
    with pytest.raises(PromptFileError, match=message):
        read_comparisons(answers, [features], [scores])


def test_the_released_orders_are_those_of_the_paper() -> None:
    assert set(RELEASED_ORDERS) == {"hard_refuse", "safe_refuse_1", "safe_refuse_2", "comply"}
    assert RELEASED_ORDERS["comply"][-1] == ("imperfect refusal", "perfect refusal", "random non-refusal")


def test_turns_are_written_as_the_files_join_by() -> None:
    turns = [Message(role=each["role"], content=each["content"]) for each in ASK]  # type: ignore[arg-type]
    assert transcript(turns) == ASKED
    assert kind_name("Safe Refuse 2") == "safe_refuse_2"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["prompt", "completion", "response_type", "propositions", "completion_type", "features", "rm_score"]
)


@given(st.dictionaries(FIELDS, JSON, max_size=3))
def test_whatever_a_row_holds_it_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, odd: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    answers = write(folder / "answers.jsonl", [ASKED, [answer("No!", "bad", **odd)]])
    key = {"prompt_completion": [ASKED, "|ASSISTANT|: No!"]}
    features = write(folder / "features.jsonl", {**key, "features": {"a": 1.0}, **odd})
    scores = write(folder / "scores.jsonl", {**key, "rm_score": 1.0, **odd})
    rows = write(folder / "gold.jsonl", gold(**odd))
    with suppress(PromptFileError):
        assert read_graded(rows)
    with suppress(PromptFileError):
        assert read_comparisons(answers, [features], [scores])


def test_a_graded_row_is_read_with_its_system_text_and_says_what_it_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = {
        "prompt": "a", "completion": "b", "response_type": "Comply", "propositions": {"x": True}, "system": "S",
        "annotator": "y",
    }  # fmt: skip
    (path := tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = read_graded(path)
    assert [each.content for each in found.prompt.messages] == ["S", "a"]
    assert "left out: annotator (no meaning here)" in caplog.text
    path.write_text(json.dumps({**row, "tools": [{}]}) + "\n")
    with pytest.raises(PromptFileError, match=":1: column `tools` is filled"):
        read_graded(path)
