from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.engines.thoughts import HARMONY, MARKS, THINK, Split, ThoughtMarks, marks_of, split, split_unknown

WRITTEN = {
    "Qwen3, QwQ, DeepSeek-R1 and V3.1, GLM-4.5, Nemotron, MiMo, MiniMax-M2, Phi-4-reasoning, Olmo 3": (
        "<think>\nfirst, wait\n</think>\n\nbake"
    ),
    "Hunyuan-A13B": "<think>\nfirst, wait\n</think>\n<answer>\nbake\n</answer>",
    "ERNIE 4.5 Thinking": "<think>\nfirst, wait\n</think>\n\n<response>\nbake\n</response>\n",
    "Hunyuan 3": "<think:opensource>first, wait</think:opensource>bake",
    "MiniMax-M3": "<mm:think>first, wait</mm:think>bake",
    "Seed-OSS": "<seed:think>first, wait</seed:think>bake",
    "Magistral, Mistral Small 4": "[THINK]first, wait[/THINK]bake",
    "gpt-oss": (
        "<|channel|>analysis<|message|>first, wait<|end|><|start|>assistant<|channel|>final<|message|>bake"
    ),
    "Gemma 4": "<|channel>thought\nfirst, wait\n<channel|>bake",
    "Command A Reasoning": (
        "<|START_THINKING|>first, wait<|END_THINKING|><|START_RESPONSE|>bake<|END_RESPONSE|>"
    ),
    "Kimi-VL-Thinking, Kimi-Dev": "◁think▷first, wait◁/think▷bake",
    "Kimi K3": (
        "<|open|>think<|sep|>first, wait<|close|>think<|sep|><|open|>response<|sep|>bake<|close|>response<|sep|>"
    ),
    "Apertus": "<|inner_prefix|>first, wait<|inner_suffix|>bake",
    "Sky-T1, OpenThinker": (
        "<|begin_of_thought|>\n\nfirst, wait\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\nbake\n\n"
        "<|end_of_solution|>"
    ),
    "Granite 3.2": "Here is my thought process: first, wait\n\nHere is my response: bake",
    "EXAONE Deep": "<thought>\nfirst, wait\n</thought>\n\nbake",
    "prompts that ask for <thinking>": "<thinking>first, wait</thinking> bake",
    "prompts that ask for <reasoning>": "<reasoning>\nfirst, wait\n</reasoning>\nbake",
}
NAMES = list(MARKS)


def test_every_row_of_the_table_is_tried() -> None:
    assert set(WRITTEN) == set(MARKS)


@pytest.mark.parametrize("name", NAMES)
def test_a_text_is_split_by_the_marks_of_its_model(name: str) -> None:
    assert split(WRITTEN[name], MARKS[name]) == Split("first, wait", "bake")


@pytest.mark.parametrize("name", [each for each in NAMES if not MARKS[each].end[0].isalnum()])
def test_the_half_of_an_end_mark_in_which_a_budget_ended_is_no_part_of_the_thought(name: str) -> None:
    marks = MARKS[name]
    for length in range(2, len(marks.end)):
        half = marks.end[:length]
        forced = f"{marks.start}first{half}{marks.written_closing}bake"
        assert split(forced, marks) == Split("first", "bake"), half
        assert split(f"{marks.start}first {half}", marks) == Split("first", "", True), half


def test_words_that_begin_like_an_end_mark_in_words_are_kept() -> None:
    marks = MARKS["Granite 3.2"]
    assert split(f"{marks.start} I look. Here {marks.end} bake", marks) == Split("I look. Here", "bake")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_forced_behind_a_thought_splits_again(name: str) -> None:
    marks = MARKS[name]
    assert split(f"{marks.start}first{marks.written_closing}bake", marks) == Split("first", "bake")


@pytest.mark.parametrize("name", NAMES)
def test_a_start_mark_that_the_prompt_has_written_is_not_needed(name: str) -> None:
    marks = MARKS[name]
    behind = WRITTEN[name].partition(marks.start)[2]
    assert split(behind, marks, begun=True) == Split("first, wait", "bake")
    assert split(behind, marks) == Split("first, wait", "bake")
    assert split(WRITTEN[name], marks, begun=True) == Split("first, wait", "bake")


@pytest.mark.parametrize("name", NAMES)
def test_a_thought_without_its_end_mark_is_open_and_there_is_no_answer(name: str) -> None:
    marks = MARKS[name]
    cut = WRITTEN[name].partition(marks.end)[0]
    assert split(cut, marks) == Split("first, wait", "", True)
    assert split(cut.partition(marks.start)[2], marks, begun=True) == Split("first, wait", "", True)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_thought_is_none(name: str) -> None:
    assert split(WRITTEN[name].replace("first, wait", ""), MARKS[name]) == Split("", "bake")


@pytest.mark.parametrize("name", NAMES)
def test_the_marks_of_an_unknown_model_are_those_its_text_begins_with(name: str) -> None:
    assert split_unknown(WRITTEN[name]) == Split("first, wait", "bake")


@pytest.mark.parametrize("name", [each for each in NAMES if MARKS[each].end == THINK.end])
def test_a_text_that_only_closes_its_thought_has_the_answer_of_its_own_make(name: str) -> None:
    assert split_unknown(WRITTEN[name].partition(THINK.start)[2]) == Split("first, wait", "bake")


@pytest.mark.parametrize("name", NAMES)
def test_marks_inside_an_answer_are_text(name: str) -> None:
    marks = MARKS[name]
    answer = f"write {marks.start} and {marks.end} so"
    assert split(answer, marks, begun=False) == Split("", answer)
    assert split(answer, marks) == Split("", answer)
    assert split(f"{marks.start}wait{marks.end}{answer}", marks) == Split("wait", answer)


def test_thoughts_that_follow_each_other_are_one() -> None:
    assert split("<think>one</think>\n<think>two</think>\nbake", THINK) == Split("one\n\ntwo", "bake")
    twice = "<|channel|>analysis<|message|>one<|end|><|start|>assistant"
    assert split(twice + WRITTEN["gpt-oss"], HARMONY) == Split("one\n\nfirst, wait", "bake")


def test_a_second_thought_that_never_ends_leaves_no_answer() -> None:
    assert split("<think>one</think><think>two", THINK) == Split("one\n\ntwo", "", True)


def test_a_channel_without_a_thought_is_the_answer() -> None:
    assert split("<|channel|>final<|message|>bake", HARMONY) == Split("", "bake")
    assert split_unknown("<|channel|>final<|message|>bake") == Split("", "bake")


def test_where_it_is_known_that_no_thought_was_begun_a_lone_end_mark_is_text() -> None:
    assert split("the tag </think> ends it", THINK, begun=False) == Split("", "the tag </think> ends it")


@given(st.text(alphabet="ab <>\n/", max_size=20))
def test_a_text_without_a_thought_comes_back_as_it_is(text: str) -> None:
    assert split(text, THINK) == Split("", text)
    assert split_unknown(text) == Split("", text)
    assert marks_of(text) is None


def test_the_table_in_the_docs_names_every_mark() -> None:
    docs = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text().replace("\\|", "|")
    missing = [each.start for each in MARKS.values() if each.start not in docs and each is not HARMONY]
    assert not missing


def test_marks_may_be_anyones() -> None:
    assert split("((wait)) bake", ThoughtMarks("((", "))")) == Split("wait", "bake")
