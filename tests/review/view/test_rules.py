"""Constitutions: each version once, with what it changed since the one before it and who used it."""

from __future__ import annotations

from pathlib import Path

from rlaif.review.view.catalogue import Catalogue
from rlaif.review.view.rules import RuleBooks
from tests.review.view import projects


def test_versions_are_in_order_with_their_changes_and_runs(tmp_path: Path) -> None:
    projects.project(tmp_path)
    books = list(RuleBooks(tmp_path).all(Catalogue(tmp_path).cards()).values())
    assert [each.title for each in books] == ["house 1.1.0", "house 1.0.0"]
    newer, older = books
    assert newer.files == ["constitutions/house.yaml"]
    assert [each.name for each in newer.runs] == ["runs/loop"]
    assert [each.name for each in older.runs] == ["runs/gen"]
    assert newer.before is older.constitution
    [change] = newer.changes
    assert (change.id, change.kind) == ("greet", "reworded")
    assert change.fields["text"] == ("The response is polite.", "The response greets the user.")
    assert older.before is None


def test_a_file_that_is_no_constitution_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "constitutions").mkdir()
    (tmp_path / "constitutions" / "broken.yaml").write_text("name: [")
    assert RuleBooks(tmp_path).all([]) == {}
