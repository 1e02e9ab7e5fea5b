"""`make recipes`: the quick form of every shipped recipe, one after the other, each in a directory of its own.

    python tools/run_recipes.py [--out DIRECTORY] [NAME ...]

Prints a line for each: seconds, how many of them one core worked, ok or failed, and the figure of the last round beside
that before any feedback. What a failed one said stands below its line, and in DIRECTORY/NAME.log.
Exit code: 0 all ran; 1 one of them failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RLAIF = (sys.executable, "-c", "import sys; from rlaif.cli.main import main; sys.exit(main())")
FIGURES = ("gold_mean", "judge_mean", "pairs")
"""Columns of the table of rounds, the first that a recipe fills is its headline."""
TOLD = 5
"""Lines of what a failed one said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A recipe's quick form, run."""

    name: str
    seconds: float
    core_seconds: float
    """What one core, without others to share it with, would have been busy for."""
    figure: str
    ok: bool
    said: str
    """What it printed on stderr."""

    def lines(self, wide: int) -> Iterator[str]:
        """For people."""
        time = f"{self.seconds:6.1f} s ({self.core_seconds:5.1f} s of a core)"
        yield f"{self.name.ljust(wide)}  {time}  {'ok    ' if self.ok else 'failed'}  {self.figure}".rstrip()
        if not self.ok:
            yield from (f"    {line}" for line in self.said.strip().splitlines()[-TOLD:])


def shipped_recipes(folder: Path = ROOT / "pipelines") -> list[str]:
    """Names of the recipes in a folder."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def drawn(names: Iterable[str], count: int, key: str) -> list[str]:
    """`count` of the names, by the digests of each with a key: another key, such as the next version, draws others."""

    def place(name: str) -> str:
        return hashlib.sha256(f"{key}/{name}".encode()).hexdigest()

    return sorted(sorted(names, key=place)[:count])


def quick_run(recipe: str, out: Path) -> Ran:
    """Run a recipe's quick form into a directory; a path to a file is a recipe too."""
    name = Path(recipe).stem
    command = [*RLAIF, "run", recipe, "--quick", "--json"]
    command += ["--out", str(out / name), "--store", str(out / f"{name}.sqlite")]
    before, worked = time.monotonic(), _core_seconds()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    seconds, worked = time.monotonic() - before, _core_seconds() - worked
    (out / f"{name}.log").write_text(done.stderr, encoding="utf-8")
    ok = done.returncode == 0
    figure = headline(json.loads(done.stdout)["rounds"]) if ok else f"exit code {done.returncode}"
    return Ran(name=name, seconds=seconds, core_seconds=worked, figure=figure, ok=ok, said=done.stderr)


def _core_seconds() -> float:
    """What processes that have ended have worked."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def headline(rounds: Sequence[dict[str, Any]]) -> str:
    """What the rounds changed, in a few words: `gold_mean 0.557 -> 0.601`."""
    for name in FIGURES:
        told = [row[name] for row in rounds if row.get(name) is not None]
        if told:
            shown = [f"{each:.3f}" if isinstance(each, float) else str(each) for each in (told[0], told[-1])]
            # a count before any feedback is none
            return f"{name} {shown[1] if len(told) == 1 or isinstance(told[-1], int) else ' -> '.join(shown)}"
    return "no figure"


def main() -> int:
    """Run them and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, help="a new or empty directory [default: a temporary one]")
    parser.add_argument("names", nargs="*", metavar="NAME", help="recipes [default: all shipped ones]")
    chosen = parser.parse_args()
    names = chosen.names or shipped_recipes()
    wide = max(len(Path(name).stem) for name in names)
    with tempfile.TemporaryDirectory(prefix="recipes-") as fresh:
        out = (chosen.out or Path(fresh)).absolute()
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            parser.error(f"{out} is not empty; name a new directory, so that every step is run")
        failed = 0
        for name in names:
            ran = quick_run(name, out)
            failed += not ran.ok
            print("\n".join(ran.lines(wide)), flush=True)
    print(f"{len(names) - failed} of {len(names)} recipes ran")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
