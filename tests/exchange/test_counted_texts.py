"""What is counted of turns: questions, answers, thoughts."""

from __future__ import annotations

from rlaif.exchange.counted_texts import answer_text, asked_text, thought_text
from rlaif.records import Message, ToolCall

SIDE = (
    Message(
        role="assistant", content="I add.", thought="2 and 3", tool_calls=(ToolCall(name="f", arguments=""),)
    ),
    Message(role="tool", content="5", name="add"),
    Message(role="assistant", content="It is 5.", thought="five"),
)


def test_the_answer_is_all_that_the_assistant_says_and_nothing_that_it_thinks_or_tools_return() -> None:
    assert answer_text(SIDE) == "I add.\n\nIt is 5."
    assert thought_text(SIDE) == "2 and 3\n\nfive"


def test_dialogues_that_end_alike_ask_differently_and_a_shared_system_turn_asks_nothing() -> None:
    last = Message(role="user", content="Go on.")
    tea, milk = (
        (Message(role="user", content=text), Message(role="assistant", content="Well."), last)
        for text in ("About tea.", "About milk.")
    )
    assert asked_text(tea) == "About tea.\n\nWell.\n\nGo on."
    assert asked_text(tea) != asked_text(milk)
    system, developer = (Message(role=role, content="Be good.") for role in ("system", "developer"))
    assert asked_text((system, developer, last)) == "Go on."
