"""A run at work: figures of its own files, and a stamp that changes when what is drawn does."""

from __future__ import annotations

import json
import time
from pathlib import Path

from rlaif.review.view.catalogue import Catalogue, RunCard
from rlaif.review.view.live import came_to, drawn_stamp, last_row, list_stamp, standing
from tests.review.view import projects


def card_at(folder: Path) -> RunCard:
    card = Catalogue(folder.parent).card(folder.name)
    assert card is not None
    return card


def test_round_step_counts_and_what_is_left_are_told(tmp_path: Path) -> None:
    run = projects.loop(tmp_path / "loop", done=False)
    told = {"round": 1, "of": 2, "step": "judge", "number": 2, "steps": 5, "done": 300, "total": 1200, "unit": "call",
            "left_s": 125.0, "tokens": 12345, "money": 0.5, "failed": 2, "at": time.time()}  # fmt: skip
    projects.record(run, "progress.json", told)
    found = standing(card_at(run))
    assert found["shown"]["where"] == "round 1 of 2, judge (step 2 of 5)"
    assert found["shown"]["done"] == "300 of about 1,200 calls"
    assert found["shown"]["left"] == "about 2 min 5 s left"
    assert found["shown"]["spent"] == "12,345 tokens, 0.50 spent, 2 failed"
    assert found["percent"] == 25.0
    assert found["shown"]["training"] == "step 3: loss 0.333, KL 0.300"


def test_what_is_left_grows_less_while_nothing_is_counted(tmp_path: Path) -> None:
    run = projects.loop(tmp_path / "loop", done=False)
    projects.record(run, "progress.json", {"step": "train", "left_s": 100.0, "at": time.time() - 40})
    shown = standing(card_at(run))["shown"]
    assert shown["left"] in ("about 1 min left", "about 60 s left", "about 59 s left")
    assert shown["age"] == "nothing new for 40 s"


def test_an_unfinished_run_says_how_far_it_came(tmp_path: Path) -> None:
    run = projects.loop(tmp_path / "loop", done=False)
    assert came_to(card_at(run)) == "nothing was counted yet"
    projects.record(run, "progress.json", {"round": 1, "of": 2, "step": "judge", "done": 48, "total": 56})
    assert came_to(card_at(run)) == "round 1 of 2, judge, 48 of about 56 calls"


def test_the_list_changes_when_a_run_comes_or_ends(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    projects.generated(tmp_path / "one")
    first = list_stamp(catalogue.cards())
    assert list_stamp(catalogue.cards()) == first
    projects.loop(tmp_path / "loop", done=False)
    second = list_stamp(catalogue.cards())
    assert second != first
    projects.record(tmp_path / "loop", "run.json", {"command": "run", "config": {}, "status": "done"})
    assert list_stamp(catalogue.cards()) != second


def test_a_damaged_progress_file_is_no_progress(tmp_path: Path) -> None:
    run = projects.loop(tmp_path / "loop", done=False)
    (run / "progress.json").write_text("{")
    assert standing(card_at(run))["shown"]["where"] == "at work"


def test_the_stamp_changes_with_what_is_drawn_and_not_with_counts(tmp_path: Path) -> None:
    run = projects.loop(tmp_path / "loop", done=False)
    first = drawn_stamp(run)
    projects.record(run, "progress.json", {"round": 1, "of": 2})
    assert drawn_stamp(run) == first
    with (run / "models" / "round-1" / "metrics.jsonl").open("a") as stream:
        stream.write(json.dumps({"step": 4, "loss": 0.1}) + "\n")
    assert drawn_stamp(run) != first


def test_the_last_whole_row_is_read_from_the_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        "".join(json.dumps({"step": step, "x": "y" * 900}) + "\n" for step in range(99)) + '{"step": 99, "lo'
    )
    assert last_row(path)["step"] == 98
    assert last_row(tmp_path / "none") == {}
