"""Every file, module and name of the package that a page for readers gives is there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages import blocks

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "rlaif"
QUOTES_OLD_NAMES = "decisions.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != QUOTES_OLD_NAMES),
    *sorted((ROOT / "docs" / "recipes").glob("*.md")),
]
FOLDERS = ("benchmarks", "docs", "pipelines", "prompts/templates", "requirements", "rlaif", "tests", "tools")
"""A path that begins with one of these is a path of this repository, not of a reader's project."""
ROOMS = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
FILES_OF_RUNS = {"md", "yaml", "sqlite", "json", "jsonl", "html"}
"""`microworld.md` and `constitution.yaml` are files, no names in a room."""
GROUPS = set(
    re.findall(r'entry-points."(rlaif\.\w+)"', (ROOT / "docs/plugins.md").read_text(encoding="utf-8"))
)
_PATH = re.compile(rf"(?<![\w/.~-])((?:{'|'.join(FOLDERS)})/[\w./*{{}},-]*|(?:{'|'.join(ROOMS)})/[\w/]+\.py)")
_NAME = re.compile(rf"(?<![\w/.\"'-])((?:rlaif|{'|'.join(ROOMS)})(?:\.[A-Za-z_]\w*)+)")
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")


def lost_paths(text: str) -> Iterator[str]:
    """Paths of ours that lead nowhere; one with a placeholder (`NAME`, `*`) is not looked up."""
    for path in {found.rstrip(".,/") for found in _PATH.findall(text)}:
        root = ROOT if path.startswith(FOLDERS) else PACKAGE
        if not re.search(r"[A-Z]{2,}|[*{]", path) and not (root / path).exists():
            yield path


def lost_names(text: str) -> Iterator[str]:
    """Dotted names (`rlaif.train`, `runs.claim`) that lead to no module and to nothing in one."""
    for name in set(_NAME.findall(text)) - GROUPS:
        full = name if name.startswith("rlaif.") else f"rlaif.{name}"
        if name.split(".")[1] not in FILES_OF_RUNS and not is_there(full):
            yield name


def is_there(name: str) -> bool:
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], 2):
        if not hasattr(found, part):
            try:
                importlib.import_module(".".join(parts[:place]))
            except ImportError:
                return False
        found = getattr(found, part)
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_of_the_repository_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert sorted([*lost_paths(text), *lost_names(text)]) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_make_target_of_a_page_is_one(page: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    named = re.findall(r"(?:`|^)make ([a-z][\w-]*)", page.read_text(encoding="utf-8"), flags=re.M)
    assert sorted(set(named) - targets) == []


def test_code_that_contributing_quotes_is_the_code() -> None:
    """Each Python block there says that it is all of a file, but for its imports, or a part of one."""
    files = [
        "rlaif/judging/protocols/score.py",
        "tests/judging/protocols/test_score.py",
        "rlaif/training/pair_losses.py",
        "rlaif/training/loss_names.py",
    ]
    quoted = [each.text for each in blocks(ROOT / "CONTRIBUTING.md") if each.language == "python"]
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in files]
    assert [quote in text for quote, text in zip(quoted, texts, strict=True)] == [True] * len(files)
    assert all(texts[place].endswith(quoted[place]) for place in (0, 1))


def test_a_lost_file_and_a_lost_name_are_found() -> None:
    """The rules above find what they are for, and spare what is not ours."""
    text = "`rlaif/records.py` `engines/gone.py` `tests/gone/` `constitutions/mine.yaml` `judging/NAME.py`"
    assert sorted(lost_paths(text)) == ["engines/gone.py", "tests/gone"]
    names = "`rlaif.generate` `runs.claim.Run` `runs.gone` `rlaif.gold` `constitution.yaml` `microworld.md`"
    assert list(lost_names(names)) == ["runs.gone"]
