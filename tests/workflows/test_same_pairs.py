"""A run that is judged again is judged on the same pairs, so that two judges can be compared on all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.exchange.judgments import read_judgments
from rlaif.runs.claim import read_run
from rlaif.workflows.audit.compare_runs import compare
from rlaif.workflows.configs import JudgeConfig
from rlaif.workflows.generate.run import generate, judge, pairing_name
from rlaif.workflows.models.defaults import choose_judge
from rlaif.workflows.same_pairs import claimed_pairing, compared_in, compares
from tests.workflows.conftest import GREETS, SILENT, Configured, Write, judge_rows

THIRD = "Good day. It is 5."


@pytest.fixture
def run(configured: Configured, script: Write, tmp_path: Path) -> Path:
    """Three texts a prompt, of which the judge likes one."""
    wide = script("wide", [{"contains": [], "texts": [GREETS, SILENT, THIRD]}])
    generate(configured(policy=(wide,), n=3))
    return tmp_path / "run"


@pytest.fixture
def other(script: Write) -> str:
    """A judge that likes another text, so that its own best and worst are others."""
    return script("other", judge_rows("Good day"))


def again(run: Path, judge_name: str, out: str, pairing: str | None = None) -> JudgeConfig:
    told = {} if pairing is None else {"pairing": pairing}
    config = JudgeConfig(
        source=run, judge=judge_name, out=run.parent / out, critique=False, min_pair_share=0, **told
    )  # type: ignore[arg-type]
    return choose_judge(config)


def test_another_judge_judges_the_same_pairs_unless_told_otherwise(run: Path, other: str) -> None:
    judge(again(run, other, "same"))
    assert compared_in(run.parent / "same") == compared_in(run)
    assert read_run(run.parent / "same")["config"]["pairing"] == "same"
    found = compare(run, run.parent / "same")
    assert (found.judged, found.judged_by_both, found.note) == ((8, 8), 8, None)
    # the other judge likes neither side of some
    assert found.common == 8 - found.without_preference[1]
    judge(again(run, other, "own", "best-worst"))
    assert compared_in(run.parent / "own") != compared_in(run)
    found = compare(run, run.parent / "own")
    assert found.note is not None
    assert f"only {found.judged_by_both} of 8 pairs of answers" in found.note
    assert "--pairing same" in found.note
    assert found.as_dict()["note"] == found.note


def test_a_run_that_was_begun_with_another_pairing_goes_on_with_it(run: Path, other: str) -> None:
    first = judge(again(run, other, "own", "best-worst"))
    assert claimed_pairing(run.parent / "own") == "best-worst"
    repeated = judge(again(run, other, "own"))
    assert repeated.calls["new"] == 0
    assert repeated.pairs == first.pairs


def test_pairs_without_comparisons_are_compared_again_too(
    tmp_path: Path, judge: str, constitution: Path
) -> None:
    rows = [
        {"prompt": "Five?", "chosen": chosen, "rejected": rejected}
        for chosen, rejected in ((GREETS, SILENT), (THIRD, "No."))
    ]
    (path := tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["import", str(path), "--out", str(tmp_path / "people")]) == 0
    told = ["--judge", judge, "--constitution", str(constitution), "--no-critique", "--min-pair-share", "0"]
    assert main(["judge", str(tmp_path / "people"), *told, "--out", str(tmp_path / "judged")]) == 0
    asked = {frozenset(each.completion_ids) for each in read_judgments(tmp_path / "judged/comparisons.jsonl")}
    # of the second the judge likes both sides as little: equal scores are compared all the same
    assert asked == compared_in(tmp_path / "people")
    assert len(asked) == 2


def test_a_file_of_completions_has_no_pairs_to_be_the_same(run: Path, other: str) -> None:
    told = JudgeConfig(
        source=run / "completions.jsonl",
        judge=other,
        constitution="micro-default",
        out=run.parent / "file",
        pairing="same",
    )
    with pytest.raises(InputError, match=r"--pairing same: .* records no comparisons and no pairs"):
        judge(choose_judge(told))
    assert pairing_name(replace(told, pairing=None)) == "best-worst"
    assert not compares(run / "completions.jsonl")
    assert not (run.parent / "file").exists()


def test_a_dry_run_counts_the_same_comparisons(
    run: Path, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--judge", other, "--no-critique", "--min-pair-share", "0", "--out", str(run.parent / "same")]
    assert main(["judge", str(run), *told, "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert main(["judge", str(run), *told, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    [model] = planned["models"].values()
    assert model["calls"] == done["calls"]["new"]
