"""A wheel, environments that it is installed into, and places where a stranger may work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
NEVER = ("RLAIF_", "PYTHON", "HF_", "TRANSFORMERS_", "WANDB_", "TQDM_", "TOKENIZERS_", "LC_", "LANG", "XDG_")
"""What of this environment would tell libraries to be quiet, or hides what an odd machine does."""
Visit = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True)
    return next(folder.glob("rlaif-*.whl"))


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory that everybody may enter (pytest's own are for one user), its name no plain word."""
    with tempfile.TemporaryDirectory(prefix="rlaif doors ") as folder:
        found = Path(folder, "Häuser & Gärten – eins")
        found.mkdir()
        Path(folder).chmod(0o755)
        yield found


def make_environment(folder: Path, wheel: Path, *packages: str, thin: bool) -> Path:
    """The interpreter of a new environment with the wheel: all else from this one (`thin`), or what pip makes of it."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    if thin:
        site = next(folder.glob("lib/python3*/site-packages"))
        others = [each for each in sys.path if each.endswith("-packages")]
        (site / "others.pth").write_text("".join(f"{each}\n" for each in others))
        install += ["--no-deps"]
    locked = ROOT / "requirements" / "dev.txt"
    known = locked if locked.is_file() else ROOT / "constraints.txt"
    subprocess.run([*install, "-c", str(known), *(packages or [str(wheel)])], check=True)
    return python


@dataclass(frozen=True)
class Stranger:
    """Somebody who may write in one place only, on a machine without a network and with a plain locale."""

    python: Path
    place: Path

    def environment(self, **more: str) -> dict[str, str]:
        """A home that cannot be written, no name, a locale of C."""
        home = self.place.parent / "home"
        home.mkdir(exist_ok=True)
        home.chmod(0o555)
        plain = {name: value for name, value in os.environ.items() if not name.startswith(NEVER)}
        for name in ("USER", "LOGNAME", "USERNAME"):
            plain.pop(name, None)
        return plain | {"HOME": str(home), "LC_ALL": "C", "OMP_NUM_THREADS": "1"} | more

    def command(self, *words: str) -> list[str]:
        """A command line as the stranger, who owns the place and nothing else."""
        if os.geteuid() == 0:
            for each in (self.place, *self.place.rglob("*")):
                os.chown(each, STRANGER, STRANGER)
        note = self.place.parent / "taken"
        return [sys.executable, "-I", str(HERE / "stranger.py"), str(note), *words]

    def visit(self, lines: Sequence[Sequence[str]], **more: str) -> list[dict[str, Any]]:
        """What each line came to (see `visit.py`)."""
        asked, found = self.place / "asked.json", self.place / "found.json"
        asked.write_text(json.dumps(lines), encoding="utf-8")
        shutil.copy(HERE / "visit.py", self.place.parent / "visit.py")
        done = subprocess.run(
            self.command(str(self.python), str(self.place.parent / "visit.py"), str(asked), str(found)),
            cwd=self.place,
            env=self.environment(**more),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        # and when the process ends
        assert (done.stdout, done.stderr) == ("", "")
        answers: list[dict[str, Any]] = json.loads(found.read_text(encoding="utf-8"))
        for line, answer in zip(lines, answers, strict=False):
            assert answer["code"] == 0, (line, answer)
        assert len(answers) == len(lines)
        return answers


STRANGER = 54321
"""As in `stranger.py`: nobody of this name is known here."""
