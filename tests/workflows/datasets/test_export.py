"""Exports: what is kept, where it goes, what the card says; whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rlaif.cli.main import main
from rlaif.exchange.pairs import read_pairs, write_pairs
from rlaif.records import Message, Pair
from rlaif.review.index import sides
from rlaif.store import Store, find_store
from rlaif.store.decisions import ReviewDecision, put_decision
from rlaif.workflows.datasets.export import export
from rlaif.workflows.datasets.export_files import ExportConfig
from rlaif.workflows.generate.run import generate
from tests.workflows.conftest import Configured


def pair(asked: str, chosen: str = "So.", **more: Any) -> Pair:
    return Pair(
        prompt=(Message(role="user", content=asked),),
        chosen=(Message(role="assistant", content=chosen),),
        rejected=(Message(role="assistant", content="No."),),
        **{"label_prob": 0.9, **more},
    )


@pytest.fixture
def run(configured: Configured) -> Path:
    return generate(configured(critique=False)).run


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_run_is_exported_with_its_card(run: Path, tmp_path: Path) -> None:
    words = ["export", str(run), "--out", str(tmp_path / "data"), "--split", "0.75", "--license", "cc-by-4.0"]
    assert main(words) == 0
    rows = {name: read(tmp_path / "data" / f"{name}.jsonl") for name in ("train", "test")}
    pairs = read(run / "pairs.jsonl")
    assert len(rows["train"]) + len(rows["test"]) == len(pairs)
    assert len({str(row["prompt"]) for row in rows["train"]}) == 6  # of 8 prompts
    assert sorted(row["id"] for side in rows.values() for row in side) == sorted(each["id"] for each in pairs)
    card = (tmp_path / "data" / "README.md").read_text()
    facts = json.loads((run / "run.json").read_text())
    for said in (
        "license: cc-by-4.0",
        facts["config"]["constitution"]["digest"],
        '"name": "tiny"',
        "| prompts | 8 |",
    ):
        assert said in card
    data = (tmp_path / "data" / "train.jsonl").read_bytes()
    assert hashlib.sha256(data).hexdigest() in card


def test_tags_come_from_the_prompts(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(run), "--out", str(tmp_path / "data"), "--where"]
    assert main([*words, "tag == harmful"]) == 2
    assert "none of 8 pairs is left" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
    assert main([*words, "tag == sum and label_prob > .5 and p.greet > .5"]) == 0
    assert len(read(tmp_path / "data" / "train.jsonl")) == 8
    assert (
        main(["export", str(run / "pairs.jsonl"), "--out", str(tmp_path / "x"), "--where", "tag == sum"]) == 2
    )
    assert "no tags are known" in capsys.readouterr().err


def test_the_rounds_of_a_loop_are_exported_together(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    for number in (1, 2, 10):
        (loop / f"round-{number}").mkdir(parents=True)
        write_pairs(loop / f"round-{number}" / "pairs.jsonl", [pair(f"Q{number}", round=number)])
        (loop / f"round-{number}" / "funnel.json").write_text(json.dumps({"prompts": 4, "kept": 1}))
    facts = {"kind": "rlaif run", "command": "run", "config": {}, "status": "done"}
    (loop / "run.json").write_text(json.dumps(facts))
    made = export(ExportConfig(source=loop, out=tmp_path / "data", where="round >= 2"))
    assert [row["prompt"][0]["content"] for row in read(tmp_path / "data" / "train.jsonl")] == ["Q2", "Q10"]
    assert made.funnel == {"prompts": 12, "pairs": 3, "left out by --where": 1, "rows of train": 2}


def test_the_same_command_again_finds_its_work_and_another_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(run), "--out", str(tmp_path / "data"), "--json"]
    assert main(words) == 0
    first = json.loads(capsys.readouterr().out)
    written = (tmp_path / "data" / "train.jsonl").stat().st_mtime_ns
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert (tmp_path / "data" / "train.jsonl").stat().st_mtime_ns == written
    assert main([*words, "--format", "kto"]) == 2
    assert "choose another --out" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    assert main(["export", str(run), "--out", str(tmp_path / "mine")]) == 2
    (tmp_path / "mine" / "export.json").write_text("[")
    assert main(["export", str(run), "--out", str(tmp_path / "mine" / "export.json")]) == 2
    assert main(["export", str(run), "--out", str(tmp_path / "mine")]) == 2


def test_what_a_format_cannot_do_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(file := tmp_path / "pairs.jsonl", [pair("Q1")])
    words = ["export", str(file), "--out", str(tmp_path / "data")]
    for more, said in (
        (["--margin", "score-gap"], "has no score_gap"),
        (["--margin", "log-odds", "--format", "kto"], "no trainer of kto reads a margin"),
        (["--split", "0.5"], "one side would get none"),
        (["--where", "nothing"], "no field is called"),
        (["--where", ""], "it ends at column 1"),
    ):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.jsonl"]


def test_what_reviewers_decided_is_honoured_on_request(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = read_pairs(run / "pairs.jsonl")
    words = ["export", str(run), "--reviewed", "turn", "--json", "--out"]
    assert main([*words, str(tmp_path / "early")]) == 2
    assert "nobody has decided a pair" in capsys.readouterr().err
    other = next(name for name, turns in sides(pairs[1]) if turns == pairs[1].rejected)
    with Store.open(find_store(run)) as store:
        put_decision(store, ReviewDecision(pair=pairs[0].id, reviewer="ann", flag=True))
        put_decision(store, ReviewDecision(pair=pairs[1].id, reviewer="ann", prefers=other))
    assert main([*words, str(tmp_path / "turned")]) == 0
    funnel = json.loads(capsys.readouterr().out)["funnel"]
    assert funnel["left out by reviewers: flagged"] == 1
    assert funnel["turned round by reviewers: against the label"] == 1
    assert funnel["left out by --where"] == 0
    rows = {row["id"]: row for row in read(tmp_path / "turned" / "train.jsonl")}
    assert pairs[0].id not in rows
    assert rows[pairs[1].id]["chosen"][0]["content"] == pairs[1].rejected[-1].content
    assert len(rows) == len(pairs) - 1
    assert main(["export", str(run), "--out", str(tmp_path / "dropped"), "--reviewed", "drop"]) == 0
    assert len(read(tmp_path / "dropped" / "train.jsonl")) == len(pairs) - 2
    assert main(["export", str(run), "--out", str(tmp_path / "all")]) == 0
    assert len(read(tmp_path / "all" / "train.jsonl")) == len(pairs)


def test_a_datasets_directory_opens_whole(tmp_path: Path) -> None:
    from datasets import load_from_disk

    write_pairs(file := tmp_path / "pairs.jsonl", [pair(f"Q{n}") for n in range(4)])
    export(ExportConfig(source=file, out=tmp_path / "data", format="datasets", split=0.5))
    loaded = load_from_disk(str(tmp_path / "data"))
    assert {name: len(each) for name, each in loaded.items()} == {"train": 2, "test": 2}


asked = st.sampled_from(["How?", "how?", " HOW? ", "Why?", "When?", "Who is it?", "who  is it?"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prompts=st.lists(asked, min_size=4, max_size=12),
    share=st.sampled_from([0.3, 0.5, 0.7]),
    seed=st.integers(0, 3),
)
def test_a_prompt_is_never_on_both_sides(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str], share: float, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    pairs = [pair(text, chosen=f"Answer {n}.") for n, text in enumerate(prompts)]
    write_pairs(folder / "pairs.jsonl", pairs)

    def name(text: str) -> str:
        return " ".join(text.lower().split())

    different = len({name(text) for text in prompts})
    if not 0 < int(share * different + 0.5) < different:
        return
    config = ExportConfig(source=folder / "pairs.jsonl", out=folder / "data", split=share, seed=seed)
    export(config)
    sides = [read(folder / "data" / f"{split}.jsonl") for split in ("train", "test")]
    names = [{name(row["prompt"][0]["content"]) for row in side} for side in sides]
    assert not names[0] & names[1]
    assert len(names[0]) == int(share * different + 0.5)
    assert sum(map(len, sides)) == len(prompts)


def test_an_export_without_a_row_says_why_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    write_pairs(tmp_path / "p.jsonl", [pair(asked, tools=(tool,)) for asked in ("a", "b")])
    words = ["export", str(tmp_path / "p.jsonl"), "--out", str(tmp_path / "data"), "--format", "axolotl"]
    assert main(words) == 2
    said = "no row of 'train' is left; 2 left out: the format has no place for schemas of tools (export as "
    assert said in " ".join(capsys.readouterr().err.split())
