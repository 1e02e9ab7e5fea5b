"""Tasks of lm-evaluation-harness: what is understood is done as there, what is not is refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.exchange.lm_eval_task import read_task

GSM8K = """\
task: own_gsm8k
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "Question: {{question}}\\nAnswer:"
doc_to_target: "{{answer.split('####')[-1].strip()}}"
generation_kwargs: {until: ["Question:", "</s>"], do_sample: false, temperature: 0.0}
filter_list:
  - name: strict-match
    filter: [{function: regex, regex_pattern: "#### (\\\\-?[0-9\\\\.\\\\,]+)"}, {function: take_first}]
  - name: flexible-extract
    filter: [{function: regex, group_select: -1, regex_pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)"}, {function: take_first}]
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true, ignore_punctuation: false,
     regexes_to_ignore: [",", "\\\\$", "(?s).*#### ", "\\\\.$"]}
metadata: {version: 3.0}
"""
CHOICE = """\
task: own_choice
dataset_path: json
dataset_kwargs: {data_files: rows.jsonl}
output_type: multiple_choice
doc_to_text: "{{question.strip()}}"
doc_to_target: label
doc_to_choice: "{{choices}}"
metric_list: [{metric: acc}, {metric: acc_norm}]
"""


def task(tmp_path: Path, text: str, rows: list[dict[str, Any]]) -> Path:
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = tmp_path / "task.yaml"
    path.write_text(text)
    return path


SUM = {"question": "How many?", "answer": "9 * 2 = 18\n#### 18"}


def test_the_harness_own_gsm8k_is_read_with_both_of_its_filters(tmp_path: Path) -> None:
    found = read_task(task(tmp_path, GSM8K, [SUM]))
    assert found.rows[0].text == "Question: How many?\nAnswer:"
    assert found.rows[0].target == "18"
    assert (found.until, found.max_tokens) == (("Question:", "</s>"), 256)
    strict, flexible = found.filters["strict-match"], found.filters["flexible-extract"]
    assert strict("It is 18.\n#### 18") == "18"
    assert strict("It is 18.") == "[invalid]"
    assert flexible("First 4, then it is $1,800") == "$1,800"
    assert found.alike(flexible("so $1,800."), "1800")
    assert not found.alike("19", "18")


def test_choices_come_from_a_template_and_the_right_one_from_a_field(tmp_path: Path) -> None:
    rows = [
        {"question": " Sky? ", "choices": ["red", "blue"], "label": 1},
        {"question": "?", "choices": ["a", "b"], "label": 0},
    ]
    found = read_task(task(tmp_path, CHOICE, rows))
    assert [(each.text, each.choices, each.right) for each in found.rows] == [
        ("Sky?", ("red", "blue"), 1),
        ("?", ("a", "b"), 0),
    ]
    assert found.metrics == ("acc", "acc_norm")


def test_the_right_choice_may_be_written_out(tmp_path: Path) -> None:
    text = CHOICE.replace("label", '"{{said}}"').replace('"{{choices}}"', "[yes, no]")
    found = read_task(task(tmp_path, text, [{"question": "?", "said": "no"}]))
    assert found.rows[0].right == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("metadata: {version: 3.0}", "process_docs: mine"), "`process_docs` is not understood here"),
        (("output_type: generate_until", "output_type: loglikelihood"), "output_type is loglikelihood"),
        (("metadata: {version: 3.0}", "num_fewshot: 5"), "num_fewshot is 5"),
        (("do_sample: false", "do_sample: true"), "samples; tasks are drawn greedily"),
        (("do_sample: false", "best_of: 3"), "`generation_kwargs.best_of` is not understood"),
        (("metric: exact_match", "metric: bleu"), "metric 'bleu' is not done here"),
        (("function: take_first", "function: majority_vote"), "the filter 'majority_vote' is not done here"),
        (("dataset_path: json", "dataset_path: gsm8k"), "dataset_path is 'gsm8k', from a hub"),
        (("test_split: test", "test_split: dev"), "data_files has no 'dev'; it has: test"),
        (("{{question}}", "{{quest}}"), "quest"),
        (("generation_kwargs: {", "generation_kwargs: [{"), "not YAML|flow"),
        (("do_sample: false, temperature: 0.0}", "do_sample: false}\ndataset_name: x\nfilter_list: 3"), "filter_list"),
        (("{data_files: {test: rows.jsonl}}", "3"), "dataset_kwargs is 3; it must be a mapping"),
        (("do_sample: false", "max_gen_toks: many"), "max_gen_toks is 'many'"),
        (("[{function: regex,", "[3, {function: regex,"), "filter is .* it must be a list of mappings"),
        (("group_select: -1", "group_select: last"), "group_select is 'last'"),
        (("function: regex, regex_pattern: ", "function: regex, regex_pattern: ("), "not YAML|flow|regex_pattern"),
        (("doc_to_target: ", "doc_to_target: !function utils.target "), "function"),
    ],
)  # fmt: skip
def test_what_is_not_done_as_the_harness_does_it_is_refused_by_name(
    tmp_path: Path, change: tuple[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read_task(task(tmp_path, GSM8K.replace(*change), [SUM]))


def test_a_right_choice_that_there_is_not_is_refused_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows.jsonl:1: '?7'? is none of its 2 choices"):
        read_task(task(tmp_path, CHOICE, [{"question": "?", "choices": ["a", "b"], "label": 7}]))
