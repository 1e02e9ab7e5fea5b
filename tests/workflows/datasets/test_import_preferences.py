"""Imported preferences are a run like any other: judged, trained on, exported; and they say that they are imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.exchange.completions import read_completions
from rlaif.exchange.format import written_formats
from rlaif.exchange.pairs import read_pairs
from rlaif.runs.claim import read_run
from tests.workflows.conftest import GREETS, SILENT, asked


@pytest.fixture
def thumbs(tmp_path: Path) -> Path:
    rows = [
        {"prompt": asked(n), "completion": text, "label": text == GREETS}
        for n in range(6)
        for text in (GREETS, SILENT)
    ]
    rows.append({"prompt": "Alone?", "completion": "Yes.", "label": True})
    path = tmp_path / "thumbs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def imported(thumbs: Path, tmp_path: Path) -> Path:
    assert main(["import", str(thumbs), "--out", str(tmp_path / "people")]) == 0
    return tmp_path / "people"


def test_the_run_says_where_it_comes_from(imported: Path) -> None:
    facts = read_run(imported)
    assert (facts["command"], facts["status"], facts["config"]["format"]) == ("import", "done", "kto")
    left = "left out: no answer to this prompt has the other thumb"
    assert facts["summary"]["funnel"] == {"rows": 13, left: 1, "kept": 6}
    pairs = read_pairs(imported / "pairs.jsonl")
    assert [each.chosen[0].content for each in pairs] == [GREETS] * 6
    source = pairs[1].provenance["imported"]
    assert source == {"format": "kto", "file": "thumbs.jsonl", "where": "4"}
    assert "thumbs.jsonl" in (imported / "report.html").read_text()


def test_the_same_import_again_is_the_same_run_and_another_is_refused(
    imported: Path, thumbs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (imported / "pairs.jsonl").read_bytes()
    assert main(["import", str(thumbs), "--out", str(imported)]) == 0
    assert (imported / "pairs.jsonl").read_bytes() == before
    assert main(["import", str(thumbs), "--out", str(imported), "--limit", "2"]) == 2
    assert "belongs to another configuration" in capsys.readouterr().err


def test_a_judge_can_be_asked_about_it(
    imported: Path, judge: str, constitution: Path, tmp_path: Path
) -> None:
    words = ["judge", str(imported), "--judge", judge, "--constitution", str(constitution)]
    assert main([*words, "--out", str(tmp_path / "judged")]) == 0
    people, judged = (
        {each.id: each.chosen for each in read_pairs(run / "pairs.jsonl")}
        for run in (imported, tmp_path / "judged")
    )
    assert judged == people


def test_it_trains_a_model_that_is_named(
    imported: Path, mini: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", str(imported), "--steps", "1", "--out", str(tmp_path / "model")]
    assert main(words) == 2
    assert "--policy is missing" in capsys.readouterr().err
    assert main([*words, "--policy", str(mini), "--method", "reward"]) == 0
    assert json.loads((tmp_path / "model" / "train.json").read_text())["counts"]["pairs"]["trained"] == 6


def test_it_is_exported_and_imported_again_unchanged(imported: Path, tmp_path: Path) -> None:
    assert main(["export", str(imported), "--out", str(tmp_path / "data")]) == 0
    assert "imported from | thumbs.jsonl (kto): 6 pairs" in (tmp_path / "data" / "README.md").read_text()
    assert main(["import", str(tmp_path / "data" / "train.jsonl"), "--out", str(tmp_path / "again")]) == 0
    one, other = (
        [(each.id, each.chosen, each.label_prob) for each in read_pairs(run / "pairs.jsonl")]
        for run in (imported, tmp_path / "again")
    )
    assert one == other


@pytest.mark.parametrize(
    "content", ["", "{", '{"text": 1}\n', '{"prompt": "a", "chosen": "b", "rejected": "b"}\n']
)
def test_bad_input_is_exit_2_and_nothing_is_written(
    tmp_path: Path, content: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "x.jsonl").write_text(content)
    status = main(["import", str(file), "--out", str(tmp_path / "run")])
    # two equal sides are a pair of a person's file: the data gate is where they are left out
    assert status == (0 if '"b"' in content else 2)
    assert (tmp_path / "run").exists() is (status == 0)
    assert "Traceback" not in capsys.readouterr().err


def test_json_is_one_object(thumbs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(thumbs), "--out", str(tmp_path / "r"), "--json", "--limit", "3"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pairs"], found["funnel"]["rows"]) == (1, 3)


def test_status_audit_report_and_pack_know_it(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(imported), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pairs"] == 6
    assert main(["audit", str(imported), "--json"]) == 0
    json.loads(capsys.readouterr().out)
    assert main(["report", str(imported)]) == 0
    assert main(["pack", str(imported)]) == 0


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("format_", written_formats())
def test_import_reads_every_directory_that_export_writes(
    imported: Path, tmp_path: Path, format_: str, named: bool
) -> None:
    data = tmp_path / "data"
    assert main(["export", str(imported), "--out", str(data), "--format", format_]) == 0
    told = ["--format", format_] if named else []
    for number, place in enumerate((str(data), f"{data}#train")):
        back = tmp_path / f"back{number}"
        assert main(["import", place, *told, "--out", str(back)]) == 0
        sides = [
            {(each.prompt, each.chosen, each.rejected) for each in read_pairs(run / "pairs.jsonl")}
            for run in (imported, back)
        ]
        assert sides[0] == sides[1]


def test_a_directory_of_several_splits_names_them(
    imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    export = ["export", str(imported), "--out", str(data), "--format", "annotated-pairs", "--split", "0.5"]
    assert main(export) == 0
    assert main(["import", str(data), "--out", str(tmp_path / "back")]) == 2
    assert f"has the splits train, test; name one as {data}#train" in capsys.readouterr().err


def test_sides_are_completions_with_all_their_turns(tmp_path: Path) -> None:
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 2, "b": 2}}}
    side = [
        {"role": "assistant", "content": "I add.", "thought": "2, 2", "tool_calls": [call]},
        {"role": "tool", "content": "4", "name": "add"},
        {"role": "assistant", "content": "4", "thought": "so", "name": "Ada"},
    ]
    row = {"prompt": "2 + 2?", "chosen": side, "rejected": "5", "tools": [{"name": "add", "parameters": {}}]}
    (tmp_path / "theirs.jsonl").write_text(json.dumps(row))
    assert main(["import", str(tmp_path / "theirs.jsonl"), "--out", str(tmp_path / "people")]) == 0
    [pair] = read_pairs(tmp_path / "people" / "pairs.jsonl")
    drawn = read_completions(tmp_path / "people" / "completions.jsonl")
    assert [said.turns for _, said in drawn] == [pair.chosen, pair.rejected]
    assert tuple(said.id for _, said in drawn) == pair.completion_ids
    assert [len(said.turns) for _, said in drawn] == [3, 1]
