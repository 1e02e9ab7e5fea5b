"""A served page ends when somebody stops it, and that is no accident."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.cli.main import main
from tests.review.view import projects

ADDRESS = "http://127.0.0.1:1/?token=t"


@pytest.mark.parametrize(
    ("words", "served", "then"),
    [
        (["view", "."], "rlaif.workflows.view.serve", None),
        (["review", "gen"], "rlaif.workflows.datasets.review.serve", "next: rlaif audit gen"),
    ],
    ids=["view", "review"],
)
def test_ctrl_c_ends_a_served_page_well_and_says_what_is_kept(
    words: list[str],
    served: str,
    then: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def serve(_: Path, *, said: Callable[[str], None], **_others: object) -> None:
        said(ADDRESS)
        raise KeyboardInterrupt

    projects.generated(tmp_path / "gen")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(served, serve)
    assert main(words) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{ADDRESS}\n"
    assert shown.err.splitlines()[1:] == ["stopped; what was decided is kept", *([then] if then else [])]
