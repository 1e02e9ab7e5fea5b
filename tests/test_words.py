"""Words: docs, help texts, docstrings and messages use the field's terms, and refer to pages that are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from rlaif.cli.main import cli
from tests.syntax import nodes_of, tree_of

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "rlaif"

PRIVATE = {
    r"\b(DESIGN|METHODS|FIELD|STYLE)(\.md)? \d": "the paper, or a page of this repository",
    r"\blook(s|ed)? alone\b": "pointwise",
    r"\bcooled\b": "at a temperature",
    r"\ba head a principle\b": "one output per principle",
    r"\btwos\b": "pairs, comparisons",
    r"\b(told|tells?) (\w+ )?apart\b": "differ, distinguish",
    r"\boff 0 and 1\b": "clipped to [0.02, 0.98]",
    r"\b(follows?|favours?|prefers?) (the|a) place\b": "position bias",
    r"\bslips?\b": "mistake, error",
    r"\bgone on with\b": "resumed",
    r"\bnought\b": "zero",
    r"\bforetold\b": "forecast",
    r"\b(calls|tokens|draws|completions|answers|words|nats|questions|votes|pairs|texts|seconds) an? "
    r"(call|prompt|question|completion|principle|pair|answer|second|minute|GPU|node|core|step|row|attribute)\b": "per",
}
"""Private words, each with the field's word."""
VOCABULARY = ("lexicon", "sayings", "attributes")
"""Tables of the microworld's own words."""
OTHERS = {"cli.md", "decisions.md", "python.md", "plugins.md"}
"""Pages that are generated, or quote old names on purpose."""
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name not in OTHERS),
    *sorted((ROOT / "docs" / "recipes").glob("*.md")),
]
SOURCES = sorted(
    path
    for path in PACKAGE.rglob("*.py")
    if "_shipped" not in path.parts and (path.parent.name != "microworld" or path.stem not in VOCABULARY)
)


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a module that somebody reads: docstrings, help, messages; no names and no patterns."""
    for node in nodes_of(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def found(texts: Iterator[tuple[int, str]], words: dict[str, str]) -> list[str]:
    return [
        f"line {line}: {hit[0]!r}, say: {better}"
        for line, text in texts
        for pattern, better in words.items()
        for hit in re.finditer(pattern, text)
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_speaks_in_the_fields_words(path: Path) -> None:
    assert found(sentences(path), PRIVATE) == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_speaks_in_the_fields_words(path: Path) -> None:
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert found(iter(enumerate(prose.splitlines(), 1)), PRIVATE) == []


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), commands(cli, "rlaif"), ids=lambda each: str(each)[:40])
def test_a_commands_help_speaks_in_the_fields_words(path: str, command: click.Command) -> None:
    texts = [command.help or "", *(getattr(each, "help", None) or "" for each in command.params)]
    assert found(iter(enumerate(texts)), PRIVATE) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_page_that_a_module_names_is_there(path: Path) -> None:
    named = {
        page
        for _, text in sentences(path)
        for page in re.findall(r"\bdocs/[\w-]+\.md|\b[A-Z]{4,}\.md", text)
        if page != "README.md"
    }
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []


def test_a_word_that_is_banned_is_found() -> None:
    texts = [
        (1, "the judge follows the place"),
        (2, "ten calls a prompt"),
        (3, "as METHODS 16 says"),
        (4, "fine"),
    ]
    assert [each.partition(":")[0] for each in found(iter(texts), PRIVATE)] == [
        "line 1",
        "line 2",
        "line 3",
    ]


def test_a_class_has_its_name_for_itself() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted((ROOT / "rlaif").rglob("*.py")):
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: held for name, held in places.items() if len(held) > 1} == {}
