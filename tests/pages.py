"""Code blocks of pages, and running a page's Python as a reader would: block after block, in one directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

_FENCE = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", flags=re.M | re.S)
_FILE = re.compile(r"# (\S+\.(?:py|yaml))\n")


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    file: str | None
    """The file that it is: named by its first line, or behind its language; None for what is only run."""


def blocks(page: Path, section: str = "") -> list[Block]:
    """The fenced blocks of a page, or of the part of it below a heading."""
    text = page.read_text(encoding="utf-8")
    start, end = 0, len(text)
    if section:
        [start] = [found.end() for found in re.finditer(rf"^#+ {re.escape(section)}$", text, flags=re.M)]
        following = re.compile(r"^## ", flags=re.M).search(text, start)
        end = following.start() if following else end
    return [
        Block(
            found[1],
            found[3],
            text[: found.start()].count("\n") + 1,
            found[2] or (named[1] if (named := _FILE.match(found[3])) else None),
        )
        for found in _FENCE.finditer(text)
        if start <= found.start() < end
    ]


def python_and_output(found: list[Block]) -> Iterator[tuple[Block, str | None]]:
    """Each Python block with what the page says it prints: the `text` block right behind it, or None."""
    for place, each in enumerate(found):
        if each.language == "python":
            behind = found[place + 1] if place + 1 < len(found) else None
            yield each, behind.text if behind is not None and behind.language == "text" else None


def run_python(page: Path, found: list[Block], known: dict[str, Any]) -> None:
    """Run Python blocks one after the other and compare what they print; `...` stands for anything."""
    for block, output in python_and_output(found):
        printed = StringIO()
        code = compile("\n" * block.line + block.text, str(page), "exec")
        with redirect_stdout(printed):
            exec(code, known)
        if output is not None:
            wanted = re.escape(output).replace(r"\.\.\.", ".*")
            said = f"{page.name}:{block.line} prints\n{printed.getvalue()}"
            assert re.fullmatch(wanted, printed.getvalue(), flags=re.S), said
