"""A package whose things cannot be loaded is named, and nobody else notices."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.package import Package, command

ROWS = '{"prompt": "What is 3 plus 2?", "completion": "It is 5.", "gold": "truth"}\n'
RECIPE = "name: r\nround:\n  - {step: wreck}\n"
RULES = "rules:\n  - {principle: greet, python: checked}\n"


@pytest.fixture
def broken(tmp_path: Path) -> Package:
    """A package that adds something to every group, and fails as soon as it is imported."""
    package = Package(name="acme-broken", site=tmp_path / "site")
    groups = ("protocols", "steps", "methods", "engines", "judges", "rewards", "formats")
    points = {f"rlaif.{group}": {"wreck": "wreck:THING"} for group in groups}
    points |= {"rlaif.gold": {"truth": "wreck:Truth"}, "rlaif.rules": {"checked": "wreck:checked"}}
    package.write({"wreck.py": "raise RuntimeError('the wrong version of something')\n"}, points)
    (tmp_path / "rows.jsonl").write_text(ROWS)
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return package


JUDGE = "rlaif judge rows.jsonl --constitution micro-default --out out --judge"


@pytest.mark.parametrize(
    "wanted",
    [
        f"{JUDGE} gold:",
        f"{JUDGE} rules:rules.yaml",
        f"{JUDGE} wreck",
        f"{JUDGE} random: --protocol wreck",
        "rlaif import rows.jsonl --format wreck --out out",
        "rlaif train wreck rows.jsonl --out out",
        "rlaif run recipe.yaml --out out",
    ],
)
def test_a_broken_package_is_named_with_what_to_do(wanted: str, broken: Package, tmp_path: Path) -> None:
    done = command(wanted, tmp_path, broken)
    assert done.returncode == 2
    assert "of acme-broken cannot be loaded" in done.stderr
    assert "the wrong version of something; mend or uninstall that package" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "other",
    [
        "rlaif --help",
        "rlaif judge --help",
        "rlaif train --help",
        "rlaif import --help",
        "rlaif constitution check micro-default",
        f"{JUDGE} random:",
    ],
)
def test_what_a_broken_package_adds_hinders_nobody_else(other: str, broken: Package, tmp_path: Path) -> None:
    done = command(other, tmp_path, broken)
    assert "Traceback" not in done.stderr
    assert done.returncode == (3 if other.startswith(JUDGE) else 0), done.stderr
