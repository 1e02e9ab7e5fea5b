"""Prompts out of conversations: they end where the assistant's turn begins that is to be drawn."""

from __future__ import annotations

import pytest

from rlaif.errors import InputError
from rlaif.feedback.branching import branched
from rlaif.records import Message, Prompt, Role


def talk(*turns: tuple[Role, str]) -> Prompt:
    return Prompt(messages=tuple(Message(role=role, content=text) for role, text in turns), tags=("sum",))


LONG = talk(
    ("system", "S"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")
)
SHORT = talk(("user", "a"))


def ends(turn: str, *conversations: Prompt) -> list[str]:
    return [each.text for each in branched(conversations, turn).prompts]


def test_a_number_counts_the_assistants_turns_and_the_last_is_the_answer_to_the_whole() -> None:
    assert [ends(str(number), LONG) for number in (1, 2, 3)] == [["a"], ["c"], ["e"]]
    assert ends("last", LONG, SHORT) == ["e", "a"]
    assert branched([LONG], "last").prompts == [LONG]


def test_each_gives_a_prompt_for_each_turn_and_equal_ones_once() -> None:
    assert ends("each", LONG) == ["a", "c", "e"]
    again = talk(("user", "a"), ("assistant", "other"), ("user", "x"))
    assert ends("each", SHORT, again) == ["a", "x"]


def test_a_beginning_says_where_it_comes_from_and_keeps_its_tags() -> None:
    first, _, whole = branched([LONG], "each").prompts
    assert first.meta == {"branch": {"conversation": LONG.id, "turn": 1}}
    assert first.tags == ("sum",)
    assert whole.meta == {}


def test_conversations_without_such_a_turn_are_counted_and_none_at_all_is_refused() -> None:
    assert branched([LONG, SHORT], "2").without == 1
    with pytest.raises(InputError, match=r"none of 1 conversations has so many turns.*longest has 1"):
        branched([SHORT], "2")


@pytest.mark.parametrize("turn", ["0", "-1", "first", ""])
def test_what_is_no_turn_is_refused(turn: str) -> None:
    with pytest.raises(InputError, match="from_turn"):
        branched([LONG], turn)


def test_a_greeting_and_a_turn_that_goes_on_from_another_are_no_answers() -> None:
    odd = talk(
        ("assistant", "Hello."), ("user", "a"), ("assistant", "b"), ("assistant", "more"), ("user", "c")
    )
    assert ends("each", odd) == ["a", "c"]


def test_the_turn_behind_a_tools_result_is_one() -> None:
    called = talk(("user", "a"), ("assistant", ""), ("tool", "12"), ("assistant", "12."), ("user", "thanks"))
    assert ends("each", called) == ["a", "12", "thanks"]
