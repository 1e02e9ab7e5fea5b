"""The list of runs: what is found, what a half-written or newer run says, and that looking locks nothing."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from rlaif.review.view.catalogue import Catalogue
from rlaif.runs.claim import at_work, claim
from tests.review.view import projects


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return projects.project(tmp_path)


def test_runs_and_trainings_are_found_newest_first_and_what_lies_in_a_run_is_its_own(project: Path) -> None:
    found = [each.name for each in Catalogue(project).cards()]
    assert found == ["models/gen", "runs/eval", "runs/gen", "runs/loop"]


def test_hidden_and_foreign_folders_are_not_walked(project: Path) -> None:
    for name in (".venv", "node_modules", "a/b/c/d/e"):
        projects.generated(project / name / "r1")
    assert len(Catalogue(project).cards()) == 4


def test_a_card_says_names_and_results(project: Path) -> None:
    card = Catalogue(project).card("runs/loop")
    assert card is not None
    assert (card.kind, card.status, card.constitution) == ("self-rewarding", "done", "house 1.1.0")
    assert card.models == {"policy": "hf:org/small", "judge": "previous"}
    assert card.headline.short == "gold 0.500 → 0.750"
    assert card.headline.verdict == "better"


@pytest.mark.parametrize(
    "name", ["..", "../..", "runs/../..", "runs", "", ".rlaif", "/etc", "runs/loop/round-1"]
)
def test_what_is_no_run_of_the_project_has_no_card(project: Path, name: str) -> None:
    assert Catalogue(project / "runs").card(name) is None or name == ""
    assert Catalogue(project).card(name) is None


def test_a_run_that_is_half_written_is_told_with_the_remedy(project: Path) -> None:
    (project / "runs" / "loop" / "run.json").write_text('{"command": "run", "conf')
    [card] = [each for each in Catalogue(project).cards() if each.name == "runs/loop"]
    assert card.status == "unreadable"
    assert "run.json" in card.trouble
    assert "\n" not in card.trouble


def test_a_run_without_an_end_is_interrupted_and_shows_its_rounds(tmp_path: Path) -> None:
    projects.loop(tmp_path / "runs" / "half", done=False)
    [card] = Catalogue(tmp_path).cards()
    assert card.status == "interrupted"
    assert card.headline.short == "gold 0.500 → 0.750"


def test_a_run_of_a_newer_version_names_the_version(project: Path) -> None:
    path = project / "runs" / "loop" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"versions": {"rlaif": "99.1.0"}}))
    card = Catalogue(project).card("runs/loop")
    assert card is not None
    assert "made by rlaif 99.1.0" in card.trouble
    assert "install that version" in card.trouble


def test_a_run_at_work_is_seen_and_never_locked(tmp_path: Path) -> None:
    with claim(tmp_path / "runs" / "r1", {}, command="generate") as run:
        [card] = Catalogue(tmp_path).cards()
        assert card.status == "running"
        assert at_work(run.dir)
        # as on systems without such a table: the process that the lock names lives
        assert at_work(run.dir, tmp_path / "no-such-table")
    assert not at_work(tmp_path / "runs" / "r1")
    with (tmp_path / "runs" / "r1" / "run.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_card_is_read_again_when_its_run_changes(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    projects.loop(tmp_path / "runs" / "r1", done=False)
    assert catalogue.cards()[0].status == "interrupted"
    projects.record(tmp_path / "runs" / "r1", "rounds.json", [projects.row(0, 0.5), projects.row(1, 0.9)])
    assert catalogue.cards()[0].headline.short == "gold 0.500 → 0.900"
