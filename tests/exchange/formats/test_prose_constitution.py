"""A constitution in prose: a principle for each section, priorities as groups where the document lists them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import load_constitution
from rlaif.errors import ConstitutionError
from rlaif.exchange.constitutions import export, read_foreign
from rlaif.records import Principle

LAMP = """\
Written in winter.

# What a lamp is for

## What comes first

Where these meet, the lamp keeps this order of priority:

1. **Broadly safe**: burns nobody.
2. **Honest**: shows what is there,
   and nothing else.
3. **Kind to readers**: lights the page.

So it is.

## Being kind

Light the [page](http://example.com) of a reader.

### Reading at night

Dim the light.

## Being broadly safe

Never burn a hand.

## Being honest

Show the room as it is.
"""


def imported(folder: Path, text: str = LAMP) -> tuple[Any, tuple[str, ...]]:
    path = folder / "lamp.md"
    path.write_bytes(text.encode())
    made = read_foreign(path, "lamp")
    assert made.form == "prose"
    out = folder / "lamp.yaml"
    out.write_text(made.text, encoding="utf-8")
    return load_constitution(out), made.notes


def test_a_section_is_a_principle_and_the_list_of_priorities_orders_them(tmp_path: Path) -> None:
    found, notes = imported(tmp_path)
    assert [(each.id, each.group) for each in found.principles] == [
        ("being-broadly-safe", "broadly-safe"),
        ("being-honest", "honest"),
        ("being-kind", "kind-to-readers"),
        ("reading-at-night", "kind-to-readers"),
        ("what-comes-first", "other"),
    ]
    assert (found.title, found.decide.rule) == ("What a lamp is for", "lexicographic")
    assert found.principles[2].text == "Being kind\n\nLight the page of a reader."
    assert list(notes) == [
        "1 headings without words of their own became no principle: What a lamp is for",
        "3 words before the first heading became no principle",
        "priorities are those of the list at line 9: broadly-safe, honest, kind-to-readers, then other",
        "5 principles without tests: write some, so that `test` can tell how a judge reads them",
    ]


@pytest.mark.parametrize(
    ("cut", "put"),
    [
        ("2. **Honest**", "2. **Purple**"),  # names no section
        ("keeps this order of priority", "does all of this"),  # is no list of priorities
        ("3. **Kind to readers**", "3. **Safe too**"),  # names a section twice
    ],
)
def test_without_a_list_that_names_the_sections_they_count_alike_in_their_order(
    tmp_path: Path, cut: str, put: str
) -> None:
    found, notes = imported(tmp_path, LAMP.replace(cut, put))
    assert [each.group for each in found.principles] == [None] * 5
    assert [each.id for each in found.principles][:2] == ["what-comes-first", "being-kind"]
    assert found.decide.rule == "log-odds"
    assert any("no list of priorities names the sections" in each for each in notes)


@pytest.mark.parametrize("text", [LAMP, LAMP.replace("\n", "\r\n"), LAMP[:-1] + "  ", LAMP + "\n\n"])
def test_the_document_comes_back_to_the_byte_and_an_edit_changes_its_section_alone(
    tmp_path: Path, text: str
) -> None:
    found, _ = imported(tmp_path, text)
    assert export(found, "prose") == (text, ())
    safe, *rest = found.principles
    edited = replace(safe, text="Being broadly safe\n\nNever burn anybody.")
    changed = replace(found, principles=(edited, *rest, Principle(id="glow", text="Glow.")))
    written, _ = export(changed, "prose")
    assert "Never burn anybody." in written
    assert "Never burn a hand." not in written
    assert written.startswith(text[: text.index("## Being broadly safe")])
    again, _ = imported(tmp_path, written)
    assert {each.id: each.text for each in again.principles}["glow"] == "glow\n\nGlow."


def test_long_sections_are_named(tmp_path: Path) -> None:
    _, notes = imported(tmp_path, LAMP + "light " * 500)
    assert "1 sections have over 400 words, which a judge reads whole: being-honest" in notes


def test_two_sections_of_one_title_have_two_ids(tmp_path: Path) -> None:
    found, _ = imported(tmp_path, "# Light\n\nGlow.\n\n# Light\n\nShine.\n")
    assert [each.id for each in found.principles] == ["light", "light-2"]


def test_a_document_of_headings_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.md"
    path.write_text("# One\n\n## Two\n")
    with pytest.raises(ConstitutionError, match="no section has words of its own, only headings"):
        read_foreign(path, "empty")


def test_a_text_without_headings_is_told_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "plain.txt"
    path.write_text("Be kind.\nBe brief.\n")
    with pytest.raises(ConstitutionError, match="a text without headings"):
        read_foreign(path, "plain")
