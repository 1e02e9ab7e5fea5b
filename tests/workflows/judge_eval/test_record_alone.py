"""A record is never its own gold: what it says of its models is printed, and nothing is measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main


def annotation(question: str, preference: Any, **more: Any) -> dict[str, Any]:
    return {
        "instruction": question,
        "output_1": f"{question} as the old one says",
        "generator_1": "old",
        "output_2": f"{question} as the new one answers",
        "generator_2": "new",
        "annotator": "gpt",
        "preference": preference,
        **more,
    }


ROWS = [annotation(f"question {n}", said) for n, said in enumerate([2, 1.2, 0, 1.5, None, -1, 1])]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(ROWS))
    return path


def test_a_record_without_gold_is_refused_and_its_win_rates_are_shown(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", "check", "--judge", f"replay:{record}", "--json"]) == 2
    out, err = capsys.readouterr()
    [row] = json.loads(out)["win_rates"]
    assert (row["annotator"], row["model"], row["baseline"]) == ("gpt", "new", "old")
    assert (row["wins"], row["draws"], row["losses"], row["failed"]) == (1, 2, 2, 2)
    assert row["win_rate"]["value"] == pytest.approx((1 + 0.2 + 0.5 + 0.5 + 0) / 5)
    assert row["length_controlled_win_rate"] is not None
    assert "cannot be measured on themselves" in err
    assert main(["judge", "check", "--judge", f"replay:{record}"]) == 2
    out, err = capsys.readouterr()
    assert "at equal length" in out
    assert "accuracy" not in out


def test_a_dry_run_of_a_record_without_gold_is_refused(record: Path) -> None:
    assert main(["judge", "check", "--judge", f"replay:{record}", "--dry-run"]) == 2


@pytest.mark.parametrize("gold", ["annotations.json", "copy.json"])
def test_the_record_is_no_gold_for_itself(
    record: Path, gold: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (record.parent / "copy.json").write_text(json.dumps(ROWS[:3]))
    assert main(["judge", "check", str(record.parent / gold), "--judge", f"replay:{record}"]) == 2
    assert "labels of the same annotator (gpt)" in capsys.readouterr().err


def test_gold_of_people_measures_the_record(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = [
        annotation(f"question {n}", said, annotator=who)
        for n, votes in enumerate([(2, 2, 1), (1, 1, 1), (2, 0, 2)])
        for who, said in enumerate(votes)
    ]
    (gold := tmp_path / "people.json").write_text(json.dumps(people))
    assert main(["judge", "check", str(gold), "--judge", f"replay:{record}", "--json", "--ignore-flags"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["count"], found["states"]) == (3, {"preference": 2, "tie": 1})
    assert found["figures"]["accuracy"]["value"] == pytest.approx(2 / 3)


def test_one_of_several_annotators_is_named(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [annotation("question 0", said, annotator=who) for who, said in (("a", 2), ("b", 1))]
    (two := tmp_path / "two.json").write_text(json.dumps(rows))
    command = ["judge", "check", str(record), "--judge"]
    assert main([*command, f"replay:{two}"]) == 2
    assert f"name one as replay:{two}#NAME, of: a, b" in capsys.readouterr().err
    assert main([*command, f"replay:{two}#c"]) == 2
    assert "one of: a, b" in capsys.readouterr().err
    assert main(["judge", "check", "--judge", f"replay:{two}#b", "--json"]) == 2
    [row] = json.loads(capsys.readouterr().out)["win_rates"]
    assert (row["annotator"], row["losses"]) == ("b", 1)


def test_a_name_behind_a_record_of_one_judge_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.exchange.benchmarks import cases

    path = tmp_path / "outputs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in cases.JUDGEBENCH))
    assert main(["judge", "check", "--judge", f"replay:{path}#gpt"]) == 2
    assert "records one judge" in capsys.readouterr().err


def test_pairs_that_the_judge_labelled_are_no_gold_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = ["generate", "--policy", "micro", "--judge", "micro", "--prompts", "micro:train", "--limit", "3"]
    assert main([*made, "--n", "3", "--no-critique", "--min-pair-share", "0", "--out", "run"]) == 0
    capsys.readouterr()
    check = ["judge", "check", "run/pairs.jsonl", "--ignore-flags", "--retest", "0", "--judge"]
    assert main([*check, "micro"]) == 2
    assert "run/pairs.jsonl: its labels are those of micro" in capsys.readouterr().err
    assert main([*check, "micro:weak"]) == 0
