"""`rlaif view`: what is a project and what is not, each said in one sentence with the remedy."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.workflows.view import make_viewer, project_of, serve
from tests.review.view import projects

pytestmark = pytest.mark.timing


def test_a_run_means_its_project_and_a_project_itself(tmp_path: Path) -> None:
    projects.project(tmp_path)
    assert project_of(tmp_path) == tmp_path
    assert project_of(tmp_path / "runs" / "loop") == tmp_path
    assert project_of(tmp_path / "models" / "gen") == tmp_path
    # without a store or constitutions, runs alone make a project
    assert project_of(tmp_path / "runs") == tmp_path / "runs"


def test_a_folder_that_is_no_project_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to-ann.txt").write_text("Dear Ann")
    for folder, words in (
        (tmp_path / "letters", "is no project"),
        (tmp_path / "none", "there is no such folder"),
    ):
        with pytest.raises(InputError, match=words) as wrong:
            serve(folder, said=lambda _: None)
        assert "rlaif init" in str(wrong.value)
        assert "\n" not in str(wrong.value)


def test_a_port_in_use_is_told_with_the_remedy(tmp_path: Path) -> None:
    projects.project(tmp_path)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        with pytest.raises(
            InputError, match=rf"--port {port}: cannot be used .* leave it out for a free one"
        ):
            serve(tmp_path, port=port, said=lambda _: None)


def test_a_run_is_audited_for_its_page_and_one_without_pairs_says_why(tmp_path: Path) -> None:
    projects.project(tmp_path)
    viewer = make_viewer(tmp_path, reviewer="ann")
    found = viewer.auditor(tmp_path / "runs" / "gen")
    assert found.audit.counts["pairs"] == 4
    with pytest.raises(InputError, match="evaluation"):
        viewer.auditor(tmp_path / "runs" / "eval")
