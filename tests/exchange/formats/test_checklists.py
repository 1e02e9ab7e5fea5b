"""Checklists of one prompt each: requirements apply to their prompt's tag, importance is weight."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import applies, load_constitution
from rlaif.errors import ConstitutionError
from rlaif.exchange.constitutions import export, read_foreign
from rlaif.exchange.formats.checklists import ASKS

ROWS: list[dict[str, Any]] = [
    {
        "instruction": "Praise lamps in verse.",
        "requirements": [["Is it in verse?", 100], ["It names a lamp.", 37.5]],
        "id": 7,
    },
    {"instruction": "What is oil?", "requirements": ["Is it brief?", ["Is it true?", 0]]},
]


def put(folder: Path, rows: Any) -> Path:
    path = folder / "lists.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_requirement_applies_to_its_own_prompt_with_its_importance(tmp_path: Path) -> None:
    made = read_foreign(put(tmp_path, ROWS), "lists", prompts=True)
    assert made.form == "checklists"
    assert [(each.id, each.text, each.weight, each.applies_to) for each in made.constitution.principles] == [
        ("row-1.1", ASKS + "Is it in verse?", 1.0, ("row-1",)),
        ("row-1.2", "It names a lamp.", 0.375, ("row-1",)),
        ("row-2.1", ASKS + "Is it brief?", 1.0, ("row-2",)),
        ("row-2.2", ASKS + "Is it true?", 0.0, ("row-2",)),
    ]
    first, second = made.prompts
    asked = [
        [each.id for each in made.constitution.principles if applies(each, one)] for one in (first, second)
    ]
    assert asked == [["row-1.1", "row-1.2"], ["row-2.1", "row-2.2"]]


def test_the_rows_come_back_and_an_edit_is_in_them(tmp_path: Path) -> None:
    source = put(tmp_path, ROWS)
    path = tmp_path / "made.yaml"
    path.write_text(read_foreign(source, "made").text, encoding="utf-8")
    found = load_constitution(path)
    assert export(found, "checklists") == (source.read_text(encoding="utf-8"), ())
    verse, *rest = found.principles
    lighter = replace(verse, weight=0.5)
    text, _ = export(replace(found, principles=(lighter, *rest[:-1])), "checklists")
    assert [json.loads(line)["requirements"] for line in text.splitlines()] == [
        [["Is it in verse?", 50.0], ["It names a lamp.", 37.5]],
        ["Is it brief?"],
    ]


def test_the_first_so_many_rows_may_be_taken(tmp_path: Path) -> None:
    made = read_foreign(put(tmp_path, ROWS), "lists", most=1, prompts=True)
    assert [each.id for each in made.constitution.principles] == ["row-1.1", "row-1.2"]
    assert len(made.prompts) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"requirements": ["Why?"]}, "row 2: has no `instruction`"),
        ({"instruction": "Go.", "requirements": "Why?"}, "must be a list of"),
        (
            {"instruction": "Go.", "requirements": [["Why?", 101]]},
            "importance 101 is no number from 0 to 100",
        ),
        ({"instruction": "Go.", "requirements": [["Why?", True]]}, "importance True is no number"),
        ({"instruction": "Go.", "requirements": [[" ", 3]]}, "requirement 1: must be a text"),
    ],
)
def test_a_row_that_lacks_a_part_is_refused(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(ConstitutionError, match=said):
        read_foreign(put(tmp_path, [ROWS[0], row]), "lists")


def test_a_constitution_that_came_from_elsewhere_names_no_prompt(tmp_path: Path) -> None:
    made = read_foreign(put(tmp_path, ROWS), "lists").constitution
    with pytest.raises(ConstitutionError, match="a constitution names no prompt"):
        export(replace(made, origin={}), "checklists")
