"""Propositions and classes: what refers to nothing, or to itself, is told with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.constitution import load_constitution
from rlaif.errors import ConstitutionError

HEAD = """\
name: rules
version: 1.0.0
propositions:
  - {id: sorry, text: The response says sorry.}
  - {id: rude, text: The response is rude.}
  - id: fine
    all: {sorry: true, rude: false}
"""


def write(folder: Path, text: str, name: str = "rules.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rules_need_no_principles(tmp_path: Path) -> None:
    found = load_constitution(write(tmp_path, HEAD))
    assert found.principles == ()
    assert [each["id"] for each in found.propositions] == ["sorry", "rude", "fine"]
    assert found.propositions[2] == {"id": "fine", "all": {"sorry": True, "rude": False}}


def test_classes_may_be_one_table_or_one_for_each_kind_of_answer(tmp_path: Path) -> None:
    text = (
        HEAD + "behaviors: {order: [good, bad], classes: {good: {fine: true}, bad: {ask: {fine: false}}}}\n"
    )
    classes = load_constitution(write(tmp_path, text)).behaviors["classes"]
    assert classes == {"good": {"fine": True}, "bad": {"ask": {"fine": False}}}


WRONG = [
    ("  - {id: both, text: a, all: {sorry: true}}\n", 8, "'both' needs either `text`"),
    ("  - {id: none}\n", 8, "'none' needs either `text`"),
    (
        "  - {id: self, all: {self: true}}\n",
        8,
        "'self' is no proposition above it; there are: sorry, rude, fine",
    ),
    ("  - {id: early, all: {late: true}}\n  - {id: late, text: x}\n", 8, "'late' is no proposition"),
    ("  - id: odd\n    all:\n      sorry: true\n      nobody: false\n", 11, "'nobody' is no proposition"),
    ("  - {id: odd, all: {sorry: maybe}}\n", 8, 'must be true or false, not "maybe"'),
    ("  - {id: rude, text: again}\n", 8, "'rude' twice (first at line 5)"),
    ("  - {id: odd, txt: a}\n", 8, "'txt' (did you mean 'text'?)"),
    ("behaviors: {order: [a], classes: {a: {fin: true}}}\n", 8, "'fin' is no proposition"),
    ("behaviors:\n  order: [a]\n  classes:\n    a:\n      ask: {fin: true}\n", 12, "'fin' is no proposition"),
    ("behaviors: {order: [a], classes: {a: {fine: true, ask: {rude: true}}}}\n", 8, "class 'a' mixes"),
    ("behaviors: {order: [a, a], classes: {a: {fine: true}}}\n", 8, "`order` must name each of a once"),
    ("behaviors: {order: [a], classes: {a: {ask: {fine: 1}}}}\n", 8, "must be true or false, not 1"),
    ("behaviors: {order: [a], classes: {a: {fine: [x]}}}\n", 8, "must be true or false or a mapping"),
]


@pytest.mark.parametrize(("more", "line", "said"), WRONG)
def test_each_mistake_is_reported_with_its_line(more: str, line: int, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, HEAD + more)
    with pytest.raises(ConstitutionError) as caught:
        load_constitution(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


def test_what_is_inherited_can_be_built_on_and_overridden(tmp_path: Path) -> None:
    write(tmp_path, HEAD)
    text = (
        "name: mine\nversion: 1.0.0\nextends: [rules]\npropositions:\n"
        "  - {id: rude, text: The response mocks.}\n  - {id: better, all: {fine: true}}\n"
    )
    found = load_constitution(write(tmp_path, text, "mine.yaml"))
    assert [each["id"] for each in found.propositions] == ["sorry", "rude", "fine", "better"]
    assert found.propositions[1]["text"] == "The response mocks."


def test_what_overrides_may_not_close_a_circle(tmp_path: Path) -> None:
    write(tmp_path, HEAD)
    text = "name: mine\nversion: 1.0.0\nextends: [rules]\npropositions:\n  - {id: sorry, all: {fine: true}}\n"
    with pytest.raises(ConstitutionError, match=r"mine\.yaml:5: 'fine' is no proposition above it"):
        load_constitution(write(tmp_path, text, "mine.yaml"))


def test_a_derived_proposition_and_its_table_count_in_the_digest(tmp_path: Path) -> None:
    before = load_constitution(write(tmp_path, HEAD)).digest
    after = load_constitution(write(tmp_path, HEAD.replace("rude: false", "rude: true"))).digest
    assert before != after


def test_what_an_import_keeps_is_in_no_digest(tmp_path: Path) -> None:
    before = load_constitution(write(tmp_path, HEAD)).digest
    after = load_constitution(write(tmp_path, HEAD + "origin: {format: other, anything: [1]}\n"))
    assert (after.digest, after.origin["anything"]) == (before, [1])
