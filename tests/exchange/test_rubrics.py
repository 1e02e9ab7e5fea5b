"""Rubrics are read as written, with the digest as version; what cannot be weighed is refused with its line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.rubrics import read_rubrics, rubric_row, write_rubrics
from rlaif.records import Message, Rubric, RubricCriterion

WHOLE = Rubric(
    prompt=(Message(role="user", content="how do I bake bread"),),
    criteria=(
        RubricCriterion(id="oven", text="The response names the oven.", weight=3.0, source="prompt"),
        RubricCriterion(id="rude", text="The response is rude.", weight=-1.5, hard=True),
    ),
    parent="b2:before",
    made={"writer": "b2:writer"},
)


def file_of(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows), encoding="utf-8")
    return path


def test_rubrics_come_back_as_they_were_written(tmp_path: Path) -> None:
    plain = Rubric(prompt=(*WHOLE.prompt, *WHOLE.prompt), criteria=(RubricCriterion(id="c1", text="x"),))
    write_rubrics(tmp_path / "r.jsonl", [WHOLE, plain])
    read = read_rubrics(tmp_path / "r.jsonl")
    assert read == [WHOLE, plain]
    assert [each.made for each in read] == [WHOLE.made, {}]
    assert read[0].criteria[0].source == "prompt"


def test_the_digest_is_of_ids_texts_weights_hardness_and_order_alone() -> None:
    first, second = WHOLE.criteria
    same = replace(WHOLE, criteria=(replace(first, source="another"), second), parent="", made={})
    assert same.digest == WHOLE.digest
    others = [
        (replace(first, text="The response names an oven."), second),
        (replace(first, weight=2.0), second),
        (replace(first, hard=True), second),
        (replace(first, id="o"), second),
        (second, first),
        (first,),
    ]
    digests = {replace(WHOLE, criteria=each).digest for each in others}
    assert len(digests | {WHOLE.digest}) == len(others) + 1


def test_a_short_row_has_weights_of_one_and_ids_by_place(tmp_path: Path) -> None:
    row = {"prompt": "hi", "criteria": [{"text": "It greets."}, {"text": "It is rude.", "weight": -1}]}
    (read,) = read_rubrics(file_of(tmp_path / "r.jsonl", row))
    assert [(each.id, each.weight, each.hard) for each in read.criteria] == [
        ("c1", 1.0, False),
        ("c2", -1.0, False),
    ]


def test_a_changed_row_must_let_go_of_its_digest(tmp_path: Path) -> None:
    row = json.loads(json.dumps(rubric_row(WHOLE)))
    row["criteria"][0]["weight"] = 2
    with pytest.raises(PromptFileError, match=r"r\.jsonl:1: its `digest` .* leave `digest` out"):
        read_rubrics(file_of(tmp_path / "r.jsonl", row))
    del row["digest"]
    assert read_rubrics(file_of(tmp_path / "r.jsonl", row))[0].criteria[0].weight == 2


def test_a_prompt_has_one_rubric(tmp_path: Path) -> None:
    row = {"prompt": "hi", "criteria": [{"text": "It greets."}]}
    with pytest.raises(PromptFileError, match=r"r\.jsonl:2: its prompt has a rubric in a row before it"):
        read_rubrics(file_of(tmp_path / "r.jsonl", row, row))


GOOD = {"id": "a", "text": "It greets."}


@pytest.mark.parametrize(
    ("criteria", "problem"),
    [
        ([GOOD, GOOD], "criterion 'a' is there twice"),
        ([{"text": " "}], "criterion 1: its `text` is blank"),
        ([{"id": "a"}], "its `text` is blank"),
        ([GOOD | {"weight": 1e308}, {"text": "x", "weight": -1e308}], "too large to be added up"),
        ([GOOD | {"weight": 0}, {"text": "x", "weight": 0}], "weights of its criteria sum to 0"),
        ([GOOD | {"weight": "3"}], "must be a finite number"),
        ([GOOD | {"weight": None}], "must be a finite number"),
        ([GOOD | {"weight": True}], "must be a finite number"),
        ([GOOD | {"hard": "yes"}], "`hard` is 'yes'"),
        ([GOOD | {"wieght": 2}], "'wieght' is no key"),
        (["It greets."], "must be an object with `text`"),
        ([], "a list of one or more"),
        ("It greets.", "a list of one or more"),
    ],
)
def test_criteria_that_cannot_be_asked_or_weighed_are_refused_with_their_line(
    tmp_path: Path, criteria: Any, problem: str
) -> None:
    good = {"prompt": "hi", "criteria": [GOOD]}
    with pytest.raises(PromptFileError, match=r"r\.jsonl:2") as told:
        read_rubrics(file_of(tmp_path / "r.jsonl", good, {"prompt": "hi", "criteria": criteria}))
    assert problem in str(told.value)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("a text", "must be an object"),
        ({"criteria": [GOOD]}, "prompt"),
        ({"prompt": "hi", "criteria": [GOOD], "made": "by me"}, "`made` is 'by me'"),
        ({"prompt": "hi", "criteria": [GOOD], "criterions": []}, "'criterions' is no key"),
        ({"prompt": "hi", "criteria": [GOOD], "parent": 3}, "`parent` is 3"),
    ],
)
def test_a_row_that_is_no_rubric_is_refused(tmp_path: Path, row: Any, problem: str) -> None:
    with pytest.raises(PromptFileError, match=r"r\.jsonl:1") as told:
        read_rubrics(file_of(tmp_path / "r.jsonl", row))
    assert problem in str(told.value)


def test_weights_of_both_signs_need_not_sum_to_anything() -> None:
    merit_and_fault = (RubricCriterion(id="a", text="a"), RubricCriterion(id="b", text="b", weight=-1.0))
    row = rubric_row(replace(WHOLE, criteria=merit_and_fault))
    assert [each["weight"] for each in row["criteria"]] == [1.0, -1.0]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(PromptFileError, match="holds no rubric"):
        read_rubrics(tmp_path / "r.jsonl")
