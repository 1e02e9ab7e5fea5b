"""Ids of conversations: what a model sees of them counts, and plain texts keep the ids that they had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rlaif.hashing import digest
from rlaif.records import Completion, Message, Pair, Prompt, Sampling, ToolCall, completion_id, side_id

ASK = Message(role="user", content="What is 2 + 2?")
CALL = ToolCall(name="add", arguments='{"a": 2, "b": 2}', id="c1")
SIDE = (
    Message(role="assistant", content="", tool_calls=(CALL,)),
    Message(role="tool", content="4", tool_call_id="c1", name="add"),
    Message(role="assistant", content="It is 4."),
)
OTHER = (Message(role="assistant", content="It is 4."),)


def test_a_pair_of_single_plain_turns_keeps_its_id() -> None:
    pair = Pair(prompt=(ASK,), chosen=OTHER, rejected=(replace(OTHER[0], content="5"),), label_prob=0.9)
    assert pair.id == digest("pair", [["user", "What is 2 + 2?"]], ["5", "It is 4."])


def test_two_dialogues_that_end_alike_are_two() -> None:
    one = Pair(prompt=(ASK,), chosen=SIDE, rejected=OTHER, label_prob=0.9)
    two = Pair(
        prompt=(ASK,),
        chosen=(SIDE[0], replace(SIDE[1], content="5"), SIDE[2]),
        rejected=OTHER,
        label_prob=0.9,
    )
    assert one.id != two.id
    assert one.id == one.swapped().id
    assert one.completion_ids[0] != two.completion_ids[0]


@pytest.mark.parametrize(
    "change",
    [{"thought": "Hm."}, {"tool_calls": (CALL,)}, {"name": "Ann"}, {"tool_call_id": "c2"}],
    ids=lambda each: next(iter(each)),
)
def test_what_a_model_sees_of_a_turn_is_part_of_the_prompts_id(change: dict[str, object]) -> None:
    plain = Prompt(messages=(ASK,))
    assert Prompt(messages=(replace(ASK, **change),)).id != plain.id  # type: ignore[arg-type]
    assert Prompt(messages=(replace(ASK, extra={"at": 3}),)).id == plain.id


def test_tools_are_part_of_a_prompts_id() -> None:
    tool = {"type": "function", "function": {"name": "add"}}
    assert Prompt(messages=(ASK,), tools=(tool,)).id != Prompt(messages=(ASK,)).id


def test_a_completion_has_the_id_of_its_side() -> None:
    prompt = Prompt(messages=(ASK,))
    plain = Completion(prompt_id=prompt.id, text="4", policy="p")
    thinks = replace(plain, thought="2 and 2")
    last = replace(plain, text="It is 4.", lead=SIDE[:2])
    assert plain.id == completion_id(prompt.id, "4") == side_id(prompt.id, plain.turns)
    assert len({plain.id, thinks.id, last.id}) == 3
    pair = Pair(prompt=(ASK,), chosen=last.turns, rejected=thinks.turns, label_prob=0.9)
    assert pair.completion_ids == (last.id, thinks.id)


def test_sampling_says_a_budget_for_thoughts_only_where_there_is_one() -> None:
    assert "max_thought_tokens" not in Sampling().identity
    assert Sampling(max_thought_tokens=8).identity["max_thought_tokens"] == 8
