"""Tests mirror the package, and state rules: `rlaif/judging/decide.py` is tested by `tests/judging/test_decide.py`."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRIVATE = re.compile(r"_(twos|told_apart|cooled|foretold|slips?|played|looks?_alone)(_|$)")
FUZZ = "fuzz"
"""The folder of tests that are named after boundaries, and not after modules."""
FEWEST = 3
"""Words that can state a rule: `ids_are_pinned`."""


def strayed(tests: Path, package: Path) -> list[str]:
    """Test files named after a module whose folder is another one; a name that several folders hold decides nothing."""
    homes = defaultdict(set)
    for module in package.rglob("*.py"):
        homes[module.stem].add(module.parent.relative_to(package))
    found = []
    for test in sorted(tests.rglob("test_*.py")):
        if test.parent == tests / FUZZ:
            continue
        wanted = homes[test.stem.removeprefix("test_")]
        if len(wanted) == 1 and test.parent.relative_to(tests) not in wanted:
            [home] = wanted
            found.append(f"{test.relative_to(tests)}: belongs into {home}/, or under a name of its own")
    return found


def test_a_test_file_lies_where_its_module_lies() -> None:
    assert strayed(ROOT / "tests", ROOT / "rlaif") == []


def test_a_test_file_whose_module_has_moved_is_found(tmp_path: Path) -> None:
    for name in (
        "rlaif/b/deep/one.py",
        "rlaif/a/run.py",
        "rlaif/b/run.py",
        "tests/b/test_one.py",
        "tests/test_run.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert strayed(tmp_path / "tests", tmp_path / "rlaif") == [
        "b/test_one.py: belongs into b/deep/, or under a name of its own"
    ]


def test_a_tests_name_states_a_rule_in_the_fields_words() -> None:
    names = [
        name
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for name in re.findall(r"^(?:async )?def test_(\w+)", path.read_text(encoding="utf-8"), flags=re.M)
    ]
    assert [name for name in names if name.count("_") + 1 < FEWEST or PRIVATE.search(f"_{name}")] == []
