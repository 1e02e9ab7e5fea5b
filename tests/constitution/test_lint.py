"""Advice, and where a principle applies."""

from dataclasses import replace

import pytest

from rlaif.constitution import applies, lint
from rlaif.records import Constitution, Message, Principle, PrincipleTest, Prompt

TEST = PrincipleTest(prompt="Hi", better="Hello.", worse="Go away.")


def constitution(*principles: Principle) -> Constitution:
    return Constitution(name="house", version="1.0.0", title="House", principles=principles)


def principle(name: str = "kind", text: str = "Be kind.", **more: object) -> Principle:
    return replace(Principle(id=name, text=text, tests=(TEST,), line=7), **more)  # type: ignore[arg-type]


def prompt(*tags: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content="Hi"),), tags=tags)


def test_a_principle_applies_where_a_tag_is_shared_and_on_every_untagged_prompt() -> None:
    harmful = principle(applies_to=("harmful", "rude"))
    assert applies(harmful, prompt("rude", "short"))
    assert applies(harmful, prompt())
    assert not applies(harmful, prompt("short"))
    assert applies(principle(), prompt("short"))


def test_a_sound_constitution_gets_no_advice() -> None:
    assert lint(constitution(principle())) == []


@pytest.mark.parametrize(
    ("found", "level", "said"),
    [
        (constitution(principle(applies_to=("harmful",))), "warning", "every prompt without any tag"),
        (constitution(principle(tests=())), "info", "no tests"),
        (constitution(principle(weight=0.0), principle("b", "Be brief.")), "warning", "weight 0"),
        (constitution(principle(weight=0.0)), "error", "every weight is 0"),
        (constitution(principle(), principle("b", "be  KIND.")), "warning", "same text as 'kind'"),
        (constitution(principle(text="very " * 90 + "long")), "warning", "split it"),
        (
            constitution(principle(tests=(replace(TEST, worse="Hello. "),))),
            "error",
            "same text as better and as worse",
        ),
        (constitution(principle(group="first")), "warning", "1 principles have a `group`"),
        (
            replace(constitution(principle()), propositions=({"id": "a", "text": "b"},)),
            "warning",
            "no class of answers depends on them",
        ),
    ],
)
def test_each_likely_mistake_is_named(found: Constitution, level: str, said: str) -> None:
    assert [(each.level, said in each.message) for each in lint(found) if said in each.message] == [
        (level, True)
    ]


def test_advice_names_principle_and_line() -> None:
    (advice,) = lint(constitution(principle(tests=())))
    assert (advice.principle, advice.line) == ("kind", 7)
