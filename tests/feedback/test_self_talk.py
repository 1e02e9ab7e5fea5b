"""Two copies of a model that talk: who is asked what, and what of it each of them learns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.feedback.self_talk import SelfTalk, examples_of, talk
from rlaif.feedback.system_turn import SystemTurn
from rlaif.records import GenerateRequest, Generation, Message, Prompt, Sampling, Score, ScoreRequest

OPENING = Prompt(messages=(Message(role="user", content="Hello?"),))
SYSTEM = SystemTurn(named="text", text="You talk.")


class Numbered:
    """Says how many turns it was shown, and breaks off where it is told to."""

    name = fingerprint = "numbered"

    def __init__(self, breaks_at: int | None = None) -> None:
        self.asked: list[GenerateRequest] = []
        self.breaks_at = breaks_at

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        for each in requests:
            self.asked.append(each)
            said = f"turn {len(self.asked)}"
            cut = len(self.asked) == self.breaks_at
            yield Generation(request_id=each.id, text=said, finish="length" if cut else "stop")

    def score(self, requests: Iterable[ScoreRequest]) -> Iterator[Score]:
        yield from ()


def views(request: GenerateRequest) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in request.messages]


def talks(engine: Numbered, turns: int = 4, n: int = 1, system: SystemTurn | None = SYSTEM) -> list[SelfTalk]:
    how = {"sampling": Sampling(), "seed": 0}
    return talk(engine, [OPENING], n=n, turns=turns, system=system, **how).talks  # type: ignore[arg-type]


def test_each_copy_sees_its_own_turns_as_the_assistants_and_the_others_as_the_users() -> None:
    engine = Numbered()
    talks(engine)
    first = [("system", "You talk."), ("user", "Hello?")]
    assert [views(each) for each in engine.asked] == [
        first,
        [("system", "You talk."), ("user", "turn 1")],
        [*first, ("assistant", "turn 1"), ("user", "turn 2")],
        [("system", "You talk."), ("user", "turn 1"), ("assistant", "turn 2"), ("user", "turn 3")],
    ]
    assert len({each.seed for each in engine.asked}) == 4


def test_both_halves_are_learned_whole_and_nothing_that_nobody_answered() -> None:
    found = examples_of(talks(Numbered()), SYSTEM, "self-talk")
    assert [[each.content for each in example.messages] for example in found] == [
        ["You talk.", "Hello?", "turn 1", "turn 2", "turn 3"],
        ["You talk.", "turn 1", "turn 2", "turn 3", "turn 4"],
    ]
    roles = ["system", "user", "assistant", "user", "assistant"]
    assert [[each.role for each in example.messages] for example in found] == [roles] * 2
    assert [each.learned for each in found] == [3, 3]
    assert {each.kind for each in found} == {"self-talk"}


def test_a_turn_that_broke_off_ends_its_talk_and_is_no_part_of_it() -> None:
    engine = Numbered(breaks_at=2)
    done = talk(engine, [OPENING], n=1, turns=4, system=None, sampling=Sampling(), seed=0)
    assert done.ended == {"broke off": 1}
    assert [each.said for each in done.talks] == [["turn 1"]]
    [example] = examples_of(done.talks, None, "x")
    assert [each.content for each in example.messages] == ["Hello?", "turn 1"]
    assert example.learned == 1
    assert len(engine.asked) == 2


def test_a_talk_in_which_nobody_spoke_is_no_example() -> None:
    assert examples_of(talks(Numbered(breaks_at=1)), SYSTEM, "x") == []


def test_a_system_turn_of_the_opening_goes_on_behind_that_of_the_talk() -> None:
    own = Prompt(messages=(Message(role="system", content="Be kind."), *OPENING.messages))
    engine = Numbered()
    talk(engine, [own], n=1, turns=2, system=SYSTEM, sampling=Sampling(), seed=0)
    assert views(engine.asked[0])[0] == ("system", "You talk.\n\nBe kind.")
    assert views(engine.asked[1])[0] == ("system", "You talk.")


@settings(max_examples=40)
@given(turns=st.integers(2, 9), n=st.integers(1, 3), cut=st.integers(1, 30), told=st.booleans())
def test_every_turn_that_was_said_is_learned_once_by_who_said_it(
    turns: int, n: int, cut: int, told: bool
) -> None:
    system = SYSTEM if told else None
    found = talks(Numbered(breaks_at=cut), turns, n, system)
    learned = [
        turn.content
        for each in examples_of(found, system, "x")
        for turn in each.messages[-each.learned :]
        if turn.role == "assistant"
    ]
    assert sorted(learned) == sorted(text for each in found for text in each.said)
    for each in examples_of(found, system, "x"):
        assert each.messages[-1].role == "assistant"
        assert each.messages[-each.learned].role == "assistant"
        assert all(turn.role != "assistant" for turn in each.messages[: -each.learned])
