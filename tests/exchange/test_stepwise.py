"""Labelled steps in TRL's columns: read as beginnings of answers, written back as rows, refused with their line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, PromptFileError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.examples import read_examples, write_examples
from rlaif.exchange.stepwise import stepwise_rows
from rlaif.feedback.step_labels import LabelledStep, step_examples
from rlaif.judging.step_rewards import beginnings
from rlaif.records import RIGHT_STEP, WRONG_STEP, Completion, Example, Message, Prompt

ROW = {
    "prompt": "Which is larger?",
    "completions": ["a is 1.", "b is 2.", "So b."],
    "labels": [True, False, True],
}


def written(tmp_path: Path, *rows: Any) -> Path:
    path = tmp_path / "steps.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def shown(examples: list[Example]) -> list[tuple[str, str, str, float]]:
    return [
        (each.messages[0].content, each.messages[-1].content, each.kind, each.weight) for each in examples
    ]


def test_each_step_is_a_beginning_of_the_answer_with_its_label(tmp_path: Path) -> None:
    assert shown(read_examples(written(tmp_path, ROW))) == [
        ("Which is larger?", "a is 1.", RIGHT_STEP, 1.0),
        ("Which is larger?", "a is 1.\nb is 2.", WRONG_STEP, 1.0),
        ("Which is larger?", "a is 1.\nb is 2.\nSo b.", RIGHT_STEP, 1.0),
    ]


def test_the_steps_that_are_read_are_those_that_a_judge_of_steps_sees(tmp_path: Path) -> None:
    *_, whole = read_examples(written(tmp_path, ROW))
    texts = [each.messages[-1].content for each in read_examples(written(tmp_path, ROW))]
    assert beginnings(whole.messages[-1].content) == texts


def test_a_step_without_a_label_is_no_example_and_stays_in_what_follows(tmp_path: Path) -> None:
    row = {**ROW, "labels": [None, False, None]}
    assert shown(read_examples(written(tmp_path, row))) == [
        ("Which is larger?", "a is 1.\nb is 2.", WRONG_STEP, 1.0)
    ]


def test_a_share_is_both_kinds_by_its_weight(tmp_path: Path) -> None:
    row = {"prompt": "q", "completions": ["x"], "labels": [0.75]}
    assert shown(read_examples(written(tmp_path, row))) == [
        ("q", "x", RIGHT_STEP, 0.75),
        ("q", "x", WRONG_STEP, 0.25),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**ROW, "labels": [True]}, "3 `completions` and 1 `labels`; give each step one label"),
        ({**ROW, "labels": [True, "no", True]}, "label 2 of `labels` is 'no'; write true"),
        ({**ROW, "labels": [True, -1, True]}, "label 2 of `labels` is -1; write true"),
        ({**ROW, "labels": [True, float("nan"), True]}, "label 2 of `labels` is nan; write true"),
        ({**ROW, "labels": True}, "`labels` is True; give a list of true and false"),
        ({**ROW, "completions": "a is 1."}, "`completions` is 'a is 1.'; give a list"),
        ({**ROW, "completions": [], "labels": []}, "`completions` is []; give a list"),
        ({**ROW, "completions": ["a", " ", "b"]}, "step 2 of `completions` is ' '; it must be text"),
        ({**ROW, "completions": ["a", 2, "b"]}, "step 2 of `completions` is 2; it must be text"),
        ({name: ROW[name] for name in ("completions", "labels")}, "no `prompt` beside `completions`; add"),
        ({name: ROW[name] for name in ("prompt", "completions")}, "no column `labels`; labelled steps are"),
        ({name: ROW[name] for name in ("prompt", "labels")}, "no column `completions`; labelled steps are"),
    ],
)
def test_a_malformed_row_is_refused_with_its_line_and_a_remedy(tmp_path: Path, row: Any, said: str) -> None:
    path = written(tmp_path, ROW, row)
    with pytest.raises(PromptFileError) as caught:
        read_examples(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert said in str(caught.value)


def test_the_steps_of_an_answer_are_not_taken_for_answers_beside_each_other(tmp_path: Path) -> None:
    with pytest.raises(PromptFileError, match="steps of one answer"):
        read_completions(written(tmp_path, ROW))


def test_rows_that_were_read_are_written_as_they_stood(tmp_path: Path) -> None:
    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    rows = [ROW, {"prompt": turns, "completions": ["x"], "labels": [False]}, {**ROW, "labels": [False] * 3}]
    assert stepwise_rows(read_examples(written(tmp_path, *rows))) == rows


def test_labels_of_ours_are_rows_of_sentences_with_soft_ones_cut_at_one_half() -> None:
    prompt = Prompt(messages=(Message(role="user", content="18 + 4 + 1"),))
    answer = Completion(prompt_id=prompt.id, text="18 plus 4 is 22. It is 24. So 24.", policy="p")
    texts = beginnings(answer.text)
    steps = [
        LabelledStep(prompt=prompt, text=text, completion=answer, number=number, p=p, rollouts=4)
        for number, (text, p) in enumerate(zip(texts, (0.75, 0.25, 0.0), strict=True), 1)
    ]
    labels = {False: [True, False, False], True: [True, True, False]}
    for hard, wanted in labels.items():
        assert stepwise_rows(step_examples(steps, hard=hard)) == [
            {
                "prompt": "18 + 4 + 1",
                "completions": ["18 plus 4 is 22.", "It is 24.", "So 24."],
                "labels": wanted,
            }
        ]


def test_a_question_that_reads_as_a_dialogue_is_written_as_its_turn(tmp_path: Path) -> None:
    asked = Message(role="user", content="\n\nHuman: hi\n\nAssistant: yes\n\nHuman: well?\n\nAssistant:")
    example = Example(messages=(asked, Message(role="assistant", content="no")), kind=WRONG_STEP)
    [row] = stepwise_rows([example])
    assert row["prompt"] == [{"role": "user", "content": asked.content}]
    assert read_examples(written(tmp_path, row)) == [example]


def test_examples_of_another_kind_are_refused(tmp_path: Path) -> None:
    turns = (Message(role="user", content="q"), Message(role="assistant", content="a"))
    write_examples(tmp_path / "judge.jsonl", [Example(messages=turns, kind="judge")])
    with pytest.raises(InputError, match="no labelled steps; name what a step `step-labels` made"):
        stepwise_rows(read_examples(tmp_path / "judge.jsonl"))
