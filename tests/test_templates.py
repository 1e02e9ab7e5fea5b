from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import TemplateError
from rlaif.shipped import shipped
from rlaif.templates import (
    Template,
    load_template,
    numbered,
    recorded_templates,
    template_digests,
    unchanged,
)

NAMES = sorted(path.stem for path in shipped("prompts/templates").glob("*.txt"))
PIECES = st.lists(
    st.sampled_from(["`", "```", "````", "{{principle}}", "{{fenced:response}}", "a", "\n", "}}"]), max_size=8
)


def template(text: str) -> Template:
    return Template(name="own", text=text)


def test_every_slot_is_filled() -> None:
    assert template("{{a}} and {{b}} and {{a}}").render(a="1", b="2") == "1 and 2 and 1"


@pytest.mark.parametrize("values", [{}, {"a": "1"}, {"a": "1", "b": "2", "c": "3"}])
def test_a_missing_or_an_extra_slot_is_an_error(values: dict[str, str]) -> None:
    with pytest.raises(TemplateError, match="template own: missing slots"):
        template("{{a}} {{b}}").render(**values)


@given(PIECES.map("".join), PIECES.map("".join))
def test_what_is_filled_in_is_never_read_again(one: str, other: str) -> None:
    assert template("<{{a}}|{{b}}>").render(a=one, b=other) == f"<{one}|{other}>"


@given(PIECES.map("".join), PIECES.map("".join))
def test_no_text_closes_its_own_fence(one: str, other: str) -> None:
    text = template("{{fenced:a}}\n{{fenced:b}}").render(a=one, b=other)
    fence = text.partition("\n")[0]
    assert set(fence) == {"`"}
    assert len(fence) >= 3
    assert text == f"{fence}\n{one}\n{fence}\n{fence}\n{other}\n{fence}"
    assert fence not in one
    assert fence not in other


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_template_loads_and_renders(name: str) -> None:
    loaded = load_template(name)
    text = loaded.render(**{slot: f"<{slot}>" for slot in loaded.slots})
    assert not text.endswith("\n")
    assert "{{" not in text
    assert all(f"<{slot}>" in text for slot in loaded.slots)


@pytest.mark.parametrize("name", [name for name in NAMES if "principle" in load_template(name).slots])
def test_the_principle_stands_last_so_that_what_is_long_is_shared(name: str) -> None:
    text = load_template(name).text
    assert text.index("{{principle}}") > max(text.rfind("{{fenced:"), 0)


@pytest.mark.parametrize("name", NAMES)
def test_what_others_wrote_is_fenced(name: str) -> None:
    text = load_template(name).text
    for slot in ("prompt", "response", "response_a", "response_b", "response_c", "response_d", "steps"):
        assert f"{{{{{slot}}}}}" not in text


def test_a_folder_of_ones_own_comes_first(tmp_path: Path) -> None:
    (tmp_path / "compare.txt").write_text("mine\n", encoding="utf-8")
    assert load_template("compare", tmp_path).text == "mine"
    assert load_template("checklist", tmp_path) == load_template("checklist")


def test_an_unknown_template_names_the_known_ones() -> None:
    with pytest.raises(TemplateError, match=r"no template 'nope'; the shipped ones are .*checklist"):
        load_template("nope")


def test_the_digest_is_of_the_text() -> None:
    assert template("a").digest == Template(name="other", text="a").digest != template("b").digest


def test_what_is_rendered_is_recorded_and_nothing_else() -> None:
    one, other = template("{{a}}"), Template(name="other", text="{{b}}")
    one.render(a="before")
    with recorded_templates() as used:
        one.render(a="1")
        with recorded_templates() as inner:
            other.render(b="2")
        one.render(a="3")
    other.render(b="after")
    assert used == {"own": one.digest, "other": other.digest}
    assert inner == {"other": other.digest}


@pytest.mark.timing
def test_what_a_thread_renders_is_recorded_too() -> None:
    with recorded_templates() as used:
        thread = Thread(target=lambda: template("{{a}}").render(a="1"))
        thread.start()
        thread.join()
    assert list(used) == ["own"]


def test_a_template_is_unchanged_as_long_as_its_text_is() -> None:
    held = template_digests(["compare", "checklist"])
    assert unchanged(held)
    assert unchanged({})
    assert not unchanged(held | {"compare": template("other").digest})
    assert unchanged({"brought-along": held["compare"]})
    assert sorted(template_digests()) == NAMES


def test_rules_are_numbered_from_one() -> None:
    assert numbered(["Be warm.", "Warn."]) == "1. Be warm.\n2. Warn."


WITH_EXAMPLES = """\
Any fault?
{{fenced:response}}
Rule: {{rule}}

=== examples ===
- response: Go away.
  rule: Be kind.
  reply: It is unkind.
- {response: "```{{rule}}", rule: Be brief., reply: None.}
"""


def test_examples_of_a_template_are_earlier_turns(tmp_path: Path) -> None:
    (tmp_path / "critique.txt").write_text(WITH_EXAMPLES)
    found = load_template("critique", tmp_path)
    turns = found.turns(response="Hm.", rule="Be clear.")
    assert [each.role for each in turns] == ["user", "assistant", "user", "assistant", "user"]
    assert turns[0].content == "Any fault?\n```\nGo away.\n```\nRule: Be kind."
    assert [turns[1].content, turns[3].content] == ["It is unkind.", "None."]
    # an example's text is no slot, and closes no fence
    assert turns[2].content == "Any fault?\n````\n```{{rule}}\n````\nRule: Be brief."
    assert turns[-1].content == "Any fault?\n```\nHm.\n```\nRule: Be clear."


def test_examples_are_part_of_the_digest_and_a_template_without_keeps_its_own(tmp_path: Path) -> None:
    body = WITH_EXAMPLES.partition("\n=== examples")[0]
    (tmp_path / "critique.txt").write_text(body)
    plain = load_template("critique", tmp_path)
    assert plain.digest == template(body.removesuffix("\n")).digest
    assert len(plain.turns(response="a", rule="b")) == 1
    (tmp_path / "critique.txt").write_text(WITH_EXAMPLES)
    one = load_template("critique", tmp_path)
    (tmp_path / "critique.txt").write_text(WITH_EXAMPLES.replace("unkind", "rude"))
    other = load_template("critique", tmp_path)
    assert len({plain.digest, one.digest, other.digest}) == 3
    assert one.text == other.text == plain.text.rstrip("\n")


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("- {response: a, rule: b}", r"critique.txt: example 1: missing \['reply'\]"),
        (
            "- {response: a, rule: b, reply: c}\n- {response: a, rules: b, reply: c}",
            r"example 2: missing \['rule'\], unknown \['rules'\]; give reply, response, rule",
        ),
        ("- {response: a, rule: ' ', reply: c}", "example 1: 'rule' must be text that is not blank"),
        ("[]", "must stand a list of examples"),
        ("- {response: a", r"critique.txt:\d+"),
    ],
)
def test_an_example_that_does_not_fit_its_template_is_refused(
    tmp_path: Path, section: str, said: str
) -> None:
    body = WITH_EXAMPLES.partition("=== examples ===\n")[0]
    (tmp_path / "critique.txt").write_text(f"{body}=== examples ===\n{section}\n")
    with pytest.raises(TemplateError, match=said):
        load_template("critique", tmp_path)


@pytest.mark.parametrize("name", ["critique", "revise", "revise-direct"])
def test_the_shipped_few_shot_templates_fill_the_slots_of_the_plain_ones(name: str) -> None:
    shots = load_template(name, shipped("prompts/templates") / "few-shot")
    assert shots.slots == load_template(name).slots
    assert len(shots.examples) >= 3
    assert load_template(name).examples == ()
