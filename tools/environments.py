"""Environments to try things in: made with pip, asked for what is installed, run in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AS_MAKE_DOES = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
_LIST = """
import json
from importlib.metadata import distributions
print(json.dumps({each.name: each.version for each in distributions()}))
"""


class PipError(Exception):
    """pip cannot install what was asked; carries its last words."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment in a folder."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def make(self) -> None:
        """A new, empty one in the place of what was there."""
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(self.folder)], check=True)

    def install(self, *arguments: str) -> None:
        """`pip install` of wheels only; raises PipError."""
        command = [str(self.python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode != 0:
            raise PipError("\n".join(done.stderr.strip().splitlines()[-4:]))

    def versions(self) -> dict[str, str]:
        """What is installed, by name."""
        done = subprocess.run([str(self.python), "-c", _LIST], check=True, capture_output=True, text=True)
        found: dict[str, str] = json.loads(done.stdout)
        return found

    def run(
        self, command: Sequence[str], where: Path, more: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run its Python with these arguments in a folder, with these variables too."""
        env = {**os.environ, **AS_MAKE_DOES, **more}
        return subprocess.run(
            [str(self.python), *command], cwd=where, env=env, capture_output=True, text=True, check=False
        )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
