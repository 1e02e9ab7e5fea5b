"""A set of LLaMA-Factory's registry is read by the names that the registry gives its columns and tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.preferences.reading import ReadPreferences, read_preferences

REGISTRY: dict[str, Any] = {
    "talks": {
        "file_name": "talks.json",
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "talk", "chosen": "good", "rejected": "bad", "system": "rules"},
        "tags": {"role_tag": "who", "content_tag": "said", "user_tag": "person", "assistant_tag": "model"},
    },
    "plain": {
        "file_name": "plain.json",
        "ranking": True,
        "columns": {"prompt": "ask", "query": "more", "chosen": "good", "rejected": "bad"},
    },
    "thumbs": {
        "file_name": "thumbs.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "kto_tag": "liked"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
        },
    },
    "lessons": {"file_name": "plain.json"},
    "far": {"hf_hub_url": "somebody/something", "ranking": True},
    "odd": {"file_name": "plain.json", "formatting": "csv"},
}
TURNS = [{"who": "person", "said": "Sky?"}]
ROWS: dict[str, list[dict[str, Any]]] = {
    "talks.json": [
        {
            "talk": TURNS,
            "good": {"who": "model", "said": "Blue."},
            "bad": {"who": "model", "said": "Green."},
            "rules": "Be exact.",
        }
    ],
    "plain.json": [{"ask": "Which colour?", "more": "Sky", "good": "Blue.", "bad": "Green."}],
    "thumbs.json": [
        {
            "messages": [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": text}],
            "liked": up,
        }
        for text, up in (("Blue.", True), ("Green.", False))
    ],
}


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    for name, rows in ROWS.items():
        (tmp_path / name).write_text(json.dumps(rows))
    (path := tmp_path / "dataset_info.json").write_text(json.dumps(REGISTRY))
    return path


def said(found: ReadPreferences) -> list[list[str]]:
    return [[turn.content for turn in (*each.prompt, *each.chosen, *each.rejected)] for each in found.pairs]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("talks", ["Be exact.", "Sky?", "Blue.", "Green."]),
        ("plain", ["Which colour?\nSky", "Blue.", "Green."]),
        ("thumbs", ["Sky?", "Blue.", "Green."]),
    ],
)
def test_a_set_is_read_by_the_names_of_its_registry(registry: Path, name: str, wanted: list[str]) -> None:
    found = read_preferences(f"{registry}#{name}")
    assert found.format == "llama-factory-info"
    assert said(found) == [wanted]
    assert found.columns_left == ()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "has the sets talks, plain, thumbs, lessons, far, odd; name one as .*#talks"),
        ("#other", "has the sets talks, "),
        ("#lessons", "lessons: holds no preferences"),
        ("#far", "far: names no `file_name` beside it"),
        ("#odd", "odd: has the formatting 'csv'; known: alpaca, sharegpt, openai"),
    ],
)
def test_a_set_that_cannot_be_read_says_why(registry: Path, name: str, message: str) -> None:
    with pytest.raises(PromptFileError, match=message):
        read_preferences(f"{registry}{name}")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"columns": [1]}, "`columns` and `tags` must be objects of names"),
        ({"columns": {"choosen": "x"}}, "column 'choosen' is not known here"),
        (
            {"columns": {"chosen": "best"}},
            r"plain\.json, row 1: no column 'best', which dataset_info.json names",
        ),
        ({"file_name": "absent.json"}, r"absent\.json: no such file"),
        ({"file_name": 5}, "names no `file_name`"),
    ],
)
def test_a_broken_entry_is_named(registry: Path, entry: dict[str, Any], message: str) -> None:
    registry.write_text(json.dumps({"only": {**REGISTRY["plain"], **entry}}))
    with pytest.raises(PromptFileError, match=message):
        read_preferences(registry)


@pytest.mark.parametrize("text", ["[]", "{}", "{", "\xff"])
def test_what_is_no_registry_is_refused(registry: Path, text: str) -> None:
    registry.write_bytes(text.encode("latin-1"))
    with pytest.raises(PromptFileError, match=r"dataset_info\.json: "):
        read_preferences(registry)


def test_the_registry_that_export_writes_is_read(registry: Path) -> None:
    from rlaif.exchange.format import About
    from rlaif.exchange.formats.trainers import LLAMA_FACTORY
    from rlaif.exchange.preferences.writing import write_preferences

    pairs = list(read_preferences(f"{registry}#talks").pairs)
    folder = registry.parent / "out"
    folder.mkdir()
    written = write_preferences(folder, "train", pairs, format="llama-factory", about=About("x", "", {}))
    assert LLAMA_FACTORY.pairs is not None
    assert LLAMA_FACTORY.pairs.beside is not None
    for name, text in LLAMA_FACTORY.pairs.beside({"train": written}).items():
        (folder / name).write_text(text)
    assert said(read_preferences(folder / "dataset_info.json")) == [["Be exact.", "Sky?", "Blue.", "Green."]]
