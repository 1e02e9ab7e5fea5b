"""What a run tells the gate: cut completions, failed judgments, the recipe's held-out prompts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import ThresholdError
from rlaif.exchange.completions import write_completions
from rlaif.records import Completion, Example, Message, Pair, Prompt
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.data_gate import (
    gate_pairs,
    gate_round,
    gate_round_examples,
    gate_words,
    record_gate,
)


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


def pair(asked: str) -> Pair:
    def said(text: str) -> tuple[Message, ...]:
        return (Message(role="assistant", content=text),)

    return Pair(prompt=prompt(asked).messages, chosen=said("So"), rejected=said("No"), label_prob=0.9)


def config(source: Path, **more: Any) -> TrainConfig:
    return TrainConfig(source=source, **more)


def test_a_completion_that_was_cut_off_is_known_from_the_run(tmp_path: Path) -> None:
    cut = Completion(prompt_id=prompt("A?").id, text="No", policy="p", finish="length")
    whole = Completion(prompt_id=prompt("B?").id, text="No", policy="p")
    write_completions(tmp_path / "completions.jsonl", [(prompt("A?"), cut), (prompt("B?"), whole)])
    kept, report = gate_pairs(config(tmp_path), [pair("A?"), pair("B?")], {})
    assert [each.prompt[0].content for each in kept] == ["B?"]
    assert report.left_out == {"truncated": 1}
    # a pair that was made so on purpose is no defect
    meant = [replace(pair("A?"), truncated="rejected"), pair("B?")]
    kept, report = gate_pairs(config(tmp_path), meant, {})
    assert (kept, report.left_out) == (meant, {})


def test_failed_judgments_are_those_that_came_to_nothing(tmp_path: Path) -> None:
    found = {"summary": {"states": {"score": 6, "tie": 2, "unreadable": 1, "transport": 1}}}
    _, report = gate_pairs(config(tmp_path), [pair("A?")], found)
    assert report.figures["failures"] == 0.2
    with pytest.raises(ThresholdError, match=r"failures: 0\.2 of the judgments failed, limit 0\.1"):
        gate_pairs(config(tmp_path, gate_limit={"failures": 0.1}), [pair("A?")], found)


def test_a_round_trains_on_no_held_out_prompt() -> None:
    prompts = {"train": [prompt("A?"), prompt("B?")], "held_out": [prompt("b"), prompt("C?")]}
    kept, report = gate_round([pair("A?"), pair("B?")], prompts)
    assert [each.prompt[0].content for each in kept] == ["A?"]
    assert report.left_out == {"leaked": 1}


def test_a_round_imitates_no_answer_to_a_prompt_that_is_measured_on() -> None:
    def example(text: str) -> Example:
        return Example(messages=(*prompt(text).messages, Message(role="assistant", content="So")))

    prompts = {"train": [prompt("A?")], "held_out": [prompt("B?")], "hard": [prompt("C?")]}
    kept, report = gate_round_examples([example(each) for each in ("A?", "B?", "C?", "D?")], prompts)
    assert [each.messages[0].content for each in kept] == ["A?", "D?"]
    assert gate_words(report) == ["the data gate left 2 of 4 examples out: leaked"]
    both = {"train": [prompt("B?")], "held_out": [prompt("B?")], "hard": [prompt("C?")]}
    kept, _ = gate_round_examples([example("B?"), example("C?")], both)
    assert [each.messages[0].content for each in kept] == ["B?"]


def test_what_a_round_left_out_and_what_is_above_a_limit_is_said() -> None:
    long = [
        Pair(
            prompt=prompt(f"{n}?").messages,
            chosen=(Message(role="assistant", content="A longer one"),),
            rejected=(Message(role="assistant", content="No"),),
            label_prob=0.9,
        )
        for n in range(3)
    ]
    _, report = gate_round([*long, long[0]], {"train": []})
    assert gate_words(report) == [
        "the data gate left 1 of 4 pairs out: duplicate",
        "the data gate: length: 1 of the chosen answers are the longer ones and 0 the shorter ones; "
        "1 is the difference, limit 0.5",
    ]
    assert gate_words(gate_round([pair("A?")], {})[1]) == []


def test_a_recipe_with_one_set_for_both_says_so_itself() -> None:
    same = [prompt("A?")]
    assert gate_round([pair("A?")], {"train": same, "held_out": same})[0] == [pair("A?")]
    assert gate_round([], {"train": same})[0] == []


def test_the_record_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text('{"steps": 3}')
    _, report = gate_pairs(config(tmp_path), [pair("A?"), pair("A?")], {})
    record_gate(tmp_path, report)
    written = json.loads((tmp_path / "train.json").read_text())
    assert (written["steps"], written["gate"]["left_out"]) == (3, {"duplicate": 1})
    record_gate(tmp_path, gate_pairs(config(tmp_path), [pair("B?")], {})[1])
    assert json.loads((tmp_path / "train.json").read_text()) == written
