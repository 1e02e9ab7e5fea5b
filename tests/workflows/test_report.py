"""`rlaif report` of every kind of directory: a run, an evaluation, a judge check, a lab."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.runs.claim import claim
from tests.review.test_check_report import told
from tests.review.test_lab_report import group

HOSTILE = "<script>window.owned = 1</script>"


def finished(folder: Path, command: str, summary: dict[str, Any], **files: Any) -> Path:
    with claim(folder, {}, command=command) as run:
        for name, value in files.items():
            (folder / f"{name}.json").write_text(json.dumps(value))
        run.finish(summary)
    return folder


def checked(folder: Path) -> Path:
    """A judge check of a judge with a hostile name."""
    first = {"value": 0.5, "low": 0.4, "high": 0.6}
    found = told(judge=HOSTILE, notes=[HOSTILE], figures={"accuracy": first, "first_slot": first})
    return finished(folder, "judge check", {}, check=found)


def lab(folder: Path) -> Path:
    """A lab of two methods, one of them with a hostile name."""
    fit = {name: [0.1, 0.0, 0.2] for name in ("alpha", "beta")} | {"peak_distance": None, "r2": 0.5}
    groups = [
        {**group(name), "accuracy": 0.7, "fit": fit} for name in ("grpo, size 1", f"best-of-n, {HOSTILE}")
    ]
    found = {"gold_by": f"gold {HOSTILE}", "groups": groups, "best_of_n_kl": []}
    return finished(folder, "lab overoptimize", {"gold_by": "gold"}, lab=found)


def evaluated(folder: Path) -> Path:
    """An evaluation with gold of two models, one of them with a hostile name."""
    golds = {
        name: {"mean": mean, "low": 0.1, "high": 0.9, "by_principle": {HOSTILE: mean, "brief": 0.4}}
        for name, mean in (("after", 0.7), (HOSTILE, 0.5))
    }
    rate = {"against": HOSTILE, "win_rate": 0.6, "low": 0.5, "high": 0.7, "wins": 6, "losses": 4, "even": 0}
    summary = {"policy": "after", "judge": "micro", "prompts": 10, "win_rates": [rate], "gold": golds}
    return finished(folder, "evaluate", summary)


KINDS = {
    "judge check": (checked, "Can it be trusted?"),
    "lab": (lab, "Does more of the proxy cost gold?"),
    "evaluation": (evaluated, "Principles, by gold, against"),
}
"""How a directory of each kind is made, and what its page says."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_each_kind_begins_with_its_answer_and_holds_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    make, says = KINDS[kind]
    assert main(["report", str(make(tmp_path / "run"))]) == 0
    assert str(tmp_path / "run" / "report.html") in capsys.readouterr().out
    page = (tmp_path / "run" / "report.html").read_text()
    assert says in page
    assert "<svg" in page
    assert HOSTILE not in page


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("words", "body"), [((), "short"), (("--full",), "full")])
def test_a_page_prints_its_first_pages_and_with_full_all_of_it(
    tmp_path: Path, kind: str, words: tuple[str, ...], body: str
) -> None:
    make, _ = KINDS[kind]
    assert main(["report", str(make(tmp_path / "run")), *words, "--out", str(tmp_path / "page.html")]) == 0
    assert f'<body class="{body}">' in (tmp_path / "page.html").read_text()


def test_a_damaged_check_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checked(tmp_path / "run")
    (folder / "check.json").write_text('{"judge": 7}')
    assert main(["report", str(folder)]) != 0
    assert "check.json" in capsys.readouterr().err
