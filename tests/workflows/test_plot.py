"""`rlaif plot`: without a kind the kinds of a run, with one a file; what is missing is one sentence with the remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main


def loop(folder: Path) -> Path:
    rows = [{"round": number, "gold_mean": 0.5 + number / 10, "length_mean": 30.0} for number in range(2)]
    (folder / "rounds.json").write_text(json.dumps(rows))
    return folder


def test_without_a_kind_those_that_the_run_has_are_listed_with_the_next_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", str(loop(tmp_path))]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[2:]] == ["length", "rounds", "next:"]
    assert f"rlaif plot {tmp_path} length --out length.svg" in shown


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["rounds"], "--out is missing"),
        (["--out", "x.svg"], "which picture? name a KIND"),
        (["rounds", "--out", "x.gif"], "a plot is .svg, .png or .pdf"),
        (["training", "--out", "x.svg"], "has no training; `rlaif train"),
        (["calibration", "--out", "x.svg"], "no truth is known of its pairs; decide some by `rlaif review"),
        (["position-bias", "--out", "x.svg"], "no comparison was judged in both orders"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert main(["plot", str(loop(tmp_path)), *words]) == 2
    told = capsys.readouterr().err
    assert why in told
    assert len(told.strip().splitlines()) == 1


def test_a_directory_with_nothing_to_draw_says_where_the_kinds_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", str(tmp_path)]) == 2
    assert "has nothing to draw" in capsys.readouterr().err
