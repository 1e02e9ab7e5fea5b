"""A format is one row: commands, messages and docs are made from it, and one from outside counts as one of ours."""

from __future__ import annotations

import ast
import json
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

import rlaif
from rlaif import registry
from rlaif.cli.main import main
from rlaif.exchange.format import FORMATS, constitution_formats, gold_formats, pair_formats
from tests.syntax import nodes_of

ROOT = Path(__file__).parents[2]
PACKAGE = Path(rlaif.__file__).parent
MINE = """
from rlaif.exchange.format import Format, PairFormat, each_row, said
from rlaif.records import Message, Pair

def read(row):
    asked = (Message(role="user", content=row.value["q"]),)
    return Pair(prompt=asked, chosen=said(row.value["good"]), rejected=said(row.value["bad"]), label_prob=1.0)

def write(pair):
    return [{"q": pair.prompt[-1].content, "good": pair.chosen[-1].content, "bad": pair.rejected[-1].content}]

MINE = Format(name="mine", help="ours", pairs=PairFormat(shape="q, good, bad", read=each_row(read), write=write))
"""
ROWS = [{"q": "How?", "good": "So.", "bad": "No."}, {"q": "Why?", "good": "For that.", "bad": "Never."}]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package outside the tree with a format of its own."""
    (tmp_path / "a_package_of_formats.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("mine", "a_package_of_formats:MINE", "rlaif.formats")
    monkeypatch.setattr(registry, "_all_installed", lambda: EntryPoints([point]))
    monkeypatch.setattr(FORMATS, "_added", {})


@pytest.mark.usefixtures("mine")
def test_a_format_from_outside_is_imported_and_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "prefs.jsonl"
    source.write_text("".join(json.dumps(each) + "\n" for each in ROWS))
    assert main(["import", str(source), "--format", "mine", "--out", str(tmp_path / "run")]) == 0
    assert main(["export", str(tmp_path / "run"), "--format", "mine", "--out", str(tmp_path / "data")]) == 0
    written = (tmp_path / "data" / "train.jsonl").read_text().splitlines()
    assert [json.loads(each) for each in written] == ROWS
    capsys.readouterr()
    assert main(["import", "--help"]) == 0
    assert "|mine|" in capsys.readouterr().out.replace("\n", "").replace(" ", "")


def test_a_format_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["import", "x.jsonl", "--format", "nope", "--out", "y"]) == 2
    said = capsys.readouterr().err
    assert all(f"'{name}'" in said for name, each in pair_formats().items() if each.reads)


def test_every_format_says_what_it_is_and_can_do_something() -> None:
    for name, each in FORMATS.all().items():
        assert each.help, name
        assert each.pairs or each.examples or each.gold or each.constitution, name
    assert all(each.shape and (each.reads or each.writes) for each in pair_formats().values())


def _ranks() -> list[list[int]]:
    kinds: tuple[Any, ...] = (pair_formats(), gold_formats(), constitution_formats())
    return [[each.rank for each in kind.values() if each.recognises is not None] for kind in kinds]


def test_formats_that_recognise_a_file_are_tried_in_one_clear_order() -> None:
    for ranks in _ranks():
        assert len(set(ranks)) == len(ranks)


def compared(path: Path, names: set[str]) -> list[str]:
    """Places in a module where something is compared with a format's name."""
    found = []
    for each in nodes_of(path):
        texts = [*each.comparators, each.left] if isinstance(each, ast.Compare) else []
        if any(isinstance(text, ast.Constant) and text.value in names for text in texts):
            found.append(f"{path.relative_to(PACKAGE)}:{each.lineno}")
    return found


def test_nothing_outside_a_formats_own_file_compares_its_name() -> None:
    # these are the field's words for losses and methods too, and columns of rows
    names = set(FORMATS.names()) - set(FORMATS.from_outside()) - {"kto", "pairs"}
    others = [each for each in PACKAGE.rglob("*.py") if each.parent != PACKAGE / "exchange" / "formats"]
    assert [place for path in others for place in compared(path, names)] == []
