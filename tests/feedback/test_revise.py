from __future__ import annotations

import pytest

from rlaif.feedback import Revisable, ViolatedPrinciples, critiques, revise
from rlaif.records import GenerateRequest, Generation, Message, ToolCall
from tests.judging.builders import RuleEngine, completion, principle, prompt

GREET = principle(
    "greet", "The response greets.", critique="Name the missing greeting.", revise="Begin with hello."
)
BEFORE = completion("mix")


def writer(text: str, **fields):
    class Writer(RuleEngine):
        def generate(self, requests):
            for each in super().generate(requests):
                yield Generation(**{"request_id": each.request_id, "text": text, "finish": "stop", **fields})

    return Writer(lambda *_: {}, lambda _: text)


ITEM = Revisable(prompt(), BEFORE, "It does not greet.", GREET)


def test_a_revision_is_a_completion_of_the_same_prompt() -> None:
    engine = writer(" hello, mix\n")
    found = revise(engine, [ITEM])
    assert {name: each.text for name, each in found.items()} == {BEFORE.id: "hello, mix"}
    assert found[BEFORE.id].prompt_id == BEFORE.prompt_id
    (asked,) = engine.asked
    assert asked.endswith("Critique: It does not greet.\nRule: The response greets. Begin with hello.")


def test_what_the_reviser_and_the_critic_thought_is_in_no_text() -> None:
    for engine in (writer("hello", thought="It must greet."), writer("<think>It must greet.</think>hello")):
        revised = revise(engine, [ITEM])[BEFORE.id]
        assert (revised.text, revised.thought) == ("hello", "")
        assert critiques(engine, [ViolatedPrinciples(prompt(), BEFORE, [GREET])]) == {BEFORE.id: "hello"}


def test_the_last_turn_is_revised_and_those_before_it_stay() -> None:
    lead = (Message(role="assistant", content="Wait."), Message(role="user", content="Well?"))
    before = completion("mix", lead=lead, thought="Hm.")
    engine = writer("hello, mix")
    revised = revise(engine, [ITEM._replace(completion=before)])[before.id]
    assert (revised.text, revised.lead, revised.thought) == ("hello, mix", lead, "")
    assert "user:\n```\nWell?\n```\nassistant:\n```\nmix\n```" in engine.asked[0]
    assert "Hm." not in engine.asked[0]


def test_a_call_of_a_tool_is_not_rewritten_as_text() -> None:
    call = completion("", tool_calls=(ToolCall(name="sum", arguments="{}"),))
    assert revise(writer("hello"), [ITEM._replace(completion=call)]) == {}


@pytest.mark.parametrize(
    "engine",
    [
        writer("", thought="Hm", open_thought=True),
        writer("<think>hello"),
        writer(""),
        writer(" \n"),
        writer("mix"),
        writer("mix "),
        writer("x", finish="length"),
        writer("x", error="no"),
    ],
)
def test_what_changes_nothing_or_failed_is_no_revision(engine: RuleEngine) -> None:
    assert revise(engine, [ITEM]) == {}


def test_a_critique_sees_the_rules_and_their_instructions() -> None:
    engine = writer("It does not greet.")
    assert critiques(engine, [ViolatedPrinciples(prompt(), BEFORE, [GREET])]) == {
        BEFORE.id: "It does not greet."
    }
    assert engine.asked[0].endswith("Rules:\n1. The response greets. Name the missing greeting.")


def test_a_critic_is_shown_few_rules() -> None:
    engine = writer("x")
    critiques(engine, [ViolatedPrinciples(prompt(), BEFORE, [principle(f"p{n}") for n in range(9)])])
    assert engine.asked[0].count("follow p") == 4


def test_a_critique_that_broke_off_is_none() -> None:
    assert (
        critiques(writer("It does", finish="length"), [ViolatedPrinciples(prompt(), BEFORE, [GREET])]) == {}
    )


def test_a_completion_is_criticised_once() -> None:
    seen = []

    def write(request: GenerateRequest) -> str:
        seen.append(request.id)
        return "x"

    critiques(RuleEngine(lambda *_: {}, write), [ViolatedPrinciples(prompt(), BEFORE, [GREET])] * 3)
    assert seen == [BEFORE.id]
