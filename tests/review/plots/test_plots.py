"""Pictures of runs: each kind of its own data, whole or not at all, in one style."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.auditing.calibration import Bin
from rlaif.errors import InputError
from rlaif.review.plots import PLOTS, draw_plot, plots_of
from rlaif.review.plots.plot import PlotSource
from tests.review.test_check_report import told


def picture(run: Path, kind: str, out: str = "picture.svg", **more: Any) -> str:
    draw_plot(PlotSource(run=run, **more), kind, run / out)
    return (run / out).read_text(errors="replace")


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    curve = {"distance": [0.0, 1.0, 2.0], "gold": [0.5, 0.6, 0.55], "proxy": [0.0, 1.0, 2.0]}
    group = {
        "group": "grpo, size 1, 64 labels",
        "method": "grpo",
        "size": "1",
        "variant": "",
        "gold_first": 0.5,
        "fit": {"form": "rl", "alpha": [0.1, 0.1, 0.1], "beta": [0.05, 0.05, 0.05]},
        "curves": [curve, curve],
    }
    other = {**group, "group": "dpo, size 1, 64 labels", "method": "dpo", "fit": None}
    kl = [
        {"by": by, "n": n, "formula": 0.2 * n, "measured": [0.18 * n, 0.17 * n, 0.19 * n]}
        for by in ("proxy", "gold")
        for n in (2, 4)
    ]
    found = {
        "gold_by": "gold",
        "groups": [group, {**group, "group": "grpo, size 1, 256 labels"}, other],
        "best_of_n_kl": kl,
    }
    (tmp_path / "lab.json").write_text(json.dumps(found))
    return tmp_path


@pytest.mark.parametrize("kind", ["over-optimisation", "best-of-n-kl"])
@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_what_the_lab_found_is_drawn(lab: Path, kind: str, ending: str) -> None:
    out = lab / f"picture.{ending}"
    draw_plot(PlotSource(run=lab), kind, out)
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert out.read_bytes().startswith(begins[ending])


def test_the_same_data_give_the_same_bytes(lab: Path) -> None:
    for name in ("one.svg", "two.svg"):
        picture(lab, "over-optimisation", name)
    assert (lab / "one.svg").read_bytes() == (lab / "two.svg").read_bytes()


def test_the_words_of_a_picture_are_text_in_its_svg(lab: Path) -> None:
    text = picture(lab, "over-optimisation")
    assert "grpo, size 1, 256 labels" in text
    assert "the middle cell" in text


def test_the_looks_of_an_alarm_are_drawn_with_the_step_at_which_it_rang(tmp_path: Path) -> None:
    checks = [{"step": step, "kl": step / 2, "scores": {"a": 0.5}} for step in (0, 5, 10)]
    (tmp_path / "alarm.json").write_text(json.dumps({"rang": 10, "best": 5, "checks": checks}))
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "reward": 0.1}\n{"step": 2, "reward": 0.2}\n')
    assert "it rang after step 10; best at 5" in picture(tmp_path, "alarm")


def test_rounds_are_drawn_where_they_have_a_kl(tmp_path: Path) -> None:
    rows = [{"round": n, "gold_mean": 0.5 + n / 10, "judge_mean": None, "kl": float(n)} for n in range(3)]
    (tmp_path / "rounds.json").write_text(json.dumps(rows))
    assert "sqrt(KL) to the first policy, nats" in picture(tmp_path, "gold-kl")
    (tmp_path / "rounds.json").write_text(json.dumps([{"round": 0, "gold_mean": 0.5}]))
    with pytest.raises(InputError, match="no round has a KL"):
        picture(tmp_path, "gold-kl")


@pytest.mark.parametrize("kind", sorted(PLOTS.names()))
def test_a_directory_without_the_data_is_refused_with_what_makes_them(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=r"`rlaif \w+"):
        picture(tmp_path, kind)
    assert not (tmp_path / "picture.svg").exists()


def test_what_a_run_can_be_drawn_as_is_said_where_it_lacks_a_kind(lab: Path) -> None:
    with pytest.raises(
        InputError, match=r"has no rounds\.json; .*; what can be drawn of .*: .*over-optimisation"
    ):
        picture(lab, "rounds")


def test_an_ending_or_a_kind_that_there_is_not_is_refused(lab: Path) -> None:
    with pytest.raises(InputError, match=r"a plot is \.svg, \.png or \.pdf"):
        picture(lab, "over-optimisation", "picture.gif")
    with pytest.raises(InputError, match="no plot; known: alarm"):
        picture(lab, "pie")


@pytest.fixture
def loop(tmp_path: Path) -> Path:
    """A run of three rounds with a training of two steps and completions of one model."""
    rows = [
        {
            "round": number,
            "gold_mean": 0.5 + number / 10,
            "judge_mean": 0.4 + number / 10,
            "gold_by_principle": {"brief": 0.2 + number / 5, "kind & true <b>": 0.7},
            "kl": float(number),
            "length_mean": 30.0 + number,
            "pairs": 20 * number,
            "against": {"initial": {"win_rate": 0.5 + number / 20}},
        }
        for number in range(3)
    ]
    (tmp_path / "rounds.json").write_text(json.dumps(rows))
    metrics = [{"step": step, "loss": 1.0 / step, "kl": step / 10, "nan": None} for step in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(each) + "\n" for each in metrics))
    return tmp_path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            "rounds",
            ["win rate against the first policy", "nats per completion", "words of an answer", ">round<"],
        ),
        ("training", ["KL from the reference", ">nats<", ">step<"]),
        ("length", ["words of an answer, by round", ">words<"]),
        ("principles", ["share of answers that meet it", ">before<", ">after<", "kind &amp; true &lt;b&gt;"]),
    ],
)
def test_rounds_and_trainings_are_drawn_with_named_axes_and_units(
    loop: Path, kind: str, words: list[str]
) -> None:
    text = picture(loop, kind)
    assert [each for each in words if each not in text] == []


def test_calibration_is_drawn_of_a_check_and_of_pairs_whose_truth_is_known(tmp_path: Path) -> None:
    (tmp_path / "check.json").write_text(json.dumps(told()))
    assert "calibration: error 0.040" in picture(tmp_path, "calibration")
    (tmp_path / "check.json").write_text(json.dumps(told(calibration={})))
    with pytest.raises(InputError, match="gives no probability on llmbar"):
        picture(tmp_path, "calibration")
    (tmp_path / "check.json").unlink()
    assert "share that is right" in picture(tmp_path, "calibration", bins=lambda: [Bin(3, 0.7, 0.9)])


def test_position_bias_of_a_check_stands_beside_one_half_with_its_interval(tmp_path: Path) -> None:
    first = {"value": 0.6, "low": 0.55, "high": 0.65}
    (tmp_path / "check.json").write_text(json.dumps(told(figures={"first_slot": first, "consistent": None})))
    text = picture(tmp_path, "position-bias")
    assert "no position bias" in text
    assert "value and 95 % interval" in text


def test_a_run_is_told_the_kinds_that_it_has_and_no_other(loop: Path, lab: Path) -> None:
    assert [each.name for each in plots_of(PlotSource(run=loop))] == [
        *("best-of-n-kl", "gold-kl", "length", "over-optimisation", "principles", "rounds", "training")
    ]
    (lab / "lab.json").unlink()
    assert "over-optimisation" not in [each.name for each in plots_of(PlotSource(run=loop))]
    with pytest.raises(InputError, match="is no directory"):
        plots_of(PlotSource(run=loop / "nothing"))


def test_the_gain_of_each_recipe_stands_beside_none_with_its_interval(tmp_path: Path) -> None:
    gain = {"value": 0.2, "low": 0.1, "high": 0.3}
    rows = [{"recipe": "rlcd", "gain": gain}, {"recipe": "failed", "gain": None}]
    column = {"column": "noisy", "judge": "noisy:0.2:micro", "rows": rows}
    (tmp_path / "table.json").write_text(json.dumps({"columns": [column]}))
    text = picture(tmp_path, "gain")
    assert [each for each in ("noisy: noisy:0.2:micro", "rlcd", "no gain") if each not in text] == []
    assert "failed" not in text
    (tmp_path / "table.json").write_text(json.dumps({"columns": []}))
    with pytest.raises(InputError, match="no cell has a figure yet"):
        picture(tmp_path, "gain")
    (tmp_path / "table.json").unlink()
    with pytest.raises(InputError, match="make it by `rlaif lab table"):
        picture(tmp_path, "gain")
