"""Personas of open character training: traits become principles, questions prompts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import load_constitution
from rlaif.errors import ConstitutionError
from rlaif.exchange.constitutions import export, read_foreign
from rlaif.exchange.formats.personas import SAYS
from rlaif.records import Principle

REAL = (
    Path(os.environ.get("RLAIF_REFERENCE_DATA", "../shared/data"))
    / "character"
    / "constitutions"
    / "few-shot"
)
ROWS: list[dict[str, Any]] = [
    {
        "trait": " I speak of lamps with joy.",
        "questions": ["What is a lamp?", "Is it dark?"],
        "additional_questions": ["Oil or wax?"],
        "note": 1,
    },
    {"trait": "I speak of lamps with care.", "questions": ["Is it dark?"]},
]


def put(folder: Path, rows: Any, name: str = "lamp.jsonl") -> Path:
    path = folder / name
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines) if name.endswith("l") else json.dumps(rows), encoding="utf-8")
    return path


def imported(folder: Path, source: Path) -> Any:
    path = folder / "made.yaml"
    path.write_text(read_foreign(source, "made").text, encoding="utf-8")
    return load_constitution(path)


@pytest.mark.parametrize("name", ["lamp.jsonl", "lamp.json", "lamp.txt"])
def test_a_trait_is_a_principle_and_the_rows_come_back(tmp_path: Path, name: str) -> None:
    source = put(tmp_path, ROWS, name)
    made = read_foreign(source, "lamp", prompts=True)
    assert made.form == "personas"
    assert [(each.id, each.text) for each in made.constitution.principles] == [
        ("i-speak-of-lamps-with-joy", SAYS + "I speak of lamps with joy."),
        ("i-speak-of-lamps-with-care", SAYS + "I speak of lamps with care."),
    ]
    text, left = export(imported(tmp_path, source), "personas")
    assert text == put(tmp_path, ROWS, "wanted.jsonl").read_text(encoding="utf-8")
    assert left == ()


def test_questions_are_prompts_with_their_traits_as_tags(tmp_path: Path) -> None:
    made = read_foreign(put(tmp_path, ROWS), "lamp", prompts=True)
    joy, care = "i-speak-of-lamps-with-joy", "i-speak-of-lamps-with-care"
    assert [(each.text, each.tags) for each in made.prompts] == [
        ("What is a lamp?", (joy,)),
        ("Is it dark?", (joy, care)),
        ("Oil or wax?", (joy,)),
    ]
    assert "1 questions stand twice, and are one prompt" in made.notes
    assert "kept and not used: note" in made.notes


def test_an_edited_trait_is_written_with_its_questions_and_a_new_one_without(tmp_path: Path) -> None:
    found = imported(tmp_path, put(tmp_path, ROWS))
    joy, _ = found.principles
    edited = replace(joy, text=SAYS + "I hum.")
    text, _ = export(replace(found, principles=(edited, Principle(id="x", text="Glow."))), "personas")
    assert [json.loads(line) for line in text.splitlines()] == [
        {**ROWS[0], "trait": "I hum."},
        {"trait": "Glow.", "questions": []},
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"questions": ["Is it dark?"]}, "persona row 2: has no `trait`"),
        ({"trait": "  ", "questions": []}, "persona row 2: has no `trait`"),
        ({"trait": "I glow.", "questions": ["", "Why?"]}, "`questions` must be a list of texts"),
        ({"trait": "I glow.", "questions": "Why?"}, "`questions` must be a list of texts"),
    ],
)
def test_a_persona_that_lacks_a_part_is_refused_with_its_row(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(ConstitutionError, match=said):
        read_foreign(put(tmp_path, [ROWS[0], row]), "lamp")


def test_a_file_whose_personas_have_no_trait_at_all_is_told_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(ConstitutionError, match="persona row 1: has no `trait`; write what the model says"):
        read_foreign(put(tmp_path, [{"questions": ["Is it dark?"]}]), "lamp")


@pytest.mark.skipif(not REAL.is_dir(), reason="the published personas are not here")
@pytest.mark.parametrize(("name", "traits"), [("goodness", 15), ("loving", 10)])
def test_the_published_ones_have_the_counts_that_they_have(tmp_path: Path, name: str, traits: int) -> None:
    path = REAL / f"{name}.jsonl"
    made = read_foreign(path, name, prompts=True)
    assert len(made.constitution.principles) == traits
    assert len(made.prompts) == 50 * traits
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    text, _ = export(imported(tmp_path, path), "personas")
    assert [json.loads(line) for line in text.splitlines()] == rows
