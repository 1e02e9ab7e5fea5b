"""Builds a small installed package from the code of docs/plugins.md: modules and metadata in a folder of their own.

What the page shows is what is installed: Python blocks whose first line is `# acme/FILE.py` are the modules, and the
tables `[project.entry-points."rlaif.GROUP"]` of its TOML blocks are the entry points.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.pages import Block, blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "plugins.md"


def entry_points(found: Iterable[Block]) -> dict[str, dict[str, str]]:
    """The entry points of TOML blocks: group -> name -> object."""
    groups: dict[str, dict[str, str]] = {}
    for block in found:
        if block.language == "toml":
            for group, points in tomllib.loads(block.text)["project"]["entry-points"].items():
                groups.setdefault(group, {}).update(points)
    return groups


@dataclass(frozen=True, kw_only=True)
class Package:
    """An installed package: a folder for PYTHONPATH."""

    name: str
    site: Path

    def write(self, files: Mapping[str, str], groups: Mapping[str, Mapping[str, str]]) -> None:
        """Install: modules by their path, and entry points by group."""
        for path, text in files.items():
            (self.site / path).parent.mkdir(parents=True, exist_ok=True)
            (self.site / path).write_text(text)
        for folder in {(self.site / path).parent for path in files} - {self.site}:
            (folder / "__init__.py").touch()
        facts = self.site / f"{self.name}-1.0.dist-info"
        facts.mkdir(parents=True, exist_ok=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.name}\nVersion: 1.0\n")
        lines = [
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
            for group, points in groups.items()
        ]
        (facts / "entry_points.txt").write_text("\n".join(lines))


def documented(site: Path) -> Package:
    """The package of the page."""
    found = blocks(PAGE)
    modules = {each.file: each.text for each in found if each.file and each.file.startswith("acme/")}
    package = Package(name="acme", site=site)
    package.write(modules, entry_points(found))
    return package


def python(code: str, folder: Path, *packages: Package) -> subprocess.CompletedProcess[str]:
    """Run a file of this code in `folder`, in a process of its own that has these packages installed."""
    (folder / "program.py").write_text(code)
    path = os.pathsep.join([*(str(each.site) for each in packages), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "RLAIF_STORE": str(folder / "store.sqlite")}
    return subprocess.run(
        [sys.executable, "program.py"], capture_output=True, text=True, cwd=folder, env=environment
    )


def command(line: str, folder: Path, *packages: Package) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell that begins with `rlaif`."""
    return python(
        f"import shlex, sys; from rlaif.cli.main import main; sys.exit(main(shlex.split({line!r})[1:]))",
        folder,
        *packages,
    )
