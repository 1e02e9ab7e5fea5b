"""The system turn under which is drawn: what a name, a file or a text means, and where it stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.feedback.system_turn import SystemTurn, system_turn
from rlaif.records import Constitution, Message, Principle, Prompt

RULES = Constitution(
    name="tiny",
    version="1.0.0",
    title="Two",
    principles=(
        Principle(id="greet", text="The response greets."),
        Principle(id="warn", text="The response warns.", applies_to=("harmful",)),
    ),
)
USER = Message(role="user", content="Hi.")
PLAIN = Prompt(messages=(USER,), tags=("sum",))


def said(given: str, prompt: Prompt = PLAIN) -> list[tuple[str, str]]:
    turn = system_turn(given, RULES)
    assert turn is not None
    return [(each.role, each.content) for each in turn.before(prompt)]


@pytest.mark.parametrize("given", [None, "none"])
def test_nothing_and_none_are_no_turn(given: str | None) -> None:
    assert system_turn(given, RULES) is None


def test_the_constitution_is_said_by_the_principles_that_apply_to_the_prompt() -> None:
    assert said("constitution")[0] == ("system", "Follow these rules.\n1. The response greets.")
    harmful = replace(PLAIN, tags=("harmful",))
    assert "2. The response warns." in said("constitution", harmful)[0][1]
    nothing = SystemTurn(named="constitution", principles=RULES.principles[1:])
    assert nothing.before(PLAIN) == PLAIN.messages


def test_good_and_bad_are_fixed_texts() -> None:
    assert said("good") == [("system", "Give a good response."), ("user", "Hi.")]
    assert said("bad") == [("system", "Give a bad response."), ("user", "Hi.")]


def test_a_file_that_is_there_is_read_and_anything_else_is_the_text_itself(tmp_path: Path) -> None:
    path = tmp_path / "system.txt"
    path.write_text("Be warm.\n")
    assert said(str(path)) == said("Be warm.") == [("system", "Be warm."), ("user", "Hi.")]
    turns = [system_turn(given, RULES) for given in (str(path), "Be warm.", "Be cold.")]
    one, same, other = (each.identity for each in turns if each is not None)
    assert one == same != other


@pytest.mark.parametrize(("given", "told"), [("sytem.txt", "no such file"), (" ", "is blank")])
def test_a_file_that_is_not_there_and_a_blank_text_are_refused(given: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        system_turn(given, RULES)


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_prompt_that_begins_with_such_a_turn_keeps_it_behind_ours_as_one_turn(role: str) -> None:
    own = Prompt(messages=(Message(role=role, content="You are Ada."), USER))  # type: ignore[arg-type]
    assert said("Be warm.", own) == [(role, "Be warm.\n\nYou are Ada."), ("user", "Hi.")]


def test_a_changed_principle_is_another_turn() -> None:
    changed = replace(RULES, principles=(replace(RULES.principles[0], text="No greeting."),))
    one, other = system_turn("constitution", RULES), system_turn("constitution", changed)
    assert one is not None
    assert other is not None
    assert one.identity != other.identity
