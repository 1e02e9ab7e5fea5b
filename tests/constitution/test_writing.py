"""What is written reads back as it was, whatever the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.constitution import load_constitution
from rlaif.constitution.writing import constitution_yaml, values_yaml
from rlaif.documents import parse_document
from rlaif.errors import ConstitutionError
from rlaif.records import Constitution, Message, Principle, PrincipleTest
from rlaif.shipped import shipped

pieces = st.lists(
    st.sampled_from(
        ["a", "Be kind", " ", "\n", "\t", ": ", "#", "- ", "'", '"', "\\", "{", "é", "…", "\r", "0", "e1"]
    ),
    max_size=8,
).map("".join)
texts = st.one_of(
    pieces, st.text(max_size=12), st.text(st.characters(min_codepoint=0, max_codepoint=0xFFFF), max_size=5)
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


def read(text: str) -> Any:
    return parse_document(text, "written", ConstitutionError).data


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(texts, values, min_size=1, max_size=4))
def test_any_value_reads_back_as_it_was(value: dict[str, Any]) -> None:
    # long texts are laid out otherwise than short ones
    value = value | {"long": [f"{'word ' * 20}{each}" for each in value if isinstance(each, str)]}
    if "<<" in str(value):  # a merge key is refused on reading, wherever it stands
        return
    assert read(values_yaml(value)) == value


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "12", "3.10", "1e3", "435e5252", "null", "~", "2024-01-01", "a: b", "a #b", " a", "a ", "-", "? a",
     "x\n", "\nx", "a\n b", "a \nb", "a\n\nb", "a\r\nb", "\ud800", "\x85", "\u2028", "", "=", "<", "%a", "@a", "`a`",
     "y", "[a]", "{a}", "a, b", "tab\there", "\x00", "\ufeff", "0o17", "1_000", "!tag", "&a", "*a", "|", ">"],
)  # fmt: skip
def test_text_that_yaml_takes_for_something_else_stays_text(text: str) -> None:
    assert read(values_yaml({"a": text, "b": [text], "c": {"d": text, "e": [1, [text]]}})) == {
        "a": text,
        "b": [text],
        "c": {"d": text, "e": [1, [text]]},
    }


LONG = "word " * 25


@pytest.mark.parametrize(
    "text",
    [LONG, f"{LONG}\nb", f"a\n{LONG}", f" {LONG}\n  b\n\tc", f"{LONG}\n\n", f"\n{LONG}", f"{LONG} \n \n\\n",
     f'{LONG}"\n"\\', f"{LONG}\r\n b", f"{LONG}\n\ud800\n\x85 c", f"{LONG}\n#: b: c\n- d"],
)  # fmt: skip
def test_long_text_keeps_its_blanks(text: str) -> None:
    for values in ({"a": text}, {"a": [text, {"b": text, "c": [[text]]}]}):
        written = values_yaml(values)
        assert read(written) == values
        assert all(line == line.rstrip() for line in written.split("\n"))


def test_it_is_written_for_people() -> None:
    written = values_yaml(
        {
            "name": "house",
            "principles": [
                {
                    "id": "kind",
                    "text": "Be kind, even to the rude.",
                    "tests": [{"prompt": "a\nb", "better": "It's fine."}],
                },
            ],
            "order": ["ideal", "poor"],
        }
    )
    assert written == (
        "name: house\n"
        "principles:\n"
        "  - id: kind\n"
        '    text: "Be kind, even to the rude."\n'
        "    tests:\n"
        '      - {prompt: "a\\nb", better: It\'s fine.}\n'
        "order: [ideal, poor]\n"
    )


@pytest.mark.parametrize("name", sorted(path.stem for path in shipped("constitutions").glob("*.yaml")))
def test_a_constitution_that_is_written_loads_as_it_was(name: str, tmp_path: Path) -> None:
    before = load_constitution(name)
    path = tmp_path / "again.yaml"
    path.write_text(constitution_yaml(before, head="# a note\n"), encoding="utf-8")
    after = load_constitution(path)
    assert after.digest == before.digest
    assert [each.tests for each in after.principles] == [each.tests for each in before.principles]


def test_conversations_and_groups_are_written_as_they_are_read(tmp_path: Path) -> None:
    before = (
        Message(role="developer", content="Speak of lamps.\n\nOnly of lamps."),
        Message(role="assistant", content="Yes."),
    )
    test = PrincipleTest(prompt="Go on.", better="Lamps glow.", worse="No.", before=before)
    kind = Principle(id="kind", text="Be kind.", group="first", tests=(test,))
    house = Constitution(name="house", version="1.0.0", title="house", principles=(kind,))
    path = tmp_path / "house.yaml"
    path.write_text(constitution_yaml(house), encoding="utf-8")
    [found] = load_constitution(path).principles
    assert (found.group, found.tests) == ("first", (test,))
