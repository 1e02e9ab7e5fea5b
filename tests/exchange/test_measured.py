"""What each held-out prompt gave is read back as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RunError
from rlaif.exchange.measured import MeasuredAnswer, read_measured, write_measured
from rlaif.records import Completion, Message, Prompt, ToolCall


def answer(text: str = "Hello.", **own: Any) -> MeasuredAnswer:
    prompt = Prompt(messages=(Message(role="user", content="Hi"),), tags=("named",))
    said = Completion(prompt_id=prompt.id, text=text, policy="b2:p", **own)
    return MeasuredAnswer(
        model="policy",
        prompt=prompt,
        answer=said,
        gold={"greet": 1.0},
        judge={"greet": 0.9},
        beats={"initial": 0.5},
    )


def test_what_was_measured_is_read_back(tmp_path: Path) -> None:
    wanted = answer()
    assert write_measured(tmp_path / "measured.jsonl", [wanted]) == 1
    assert read_measured(tmp_path / "measured.jsonl") == [wanted]


@pytest.mark.parametrize(
    "row",
    [
        '{"prompt": "Hi", "completion": "x"}',
        "[1]",
        '{"prompt": "Hi", "completion": "x", "measured": {"model": "policy", "gold": {"greet": "yes"}}}',
    ],
)
def test_a_row_that_somebody_else_wrote_is_refused_with_its_line(row: str, tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    path.write_text(f"{row}\n")
    with pytest.raises(RunError, match=r"measured\.jsonl:1: .*make it again"):
        read_measured(path)


def test_an_answer_that_no_file_can_keep_does_not_lose_the_others(tmp_path: Path) -> None:
    twice = tuple(ToolCall(id="1", name="f", arguments="{}") for _ in range(2))
    path = tmp_path / "measured.jsonl"
    write_measured(path, [answer(tool_calls=twice), answer("Bye.")])
    assert [each.answer.text for each in read_measured(path)] == ["Bye."]
