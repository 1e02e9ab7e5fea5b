"""New prompts: what is shown, what of a reply counts, and that a seed decides what is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from rlaif.feedback.write_prompts import cleaned, question, write_prompts
from rlaif.records import GenerateRequest, Generation, Message, Prompt, Sampling
from tests.judging.builders import RuleEngine


def asked(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),))


GIVEN = [asked(f"What is {number} plus 2?") for number in range(6)]


def test_examples_are_turns_each_answered_by_the_next() -> None:
    turns = question(GIVEN[:3])
    assert [each.role for each in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert [turns[1].content, turns[3].content] == [GIVEN[1].text, GIVEN[2].text]
    assert GIVEN[2].text in turns[4].content
    assert [each.role for each in question(GIVEN[:1])] == ["user"]


@pytest.mark.parametrize(
    ("reply", "prompt"),
    [
        ("What is 3 plus 4?", "What is 3 plus 4?"),
        ("  Prompt: What is 3 plus 4?\n", "What is 3 plus 4?"),
        ("New prompt:\nWhat is 3 plus 4?", "What is 3 plus 4?"),
        ("```\nWhat is 3 plus 4?\n```", "What is 3 plus 4?"),
        ("Prompt:\n```text\nTwo\nlines?\n```", "Two\nlines?"),
        ("", ""),
        ("I'm sorry, but I cannot write that.", ""),
    ],
)
def test_labels_and_fences_are_no_part_of_a_prompt_and_a_refusal_is_none(reply: str, prompt: str) -> None:
    assert cleaned(reply) == prompt


class Echo(RuleEngine):
    """Answers each request with its number; the third breaks off, the fourth fails."""

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
        self.requests = list(requests)
        for each in self.requests:
            finish = "length" if each.id == "2" else "stop"
            error = "down" if each.id == "3" else None
            yield Generation(request_id=each.id, text=f"Prompt {each.id}?", finish=finish, error=error)


def written(seed: int = 0, round: int = 0, given: list[Prompt] = GIVEN) -> tuple[list[str], int, list[str]]:
    engine = Echo(lambda *_: {})
    found = write_prompts(engine, given, n=5, shots=2, sampling=Sampling(), seed=seed, round=round)
    shown = [each.messages[-1].content for each in engine.requests]
    return [each.text for each in found.read], found.unreadable, shown


def test_what_breaks_off_or_fails_is_unreadable_and_no_prompt() -> None:
    texts, unreadable, _ = written()
    assert texts == ["Prompt 0?", "Prompt 1?", "Prompt 4?"]
    assert unreadable == 2


def test_seed_and_round_decide_what_is_shown_and_the_order_of_the_given_does_not() -> None:
    assert written()[2] == written(given=GIVEN[::-1])[2]
    assert written()[2] != written(seed=1)[2]
    assert written()[2] != written(round=1)[2]


def test_more_shots_than_prompts_are_refused() -> None:
    with pytest.raises(ValueError, match="1 prompts are given, and 2 are to be shown"):
        written(given=GIVEN[:1])
