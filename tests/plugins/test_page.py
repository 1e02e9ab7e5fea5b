"""docs/plugins.md as it stands: its package is installed outside the tree, and each part is used as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pages import Block, blocks
from tests.plugins.package import PAGE, Package, command, documented, entry_points, python

FIRST = "Engine"
"""The section whose run the others read."""
TITLES = re.findall(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.M)
SECTIONS = [title for title in TITLES if entry_points(blocks(PAGE, title))]
GROUPS = ("engines", "judges", "rewards", "protocols", "rules", "gold", "formats", "methods", "steps")
LOADS_TORCH = ("Train method", "In one recipe")
"""Sections that run the bundled models: half a minute each."""


def world(folder: Path) -> Package:
    """A directory with the page's files, and its package beside it."""
    for each in blocks(PAGE):
        if each.file and "/" not in each.file:
            (folder / each.file).write_text(each.text)
    return documented(folder / "site")


def used(section: str) -> list[Block]:
    """What a section runs: lines of a shell, and Python that is no file."""
    return [each for each in blocks(PAGE, section) if each.language in ("sh", "python") and not each.file]


def use(section: str, folder: Path, package: Package) -> None:
    """Run a section's commands and programs."""
    for block in used(section):
        lines = block.text.strip().splitlines() if block.language == "sh" else [block.text]
        for line in lines:
            run = command if block.language == "sh" else python
            done = run(line, folder, package)
            assert done.returncode == 0, f"{PAGE.name}:{block.line}\n{line}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Package]:
    """The page's directory after its first section."""
    folder = tmp_path_factory.mktemp("page")
    package = world(folder)
    use(FIRST, folder, package)
    return folder, package


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(each, marks=pytest.mark.heavy) if each in LOADS_TORCH else each
        for each in TITLES
        if each != FIRST
    ],
)
def test_a_part_of_another_package_is_used_as_the_page_says(
    section: str, place: tuple[Path, Package]
) -> None:
    use(section, *place)


def test_the_page_has_a_part_for_every_group() -> None:
    assert {*entry_points(blocks(PAGE))} == {f"rlaif.{group}" for group in GROUPS}
    assert len(SECTIONS) == len(GROUPS)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_uses_its_part_from_the_command_line_and_from_python(section: str) -> None:
    assert {each.language for each in used(section)} == {"sh", "python"}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_part_begins_with_one_of_about_ten_lines(section: str) -> None:
    part, *_ = [each for each in blocks(PAGE, section) if each.file and each.file.startswith("acme/")]
    code = [
        line
        for line in part.text.splitlines()
        if line.strip() and not line.startswith(("#", "from ", "import "))
    ]
    assert len(code) <= 25
