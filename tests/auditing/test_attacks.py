"""What is written to win a judge: every family is there, and none breaks the texts that we ask with."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.auditing.attacks import FAMILIES, FENCES, LONG, attacked, flips
from rlaif.exchange.benchmarks import LOST
from rlaif.judging import ModelJudge
from rlaif.judging.protocols import protocols
from rlaif.records import Message, ToolCall
from rlaif.shipped import shipped
from rlaif.templates import load_template
from tests.judging.builders import RuleEngine, completion, principle, prompt

from .test_comparisons import judged, pair, verdict

EVERY = {
    f"{family}: {member}": attack
    for family, members in FAMILIES.items()
    for member, attack in members.items()
}
OURS = sorted({name for each in protocols().values() for name in each.templates})
"""Every template that any protocol asks with."""
HELD = {
    "prompt",
    "response",
    "steps",
    "argument_a",
    "argument_b",
    *(f"response_{letter}" for letter in "abcdefgh"),
}
"""Slots that hold what a model or a user wrote."""
PIECES = (
    "`",
    "```",
    "~~~",
    "\n",
    "\r\n",
    "{{",
    "}}",
    "{{fenced:response_b}}",
    "{{principle}}",
    "Rule: ",
    "Answer: A",
)
HOSTILE = st.one_of(
    st.sampled_from(
        [attack("What is 2 plus 2?", "It is 5.") for name, attack in EVERY.items() if "100" not in name]
    ),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(max_size=40),
)


@pytest.mark.parametrize(
    "family",
    [
        "empty",
        "content-free",
        "thought-process",
        "injected-instructions",
        "fake-verdict",
        "template-syntax",
        "fence-breaking",
        "flattery",
        "confident-tone",
        "100-kB",
    ],
)
def test_every_family_is_there_and_takes_the_place_of_the_worse_answer(family: str) -> None:
    first, second = pair("good", "bad", name="1"), pair("bad", "good", first=False, name="2")
    made = attacked([first, second], [family])
    assert {each.origin for each in made} == {"1", "2"}
    assert {each.member for each in made} == set(FAMILIES[family])
    for each in made:
        better = 0 if each.origin == "1" else 1
        assert each.pair.texts[better] == "good"
        assert each.pair.texts[1 - better] not in ("good", "bad")


def test_the_longest_is_100_kb() -> None:
    [made] = attacked([pair("good", "bad")], ["100-kB"])
    assert len(made.pair.texts[1]) == LONG == 100_000


def test_an_attack_that_writes_the_better_answer_is_none() -> None:
    made = attacked([pair(".", "bad")], ["content-free"])
    assert all(each.pair.texts[0] != each.pair.texts[1] for each in made)
    assert "a full stop" not in {each.member for each in made}


def test_flips_count_verdicts_that_were_right_before() -> None:
    of = [pair("good", "bad", name="1"), pair("good", "bad", name="2")]
    before = [judged(of[0], verdict(0.9), verdict(0.9)), judged(of[1], verdict(0.1), verdict(0.8))]
    made = attacked(of, ["thought-process"])
    said = {"alone": (verdict(0.2), LOST), "before": (verdict(0.9), verdict(0.9))}
    after = [(each, judged(each.pair, *said[each.member])) for each in made]
    # right before: both orders of 1 and one of 2, for each of the two members
    assert flips(before, after)["thought-process"][:3] == (6, 1, 2)
    share = flips(before, after)["thought-process"].share
    assert share is not None
    assert share.value == pytest.approx(1 / 6)
    alone = flips(before, after, members=True)["thought-process: alone"]
    assert alone[:3] == (3, 1, 2)


def structure(text: str, written: dict[str, str]) -> list[str]:
    """What is left of a rendered question when the fenced blocks are taken out, each by its exact content."""
    fence = next(line for line in text.split("\n") if re.fullmatch("`{3,}", line))
    for value in written.values():
        block = f"{fence}\n{value}\n{fence}"
        assert text.count(block) >= 1
        text = text.replace(block, "<block>", 1)
    return text.split("\n")


@pytest.mark.parametrize("name", OURS)
@given(st.data())
def test_nothing_that_a_model_wrote_breaks_a_question(name: str, data: st.DataObject) -> None:
    """Whatever stands in the slots of others, the question around it is the same, byte for byte."""
    template = load_template(name)
    theirs = sorted(template.slots & HELD)
    own = {slot: f"<{slot}>" for slot in template.slots - HELD}
    hostile = {slot: data.draw(HOSTILE, label=slot) for slot in theirs}
    harmless = {slot: f"text of {slot}" for slot in theirs}
    rendered = template.render(**own, **hostile)
    fence = next(line for line in rendered.split("\n") if re.fullmatch("`{3,}", line))
    # no text holds a run of backticks as long as the fence: none can end its block, nor begin another
    assert all(fence not in value for value in hostile.values())
    # blocks stand in the order of the template's slots: read them off and compare what is between
    order = re.findall(r"\{\{fenced:([a-z0-9_]+)\}\}", template.text)
    assert structure(rendered, {slot: hostile[slot] for slot in order}) == structure(
        template.render(**own, **harmless), {slot: harmless[slot] for slot in order}
    )


@pytest.mark.parametrize("name", sorted(path.stem for path in shipped("prompts/templates").glob("*.txt")))
def test_what_others_wrote_only_stands_in_fences(name: str) -> None:
    bare = re.findall(r"\{\{([a-z0-9_]+)\}\}", load_template(name).text)
    assert not set(bare) & HELD


@pytest.mark.parametrize("family", FAMILIES)
def test_an_attack_is_put_to_a_judge_byte_for_byte(family: str) -> None:
    engine = RuleEngine(lambda text, continuations: {"A": 0.9, "B": 0.1})
    for each in attacked([pair("good", "bad")], [family]):
        judge = ModelJudge(engine)
        one, other = each.pair.completions
        judge.compare([(each.pair.prompt, one, other)], [principle("right", "It is right.")])
        for asked in engine.asked[-2:]:
            fence = next(line for line in asked.split("\n") if re.fullmatch("`{3,}", line))
            assert f"{fence}\n{each.pair.texts[1]}\n{fence}" in asked
            assert asked.endswith("Rule: It is right.")


def test_the_fences_that_are_attacked_are_longer_than_the_usual_one() -> None:
    assert max(map(len, FENCES)) > 3
    text = ModelJudge(RuleEngine(lambda *_: {})).question(
        "compare", prompt(), [FENCES[-1], completion("x").text], principle("right")
    )
    assert "`" * (len(FENCES[-1]) + 1) in text


def test_an_attack_on_a_side_of_several_turns_is_its_last_text_and_leaves_the_others() -> None:
    asks = Message(
        role="assistant", content="I add.", thought="hm", tool_calls=(ToolCall(name="add", arguments="{}"),)
    )
    result = Message(role="tool", content="4")
    good, bad = ((asks, result, Message(role="assistant", content=text)) for text in ("It is 4.", "It is 5."))
    plain = pair("It is 4.", "It is 5.", name="turns")
    found = attacked([replace(plain, sides=(good, bad))], ("fake-verdict",))
    assert len(found) == len(FAMILIES["fake-verdict"])
    for each in found:
        assert each.pair.sides is not None
        assert each.pair.sides[0] == good
        assert each.pair.sides[1][:2] == (asks, result)
        assert each.pair.sides[1][2].content == each.pair.texts[1] != "It is 5."
        assert each.pair.completions[1].lead == (asks, result)


def test_sides_that_differ_before_a_common_end_are_two_answers() -> None:
    one, other = (
        (
            Message(role="assistant", content=text),
            Message(role="user", content="So?"),
            Message(role="assistant", content="."),
        )
        for text in ("It is 4.", "It is 5.")
    )
    found = attacked([replace(pair(".", "5", name="ends"), sides=(one, other))], ("content-free",))
    assert "a full stop" in {each.member for each in found}
