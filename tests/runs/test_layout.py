"""One file knows what lies where in a run: the names stand nowhere else, and what is found is found in order."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import rlaif
from rlaif.errors import InputError
from rlaif.runs import layout
from tests.syntax import nodes_of

PACKAGE = Path(rlaif.__file__).parent
NAMES = {
    value
    for name, value in vars(layout).items()
    if name.isupper() and isinstance(value, str) and not name.startswith("_") and Path(value).suffix
}


def spelled(path: Path) -> list[str]:
    """Literals of a module that are, or end in, the name of a file of a run; texts in f-strings too."""
    nodes = nodes_of(path)
    docs = {id(each.value) for each in nodes if isinstance(each, ast.Expr)}
    texts = (each for each in nodes if isinstance(each, ast.Constant) and id(each) not in docs)
    return [
        f"{path.relative_to(PACKAGE)}:{each.lineno}: {each.value!r}"
        for each in texts
        if isinstance(each.value, str)
        and (each.value.rpartition("/")[2] in NAMES or each.value.startswith(("round-", "models/round-")))
    ]


def test_no_other_module_spells_the_name_of_a_file_of_a_run() -> None:
    others = [
        each
        for each in PACKAGE.rglob("*.py")
        if each not in (PACKAGE / "runs" / "layout.py", PACKAGE / "landmarks.py")
    ]
    assert [line for path in others for line in spelled(path)] == []


def put(run: Path, *names: str) -> Path:
    for name in names:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).touch()
    return run


def test_rounds_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    run = put(
        tmp_path, "round-10/pairs.jsonl", "round-9/pairs.jsonl", "round-1/pairs.jsonl", "round-x/pairs.jsonl"
    )
    assert [path.parent.name for path in layout.pair_files(run)] == ["round-1", "round-9", "round-10"]
    assert layout.newest_pairs(run).parent.name == "round-10"
    assert layout.newest_pairs(run, 9).parent.name == "round-9"


def test_the_rounds_come_before_the_runs_own_files(tmp_path: Path) -> None:
    run = put(tmp_path, "completions.jsonl", "round-2/completions.jsonl", "round-0/evaluation.json")
    found = layout.files_of(run, "completions")
    assert [str(path.relative_to(run)) for path in found] == [
        "round-2/completions.jsonl",
        "completions.jsonl",
    ]


def test_pairs_as_a_table_count_where_there_are_no_others(tmp_path: Path) -> None:
    run = put(tmp_path, "pairs.parquet")
    assert layout.pair_files(run) == [run / "pairs.parquet"]
    put(run, "pairs.jsonl")
    assert layout.pair_files(run) == [run / "pairs.jsonl"]


def test_a_directory_names_its_file_of_pairs_and_a_loop_is_told_to_name_a_round(tmp_path: Path) -> None:
    file = tmp_path / "mine.jsonl"
    assert layout.pairs_file(file) == file
    run = put(tmp_path / "run", "round-9/pairs.jsonl", "round-10/pairs.jsonl")
    assert layout.pairs_file(run / "round-9") == run / "round-9" / "pairs.jsonl"
    with pytest.raises(InputError, match=r"name one of its rounds, e\.g\. .*round-10"):
        layout.pairs_file(run)


def test_a_round_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    run = put(tmp_path, "round-1/pairs.jsonl", "round-2/evaluation.json")
    with pytest.raises(InputError, match="has no round 2; it has 1"):
        layout.newest_pairs(run, 2)


def test_a_rounds_folder_belongs_to_the_run_around_it(tmp_path: Path) -> None:
    run = put(tmp_path / "run", "claim.json", "round-3/pairs.jsonl", "models/dpo/train.json")
    assert layout.run_of(run) == run
    assert layout.run_of(run / "round-3") == run
    assert layout.run_of(run / "models") is None
