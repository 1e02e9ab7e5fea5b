"""The lab from the command: what it refuses, and a small grid from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from rlaif.cli.commands import cli
from rlaif.workflows.lab.config import LabConfig
from rlaif.workflows.lab.result import summed
from rlaif.workflows.lab.tables import best_of_n_kl, fits, markdown

SMALL = (
    "--methods best-of-n,grpo --sizes 1,4 --labels 8 --seeds 1 --best-of 16 --measured 3 --draws 1 --steps 2 --every 1 "
    "--batch-size 2 --n 2 --passes 1 --rubric-judge none"
)


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(cli, ["lab", "overoptimize", *words])
    return found.exit_code, found.output + str(found.exception or "")


def test_a_lab_without_gold_is_refused_with_the_remedy(tmp_path: Path) -> None:
    prompts = tmp_path / "mine.jsonl"
    prompts.write_text("".join(json.dumps({"prompt": f"What is {n}?"}) + "\n" for n in range(20)))
    code, said = run("--held-out", str(prompts), "--out", str(tmp_path / "lab"))
    assert code != 0
    assert "no row names a gold" in said
    assert "--gold JUDGE" in said
    assert not (tmp_path / "lab").exists()


def test_gold_that_is_also_a_reward_is_refused(tmp_path: Path) -> None:
    code, said = run("--gold", "micro:weak", "--out", str(tmp_path / "lab"))
    assert code != 0
    assert "gold must not be what is trained on" in said


def test_a_dry_run_names_the_cells_and_how_long_they_take(tmp_path: Path) -> None:
    code, said = run("--dry-run", "--out", str(tmp_path / "lab"))
    assert code == 0
    assert "grpo_4_512_seed2" in said
    assert "forecast: 75 cells" in said
    assert not (tmp_path / "lab").exists()


def record(method: str, seed: int, gold: list[float], **more: object) -> dict[str, object]:
    points = [
        {"distance": float(place), "gold": [value, value], "proxy": float(place)}
        for place, value in enumerate(gold)
    ]
    cell = {"method": method, "size": "2", "labels": 64, "variant": "", "seed": seed}
    return {"cell": cell, "accuracy": 0.7, "points": points, **more}


def test_seeds_of_a_cell_are_one_row_with_one_fit() -> None:
    measured = {"by": "gold", "n": 2, "formula": 0.193, "measured": [0.18, 0.17, 0.19]}
    records = [
        record("best-of-n", seed, [0.5, 0.6, 0.65, 0.6, 0.5], best_of_n_kl=[measured]) for seed in (0, 1)
    ]
    found = summed(records, "gold", seed=0)
    [row] = fits(found)
    assert row[:6] == ["best-of-n, size 2, 64 labels", "0.700", "0.500", "0.650", "0.500", "4.00"]
    assert found["groups"][0]["fit"]["peak_distance"][0] == pytest.approx(2.0, abs=0.3)
    [kl] = best_of_n_kl(found)
    assert kl == ["gold, with ties", "2", "0.193", "0.180", "0.170 to 0.190", "0 of 2"]
    assert "best-of-n, size 2, 64 labels" in markdown(found, "rlaif lab overoptimize")


def test_the_usual_rubric_judge_is_another_than_the_usual_policy() -> None:
    usual = LabConfig(out=Path("lab"))
    assert usual.rubric_judge != usual.policy


@pytest.mark.heavy
def test_a_small_lab_draws_curves_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(*SMALL.split(), "--out", "lab")
    assert code == 0, said
    lab = tmp_path / "lab"
    found = json.loads((lab / "lab.json").read_text())
    assert {each["group"] for each in found["groups"]} == {
        *(f"{method}, size {size}, 8 labels" for method in ("best-of-n", "grpo") for size in ("1", "4")),
        *(f"{method}, size 4, 8 labels, judge noise" for method in ("best-of-n", "grpo")),
    }
    assert (lab / "curves.svg").read_text().startswith("<?xml")
    page = (lab / "report.html").read_text()
    assert page.count("<figure>") >= 2
    assert all(each["group"] in page for each in found["groups"])
    kept = {path.name: path.read_bytes() for path in (lab / "cells").iterdir()}
    (lab / "cells" / "grpo_1_8_seed0.json").unlink()
    code, said = run(*SMALL.split(), "--out", "lab")
    assert code == 0, said
    again = json.loads((lab / "cells" / "grpo_1_8_seed0.json").read_text())
    first = json.loads(kept.pop("grpo_1_8_seed0.json"))
    assert {**again, "seconds": 0} == {**first, "seconds": 0}
    assert all((lab / "cells" / name).read_bytes() == data for name, data in kept.items())
