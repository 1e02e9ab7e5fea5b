"""Pictures of runs: each kind of its own data, whole or not at all, in one style."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.review.plots import PLOTS, draw_plot
from rlaif.review.plots.style import COLOURS, DASHES, MARKS, line_style


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
    draw_plot(lab, kind, out)
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert out.read_bytes().startswith(begins[ending])


def test_the_same_data_give_the_same_bytes(lab: Path) -> None:
    for name in ("one.svg", "two.svg"):
        draw_plot(lab, "over-optimisation", lab / name)
    assert (lab / "one.svg").read_bytes() == (lab / "two.svg").read_bytes()


def test_the_words_of_a_picture_are_text_in_its_svg(lab: Path) -> None:
    draw_plot(lab, "over-optimisation", lab / "one.svg")
    text = (lab / "one.svg").read_text()
    assert "grpo, size 1, 256 labels" in text
    assert "the middle cell" in text


def test_the_looks_of_an_alarm_are_drawn_with_the_step_at_which_it_rang(tmp_path: Path) -> None:
    checks = [{"step": step, "kl": step / 2, "scores": {"a": 0.5}} for step in (0, 5, 10)]
    (tmp_path / "alarm.json").write_text(json.dumps({"rang": 10, "best": 5, "checks": checks}))
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "reward": 0.1}\n{"step": 2, "reward": 0.2}\n')
    draw_plot(tmp_path, "alarm", tmp_path / "alarm.svg")
    assert "it rang after step 10; best at 5" in (tmp_path / "alarm.svg").read_text()


def test_rounds_are_drawn_where_they_have_a_kl(tmp_path: Path) -> None:
    rows = [{"round": n, "gold_mean": 0.5 + n / 10, "judge_mean": None, "kl": float(n)} for n in range(3)]
    (tmp_path / "rounds.json").write_text(json.dumps(rows))
    draw_plot(tmp_path, "gold-kl", tmp_path / "rounds.svg")
    (tmp_path / "rounds.json").write_text(json.dumps([{"round": 0, "gold_mean": 0.5}]))
    with pytest.raises(InputError, match="no round has a KL"):
        draw_plot(tmp_path, "gold-kl", tmp_path / "rounds.svg")


@pytest.mark.parametrize("kind", sorted(PLOTS.names()))
def test_a_directory_without_the_data_is_refused_with_what_makes_them(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=r"rlaif (lab|run|train)"):
        draw_plot(tmp_path, kind, tmp_path / "picture.svg")
    assert not (tmp_path / "picture.svg").exists()


def test_an_ending_or_a_kind_that_there_is_not_is_refused(lab: Path) -> None:
    with pytest.raises(InputError, match=r"a plot is \.svg, \.png or \.pdf"):
        draw_plot(lab, "over-optimisation", lab / "picture.gif")
    with pytest.raises(InputError, match="no plot; known: alarm"):
        draw_plot(lab, "pie", lab / "picture.svg")


def test_series_differ_in_colour_in_dash_and_in_mark_and_in_grey() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == len(MARKS) == len(DASHES)
    assert line_style(0) != line_style(1)
    greys = [
        sum(w * int(c[at : at + 2], 16) for w, at in ((0.299, 1), (0.587, 3), (0.114, 5)))
        for c in COLOURS[:3]
    ]
    assert min(abs(one - other) for place, one in enumerate(greys) for other in greys[:place]) > 10
