from __future__ import annotations

import pytest

from rlaif.feedback import Revisable, ViolatedPrinciples, critiques, revise
from rlaif.feedback.revise import Outcome, stage_of
from rlaif.records import GenerateRequest, Generation, Message, Origin, ToolCall
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


def made(engine: RuleEngine, item: Revisable):
    (found,) = revise(engine, [item])
    assert found.completion is not None
    return found.completion


ITEM = Revisable(prompt(), BEFORE, "It does not greet.", [GREET])


def test_a_revision_is_a_completion_of_the_same_prompt() -> None:
    engine = writer(" hello, mix\n")
    (found,) = revise(engine, [ITEM])
    assert found.outcome is Outcome.REVISED
    assert found.completion is not None
    assert (found.completion.text, found.completion.prompt_id) == ("hello, mix", BEFORE.prompt_id)
    assert found.completion.origin == Origin(
        kind="revision", parent=BEFORE.id, stage=1, critique="It does not greet.", principle="greet"
    )
    (asked,) = engine.asked
    assert asked.endswith("Critique: It does not greet.\nRule: The response greets. Begin with hello.")


def test_what_the_reviser_and_the_critic_thought_is_in_no_text() -> None:
    for engine in (writer("hello", thought="It must greet."), writer("<think>It must greet.</think>hello")):
        revised = made(engine, ITEM)
        assert (revised.text, revised.thought) == ("hello", "")
        assert critiques(engine, [ViolatedPrinciples(prompt(), BEFORE, [GREET])]) == {BEFORE.id: "hello"}


def test_the_last_turn_is_revised_and_those_before_it_stay() -> None:
    lead = (Message(role="assistant", content="Wait."), Message(role="user", content="Well?"))
    before = completion("mix", lead=lead, thought="Hm.")
    engine = writer("hello, mix")
    revised = made(engine, ITEM._replace(completion=before))
    assert (revised.text, revised.lead, revised.thought) == ("hello, mix", lead, "")
    assert "user:\n```\nWell?\n```\nassistant:\n```\nmix\n```" in engine.asked[0]
    assert "Hm." not in engine.asked[0]


def test_a_call_of_a_tool_is_not_rewritten_as_text() -> None:
    call = completion("", tool_calls=(ToolCall(name="sum", arguments="{}"),))
    engine = writer("hello")
    assert revise(engine, [ITEM._replace(completion=call)]) == [(Outcome.TOOL_CALL, None)]
    assert engine.asked == []


def test_behind_a_thought_that_never_ended_there_is_nothing_to_revise() -> None:
    cut = completion("", thought="Hm", open_thought=True)
    assert revise(writer("hello"), [ITEM._replace(completion=cut)]) == [(Outcome.NO_ANSWER, None)]


@pytest.mark.parametrize(
    ("engine", "outcome"),
    [
        (writer("", thought="Hm", open_thought=True), Outcome.BROKE_OFF),
        (writer("<think>hello"), Outcome.EMPTY),
        (writer(""), Outcome.EMPTY),
        (writer(" \n"), Outcome.EMPTY),
        (writer("mix"), Outcome.UNCHANGED),
        (writer("mix "), Outcome.UNCHANGED),
        (writer("x", finish="length"), Outcome.BROKE_OFF),
        (writer("x", error="no"), Outcome.FAILED),
    ],
)
def test_what_changes_nothing_or_failed_is_no_revision_and_says_why(
    engine: RuleEngine, outcome: Outcome
) -> None:
    assert revise(engine, [ITEM]) == [(outcome, None)]


def test_an_answer_that_never_came_has_failed() -> None:
    class Mute(RuleEngine):
        def generate(self, requests):
            list(requests)
            return iter(())

    assert revise(Mute(lambda *_: {}), [ITEM]) == [(Outcome.FAILED, None)]


def test_equal_completions_are_revised_each_with_a_chance_of_its_own() -> None:
    seen: list[int] = []

    def write(request: GenerateRequest) -> str:
        seen.append(request.seed)
        return f"hello {len(seen)}"

    found = revise(RuleEngine(lambda *_: {}, write), [ITEM, ITEM], seeds=[7, 8])
    assert seen == [7, 8]
    assert [each.completion.text for each in found if each.completion] == ["hello 1", "hello 2"]


def test_without_a_critique_no_critique_is_shown() -> None:
    engine = writer("hello")
    assert made(engine, ITEM._replace(critique="")).text == "hello"
    assert "Critique" not in engine.asked[0]
    assert engine.asked[0].endswith("Rule: The response greets. Begin with hello.")


def test_several_principles_are_shown_as_a_list() -> None:
    engine = writer("hello")
    revised = made(engine, ITEM._replace(principles=[GREET, principle("brief", "The response is brief.")]))
    assert engine.asked[0].endswith(
        "Rule: \n1. The response greets. Begin with hello.\n2. The response is brief."
    )
    assert revised.origin is not None
    assert revised.origin.principle == "greet,brief"


def test_the_revision_of_a_revision_is_a_stage_further() -> None:
    first = made(writer("hello"), ITEM)
    second = made(writer("hello again"), ITEM._replace(completion=first))
    assert (stage_of(BEFORE), stage_of(first), stage_of(second)) == (0, 1, 2)
    assert second.origin is not None
    assert second.origin.parent == first.id


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

    found = critiques(RuleEngine(lambda *_: {}, write), [ViolatedPrinciples(prompt(), BEFORE, [GREET])] * 3)
    assert len(seen) == 1
    assert found == {BEFORE.id: "x"}
