"""Texts that make a side: where they stand, which draw takes which, and what is wrong with a file of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.feedback.side_texts import (
    Affix,
    contrasted,
    load_affixes,
    load_refusals,
    of_draw,
)
from rlaif.records import Message, Prompt

AFFIX = Affix(good="Be kind.", bad="Be cruel.")
TALK = Prompt(
    messages=(
        Message(role="user", content="Hi."),
        Message(role="assistant", content="Hello."),
        Message(role="user", content="How?"),
    )
)


def turns(found: Prompt) -> list[tuple[str, str]]:
    return [(each.role, each.content) for each in found.messages]


def test_the_instruction_stands_in_the_system_turn_or_behind_the_last_turn() -> None:
    one = Prompt(messages=(Message(role="user", content="How?"),))
    assert turns(contrasted(one, AFFIX, "good", place="system", crossed=True)) == [
        ("system", "Be kind."),
        ("user", "How?"),
    ]
    assert turns(contrasted(one, AFFIX, "bad", place="user", crossed=True)) == [
        ("user", "How?\n\n(Be cruel.)")
    ]


def test_earlier_answered_turns_carry_the_other_sides_instruction() -> None:
    found = contrasted(TALK, AFFIX, "good", place="user", crossed=True)
    assert turns(found) == [
        ("user", "Hi.\n\n(Be cruel.)"),
        ("assistant", "Hello."),
        ("user", "How?\n\n(Be kind.)"),
    ]
    plain = contrasted(TALK, AFFIX, "good", place="user", crossed=False)
    assert turns(plain)[0] == ("user", "Hi.")


def test_a_system_turn_of_the_prompt_goes_on_behind_the_instruction() -> None:
    own = Prompt(messages=(Message(role="system", content="Use French."), *TALK.messages))
    first = contrasted(own, AFFIX, "bad", place="system", crossed=False).messages[0]
    assert first.content == "Be cruel.\n\nUse French."


def test_draws_of_a_prompt_take_texts_one_after_the_other() -> None:
    taken = [of_draw(5, 0, "contrast", TALK, number) for number in range(5)]
    assert sorted(taken) == [0, 1, 2, 3, 4]
    assert (taken[1] - taken[0]) % 5 == 1


def test_the_shipped_lists_are_read_and_their_sides_differ() -> None:
    assert len(load_affixes("harmless", "affixes")) == 16
    for name in ("helpful", "good-bad"):
        assert all(each.good != each.bad for each in load_affixes(name, "affixes"))
    plain = load_refusals("plain", "refusals")
    assert all(plain.refuses(each) for each in load_refusals("micro", "refusals").texts if "cannot" in each)
    assert plain.refuses("I\u2019m sorry, but no.")
    assert not plain.refuses("Gladly. Take two eggs.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pairs:\n  - {good: a, bad: b, ugly: c}\n", "a.yaml:2"),
        ("pairs: []\n", "at least one"),
        ("pairs:\n  - {good: a}\n", "bad"),
        ("pairs:\n  - {good: Be kind., bad: '  be  KIND.'}\n", "one text"),
        ("affixes: []\n", "affixes"),
    ],
)
def test_a_list_that_tells_no_sides_apart_is_refused_with_its_place(
    tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load_affixes(str(path), "affixes")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_list_that_there_is_not_is_answered_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"did you mean 'harmless'\?"):
        load_affixes("harmles", "affixes")
    with pytest.raises(InputError, match="no such file"):
        load_refusals(str(tmp_path / "none.yaml"), "refusals")


def test_empty_refusals_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("refusals: []\nmarkers: [no]\n")
    with pytest.raises(InputError, match="at least one"):
        load_refusals(str(path), "refusals")
