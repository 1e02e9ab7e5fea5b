"""Writes the picture and the table of docs/architecture.md from the code; `--check` says whether they are up to date.

The floors are the layers of the import contracts in pyproject.toml, what a room may not import is their other
contracts, what it owns is the first line of its docstring, and the arrows are the imports in the source.
"""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import import_graph  # noqa: E402

PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- from the code: make docs -->", "<!-- end -->"
WIDTH = 116
FLOOR = "-" * WIDTH


def page(text: str) -> str:
    """The page with its generated parts made anew."""
    contracts = _contracts()
    head, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{head}{BEGIN}\n{_generated(contracts)}\n{END}{after}"


def _generated(contracts: Sequence[Mapping[str, Any]]) -> str:
    arrows = _arrows()
    [layers] = [each["layers"] for each in contracts if each["type"] == "layers"]
    floors = [[_room(name) for name in layer.split("|")] for layer in layers]
    lines = ["```", FLOOR]
    for floor in floors:
        lines += [line for room in floor for line in _drawn(room, arrows)]
        lines.append(FLOOR)
    return "\n".join([*lines, "```", "", *_table(floors, contracts)])


def _drawn(room: str, arrows: Mapping[str, list[str]]) -> Iterator[str]:
    """One line for a room, and one for each folder in it."""
    path = ROOT / "rlaif" / room
    yield from _line(_shown(room), path)
    for folder in sorted(each.parent for each in path.glob("*/__init__.py") if "_shipped" not in each.parts):
        yield from _line(f"  {folder.name}/", folder)
    if path.is_dir() and arrows[room]:
        line = "    -> "
        for name in arrows[room]:
            if len(line) + len(name) > WIDTH:
                yield line.rstrip()
                line = "       "
            line += f"{name} "
        yield line.rstrip()


def _table(floors: Sequence[Sequence[str]], contracts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """For each contract: the rule in words, which rooms it binds, and the imports that are refused to them."""
    yield "| what | rule | these rooms | may not import |"
    yield "|---|---|---|---|"
    for each in contracts:
        if each["type"] != "forbidden":
            continue
        room, _, rule = each["name"].partition(": ")
        forbidden = ", ".join(f"`{name.removeprefix('rlaif.')}`" for name in each["forbidden_modules"])
        bound = ", ".join(f"`{name.removeprefix('rlaif.')}`" for name in each["source_modules"])
        where = "" if each.get("allow_indirect_imports") else "; nor any module that imports them"
        excused = [f"`{line.removeprefix('rlaif.')}`" for line in each.get("ignore_imports", ())]
        excuse = f" (today excused: {', '.join(excused)})" if excused else ""
        yield f"| {room} | {rule} | {bound} | {forbidden}{where}{excuse} |"
    beside = [floor for floor in floors if len(floor) > 1]
    pairs = "; ".join(" and ".join(f"`{room}`" for room in floor) for floor in beside)
    yield f"| neighbours | rooms of one floor do not know each other | {pairs} | each other |"


def _arrows() -> dict[str, list[str]]:
    """The rooms that each room imports."""
    found: dict[str, set[str]] = {}
    for module, imported in import_graph.graph().items():
        room = import_graph.room(module)
        found.setdefault(room, set()).update(set(map(import_graph.room, imported)) - {room})
    return {room: sorted(others) for room, others in found.items()}


def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return contracts


def _room(layer: str) -> str:
    return layer.strip().removeprefix("rlaif.").split(".")[0]


def _shown(room: str) -> str:
    return f"{room}/" if (ROOT / "rlaif" / room).is_dir() else f"{room}.py"


def _line(name: str, path: Path) -> list[str]:
    return textwrap.wrap(
        f"{name:<22}{_owns(path)}", WIDTH, subsequent_indent=" " * 22, break_on_hyphens=False
    )


def _owns(path: Path) -> str:
    """The first sentence of the docstring of a folder or of a file."""
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    told = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0].partition(". ")[0].rstrip(".")


def main() -> int:
    """Write the page, or compare it."""
    text = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        return int(text != page(text))
    PAGE.write_text(page(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
