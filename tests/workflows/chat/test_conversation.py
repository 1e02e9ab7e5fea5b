"""A talk: each model has its own conversation, and what was not answered is in none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from rlaif.errors import InputError
from rlaif.feedback.system_turn import CONSTITUTION, SystemTurn
from rlaif.records import GenerateRequest, Generation, Message, Principle, Sampling, Score, ScoreRequest
from rlaif.workflows.chat.conversation import Speaker, Talk


class Echo:
    """Answers as `how` says, and remembers what it was asked."""

    def __init__(self, how: Callable[[GenerateRequest], dict[str, object]]) -> None:
        self.name = self.fingerprint = "echo"
        self.how = how
        self.asked: list[GenerateRequest] = []

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for each in requests:
            self.asked.append(each)
            yield Generation(request_id=each.id, **{"text": "", "finish": "stop", **self.how(each)})  # type: ignore[arg-type]

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        raise AssertionError


def told(request: GenerateRequest) -> list[tuple[str, str]]:
    return [(turn.role, turn.content) for turn in request.messages]


def loud(request: GenerateRequest) -> dict[str, object]:
    return {"text": f"{request.messages[-1].content.upper()} {request.draw}"}


def talk(*engines: Echo, rules: SystemTurn | None = None, system: str = "", seed: int = 0) -> Talk:
    speakers = [
        Speaker(side=side, model="m", engine=engine, rules=rules if side == "policy" else None)
        for side, engine in zip(("policy", "against"), engines, strict=False)
    ]
    return Talk(speakers, sampling=Sampling(), seed=seed, system=system)


RULES = SystemTurn(named=CONSTITUTION, principles=(Principle(id="kind", text="Be kind."),))


def test_each_model_hears_its_own_answers_and_only_the_first_its_rules() -> None:
    one, other = Echo(loud), Echo(lambda request: {"text": "no"})
    found = talk(one, other, rules=RULES, system="You are a clerk.")
    found.say("hello")
    said = found.say("more")
    assert [each.completion.text for each in said.answers if each.completion] == ["MORE 0", "no"]
    [(role, front), *turns] = told(one.asked[-1])
    assert role == "system"
    assert "Be kind." in front
    assert front.endswith("\n\nYou are a clerk.")
    assert turns == [("user", "hello"), ("assistant", "HELLO 0"), ("user", "more")]
    assert told(other.asked[-1]) == [
        ("system", "You are a clerk."),
        ("user", "hello"),
        ("assistant", "no"),
        ("user", "more"),
    ]


def test_rules_are_no_part_of_what_is_kept_and_the_completion_says_that_there_were_some() -> None:
    found = talk(Echo(loud), rules=RULES, system="You are a clerk.")
    found.say("hello")
    [(prompt, completion)] = found.kept()
    assert [turn.content for turn in prompt.messages] == ["You are a clerk.", "hello"]
    assert completion.origin is not None
    assert completion.origin.kind == "system"
    assert completion.prompt_id == prompt.id


def test_a_thought_goes_into_the_conversation_with_its_answer() -> None:
    one = Echo(lambda request: {"text": "yes", "thought": "hm"})
    found = talk(one)
    found.say("a")
    found.say("b")
    assert one.asked[-1].messages[1] == Message(role="assistant", content="yes", thought="hm")


def test_a_turn_without_an_answer_is_in_no_conversation() -> None:
    broken = Echo(lambda request: {"error": "down"} if request.messages[-1].content == "b" else loud(request))
    silent = Echo(
        lambda request: (
            {"thought": "hm", "open_thought": True} if request.messages[-1].content == "b" else loud(request)
        )
    )
    found = talk(broken, silent)
    found.say("a")
    turn = found.say("b")
    assert turn.answers[0].error == "down"
    assert turn.answers[1].error is not None
    assert "no answer" in turn.answers[1].error
    found.say("c")
    for each in (broken, silent):
        assert told(each.asked[-1]) == [("user", "a"), ("assistant", "A 0"), ("user", "c")]


def test_again_draws_another_answer_in_place_of_the_last() -> None:
    one = Echo(loud)
    found = talk(one)
    found.say("a")
    assert found.again().answers[0].completion.text == "A 1"  # type: ignore[union-attr]
    assert found.again().number == 1
    found.say("b")
    assert told(one.asked[-1]) == [("user", "a"), ("assistant", "A 2"), ("user", "b")]
    assert len({each.seed for each in one.asked}) == 4


def test_what_is_interrupted_leaves_no_trace() -> None:
    def stopped(request: GenerateRequest) -> dict[str, object]:
        if request.messages[-1].content == "stop":
            raise KeyboardInterrupt
        return loud(request)

    one, other = Echo(loud), Echo(stopped)
    found = talk(one, other)
    found.say("a")
    with pytest.raises(KeyboardInterrupt):
        found.say("stop")
    assert found.say("b").number == 2
    for each in (one, other):
        assert told(each.asked[-1]) == [("user", "a"), ("assistant", "A 0"), ("user", "b")]


def test_the_same_talk_with_the_same_seed_asks_the_same() -> None:
    one, same, other = Echo(loud), Echo(loud), Echo(loud)
    for engine, seed in ((one, 3), (same, 3), (other, 4)):
        found = talk(engine, seed=seed)
        found.say("a")
        found.say("b")
    assert one.asked == same.asked
    assert [each.seed for each in one.asked] != [each.seed for each in other.asked]


def test_reset_forgets_the_turns_and_another_system_turn_begins_anew() -> None:
    one = Echo(loud)
    found = talk(one, system="Old.")
    found.say("a")
    found.reset()
    found.say("b")
    assert told(one.asked[-1]) == [("system", "Old."), ("user", "b")]
    found.begin_with("New.")
    found.say("c")
    assert told(one.asked[-1]) == [("system", "New."), ("user", "c")]


def test_what_cannot_be_done_yet_is_said() -> None:
    found = talk(Echo(loud))
    with pytest.raises(InputError, match="nothing was asked yet"):
        found.again()
    with pytest.raises(InputError, match="nothing was answered yet"):
        found.kept()
    with pytest.raises(InputError, match="a turn is blank"):
        found.say(" ")
