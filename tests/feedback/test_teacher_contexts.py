"""What teachers are shown: the first form that has something to show, never a completion to itself."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rlaif.feedback.system_turn import CONSTITUTION, SystemTurn
from rlaif.feedback.teacher_contexts import TeacherMaterial, best_siblings, teacher_turns
from rlaif.records import Completion, Message, Principle, Prompt

ASKED = Prompt(messages=(Message(role="user", content="How do I bake?"),))
GREET = Principle(id="greet", text="The response greets.", revise="Say hello first.")
RULES = SystemTurn(named=CONSTITUTION, principles=(GREET,))
NO_RULES = SystemTurn(named=CONSTITUTION)


def said(text: str, draw: int = 0) -> Completion:
    return Completion(prompt_id=ASKED.id, text=text, policy="p", draw=draw)


def material(**fields: Any) -> TeacherMaterial:
    return TeacherMaterial(
        prompt=ASKED, completion=said("Mix flour."), **{"constitution": NO_RULES, **fields}
    )


def test_the_constitution_is_a_system_turn_before_the_prompt() -> None:
    found = teacher_turns(material(constitution=RULES), ["constitution"])
    assert found is not None
    assert [each.role for each in found[1]] == ["system", "user"]
    assert "1. The response greets." in found[1][0].content
    assert teacher_turns(material(), ["constitution"]) is None


def test_a_critique_is_shown_with_the_answer_and_the_rule_that_it_is_about() -> None:
    found = teacher_turns(material(critique="It does not greet.", faults=[GREET]), ["critique"])
    assert found is not None
    (turn,) = found[1]
    for text in (
        "How do I bake?",
        "Mix flour.",
        "It does not greet.",
        "The response greets. Say hello first.",
    ):
        assert text in turn.content
    assert teacher_turns(material(faults=[GREET]), ["critique"]) is None


def test_the_rule_alone_needs_no_critique() -> None:
    found = teacher_turns(material(faults=[GREET]), ["principle"])
    assert found is not None
    assert "The response greets." in found[1][0].content
    assert teacher_turns(material(), ["principle"]) is None


def test_siblings_and_rubrics_stand_in_the_last_turn_of_the_prompt() -> None:
    found = teacher_turns(material(sibling=said("Hello! Mix flour.")), ["sibling"])
    assert found is not None
    assert found[1][-1].role == "user"
    assert "Hello! Mix flour." in found[1][-1].content
    assert "How do I bake?" in found[1][-1].content
    rubric = teacher_turns(material(rubric=["It greets.", "It is brief."]), ["rubric"])
    assert rubric is not None
    assert "1. It greets.\n2. It is brief." in rubric[1][-1].content


def test_the_first_form_that_has_something_to_show_is_taken() -> None:
    forms = ["sibling", "principle", "constitution"]
    shown = [
        teacher_turns(each, forms)
        for each in (
            material(sibling=said("Hello."), faults=[GREET], constitution=RULES),
            material(faults=[GREET], constitution=RULES),
            material(constitution=RULES),
            material(),
        )
    ]
    assert [each[0] if each else None for each in shown] == ["sibling", "principle", "constitution", None]


def test_the_best_is_shown_the_second_best_and_the_others_the_best() -> None:
    a, b, c, d = (said(text, place) for place, text in enumerate("abcd"))
    found = best_siblings([(a, 0.5), (b, 0.9), (c, 0.8), (d, None)], 0.8)
    assert found == {a.id: b, b.id: c, c.id: b, d.id: b}
    assert best_siblings([(a, 0.5), (b, 0.9)], 0.8) == {a.id: b}
    assert best_siblings([(a, 0.5), (d, None)], 0.8) == {}


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.one_of(st.none(), st.floats(0, 1))), max_size=8))
def test_nobody_is_shown_its_own_text_nor_one_below_the_threshold(
    drawn: list[tuple[str, float | None]],
) -> None:
    rows = [(said(text, place), score) for place, (text, score) in enumerate(drawn)]
    found = best_siblings(rows, 0.5)
    good = {each.text for each, score in rows if score is not None and score >= 0.5}
    for each, _ in rows:
        other = found.get(each.id)
        if other is None:
            assert good <= {each.text}
        else:
            assert other.text != each.text
            assert other.text in good
