"""Two runs on the same prompts stand side by side, whatever policy and judge they had."""

from __future__ import annotations

from pathlib import Path

from rlaif.review.view.catalogue import Catalogue, RunCard
from rlaif.review.view.samples import SampleIndex
from rlaif.review.view.shared_samples import shared_samples
from tests.review.view import projects


def both(project: Path, one: str, other: str) -> tuple[RunCard, RunCard, tuple[SampleIndex, SampleIndex]]:
    catalogue = Catalogue(project)
    first, second = catalogue.card(one), catalogue.card(other)
    assert first is not None
    assert second is not None
    return first, second, (SampleIndex(first.path), SampleIndex(second.path))


def test_two_samplings_of_one_policy_show_both_answers(tmp_path: Path) -> None:
    projects.generated(tmp_path / "one")
    projects.generated(tmp_path / "other")
    found = shared_samples(*both(tmp_path, "one", "other"), 3)
    assert len(found) == 3
    assert all(each.title == "the same answer" for each in found)


def test_two_evaluations_say_what_was_read_in_each(tmp_path: Path) -> None:
    for name in ("one", "other"):
        projects.measured(projects.evaluated(tmp_path / name))
    found = shared_samples(*both(tmp_path, "one", "other"), 9)
    assert len(found) == 3
    told = {each.title for each in found}
    assert (
        "the same answer; one: meets 0.500, judged worse than micro; other: meets 0.500, judged worse than micro"
        in told
    )


def test_runs_without_a_common_prompt_share_none(tmp_path: Path) -> None:
    projects.generated(tmp_path / "one")
    projects.generated(tmp_path / "other", more="of another kind")
    assert shared_samples(*both(tmp_path, "one", "other"), 3) == []
