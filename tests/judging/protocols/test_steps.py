"""`steps`: lines of one text, turns of the assistant where there are several; each step's number beside the least."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from rlaif.judging import JudgeOptions, ModelJudge
from rlaif.judging.protocols import Asking, protocol
from rlaif.judging.protocols.steps import steps
from rlaif.records import Completion, Judgment, Message, State, ToolCall
from tests.judging.builders import RuleEngine, completion, prompt

CALLS = Message(
    role="assistant", content="Let me look.", tool_calls=(ToolCall(name="sum", arguments="[2, 3]", id="c"),)
)
RESULT = Message(role="tool", content="5", tool_call_id="c")


def rightness(text: str, _: tuple[str, ...]) -> Mapping[str, float]:
    """Wrong is what holds a `!`, and doubtful what holds no digit."""
    last = text.split("assistant:\n")[-1] if "assistant:" in text else text.splitlines()[-2]
    yes = 0.25 if "!" in last else 0.75 if any(map(str.isdigit, last)) else 0.5
    return {"yes": yes, "no": 1 - yes}


def judged(said: Completion, **options: object) -> tuple[Judgment, RuleEngine]:
    engine = RuleEngine(rightness)
    judge = ModelJudge(engine, options=JudgeOptions(**options))  # type: ignore[arg-type]
    [found] = protocol("steps").ask(judge, [(prompt(), said)], [], Asking())  # type: ignore[arg-type]
    return found, engine


def test_the_lines_of_one_text_are_its_steps() -> None:
    found, engine = judged(completion("2 + 3 = 5\n\nso it is 6!\nso it is"))
    assert found.value == pytest.approx(0.25)
    assert found.detail == "step 2 decides"
    assert [each.pop("p") for each in map(dict, found.steps)] == pytest.approx([0.75, 0.25, 0.5])
    assert [(each["step"], each["turn"], each["state"]) for each in found.steps] == [
        (number, 1, "score") for number in (1, 2, 3)
    ]
    assert sum("Steps:\n```\n2 + 3 = 5\n```" in each for each in engine.asked) == 1


def test_each_turn_of_the_assistant_is_a_step_and_a_tools_result_is_none() -> None:
    found, engine = judged(completion("It is 6!", lead=(CALLS, RESULT)))
    assert [(each["step"], each["turn"]) for each in found.steps] == [(1, 1), (2, 3)]
    assert found.detail == "step 2 decides"
    first, second = sorted(engine.asked, key=len)
    assert "assistant calls sum (c):\n```\n[2, 3]\n```\n````" in first
    assert "5" not in first.split("Steps:")[1].replace("[2, 3]", "")
    assert "tool sum (c):\n```\n5\n```\nassistant:\n```\nIt is 6!\n```" in second


def test_a_call_alone_is_one_step() -> None:
    assert [each.turn for each in steps(completion("", tool_calls=CALLS.tool_calls))] == [1]


def test_the_thought_has_steps_where_the_judge_sees_it() -> None:
    said = completion("5", thought="2 + 3\nis 6!")
    assert len(judged(said)[0].steps) == 1
    found, _ = judged(said, judge_sees="all")
    assert [each["p"] for each in found.steps] == pytest.approx([0.75, 0.25, 0.75])


def test_a_completion_without_a_step_is_abstained_from() -> None:
    found, engine = judged(completion(" \n"))
    assert (found.state, found.steps, engine.asked) == (State.ABSTAIN, (), [])
