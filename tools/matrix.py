"""`make test-matrix`: the whole default suite with other versions than the lock's, one row after the other.

    python tools/matrix.py [--again] [ROW ...]        oldest, 5.16, 5.23, 5.24; all of them by default

A row is an environment under .venv-matrix/, made from requirements/dev.txt with the row's versions put in their
place. What came out is kept in requirements/matrix.json and shown in docs/compatibility.md. A row that has run on
this code is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from environments import ROOT, Environment, PipError, table
from lock import TORCH, lock_path
from pins import canonical, lowest, of_extra, read_lock, read_project, wanted

FOLDER = ROOT / ".venv-matrix"
RESULTS = lock_path("matrix").with_suffix(".json")
PAGE = ROOT / "docs" / "compatibility.md"
CODE = ("rlaif", "tests", "constitutions", "prompts", "pipelines", "pyproject.toml", "requirements/dev.txt")
"""What a row depends on: it is run again when any of these changes."""
UNLOCKED = {"RLAIF_UNLOCKED": "1"}
"""Tests that hold the environment against the lock are skipped."""
EXTRAS = ("http2", "ray", "trackers", "qlora", "review")
ROWS = ("oldest", "5.16", "5.23", "5.24")
SHOWN = ("transformers", "torch", "datasets", "peft", "accelerate", "huggingface-hub", "numpy")
HEAD = """# Compatibility

Versions of other libraries with which the test suite passes, on Python 3.11. Install versions between the oldest row
and the lock ([requirements/dev.txt](../requirements/dev.txt), the last row when it has run); the ranges in
`pyproject.toml` say the same.

`make test-matrix` runs the whole default suite (what `make test` runs) with each set of versions and writes this page;
`make test-matrix ROWS=5.16` runs one row. A row is the lock with the versions named in it, and whatever those require.
"""


@dataclass(frozen=True)
class Result:
    """What came out of one row."""

    code: str
    """Digest of what the row depends on."""
    commit: str
    date: str
    seconds: int
    passed: int
    failed: int
    skipped: int
    failures: tuple[str, ...]
    versions: Mapping[str, str]


def pins(row: str, project: Mapping[str, Any]) -> list[str]:
    """What a row wants in the place of the lock's versions; nothing: the lock as it is."""
    if row == "oldest":
        declared = [*wanted(project), *(each for extra in EXTRAS for each in of_extra(project, extra))]
        return [f"{each.name}=={low}" for each in declared if (low := lowest(each)) is not None]
    minor = Version(row)
    held = next(each for each in wanted(project) if canonical(each.name) == "transformers")
    if f"<{minor.major}.{minor.minor + 1}" in str(held.specifier).split(","):
        return []
    return [f"transformers=={row}.*"]


def install(row: str, project: Mapping[str, Any]) -> Environment:
    """The environment of a row, made where it is not there yet as it should be."""
    environment = Environment(FOLDER / row)
    stamp = environment.folder / "made.txt"
    asked = pins(row, project)
    locked = [
        pin for name in ("pip", "dev") for pin in read_lock(lock_path(name).read_text(encoding="utf-8"))
    ]
    recipe = "\n".join([*asked, *(f"{pin.name}=={pin.version}" for pin in locked)])
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != recipe:
        environment.make()
        environment.install("-r", str(lock_path("pip")))
        environment.install("-r", str(lock_path("dev")))
        if asked:
            # with all that is wanted named, pip keeps what is installed but for what the row's versions rule out
            ranges = [str(each) for each in wanted(project, "dev")]
            environment.install(f"torch=={TORCH}", *ranges, *asked)
        stamp.write_text(recipe, encoding="utf-8")
    # always: it carries the ranges of pyproject.toml along
    environment.install("--no-deps", "--no-build-isolation", "-e", str(ROOT))
    return environment


def code() -> str:
    """A digest of what the rows depend on, as it is in the folder now."""
    listed = _git("ls-files", "-z", "--", *CODE).split("\0")
    digest = hashlib.sha256()
    for name in filter(None, listed):
        digest.update(name.encode() + b"\0" + (ROOT / name).read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def run(row: str, environment: Environment) -> Result:
    """Run the suite in a row's environment."""
    report, log = FOLDER / f"{row}.xml", FOLDER / f"{row}.log"
    report.unlink(missing_ok=True)
    versions = sorted(environment.versions().items(), key=lambda item: item[0].lower())
    before, began = code(), time.time()
    done = environment.run(["-m", "pytest", "-n", "auto", "--junitxml", str(report)], ROOT, UNLOCKED)
    log.write_text(done.stdout + done.stderr, encoding="utf-8")
    if not report.exists():
        raise PipError(f"the suite did not run in {environment.folder}; see {log}")
    passed, failures, skipped = counted(report.read_text(encoding="utf-8"))
    return Result(
        code=before, commit=_git("rev-parse", "--short", "HEAD").strip(), date=time.strftime("%Y-%m-%d"),
        seconds=round(time.time() - began), passed=passed, failed=len(failures), skipped=skipped,
        failures=tuple(failures), versions=dict(versions),
    )  # fmt: skip


def counted(report: str) -> tuple[int, list[str], int]:
    """How many tests passed, which failed (errors too), how many were skipped, by pytest's JUnit report."""
    passed, failures, skipped = 0, [], 0
    for case in ElementTree.fromstring(report).iter("testcase"):
        bad = [each for kind in ("failure", "error") for each in case.findall(kind)]
        if bad:
            said = (bad[0].get("message") or "").splitlines() or [""]
            failures.append(f"{case.get('classname')}::{case.get('name')}: {said[0][:200]}")
        elif case.find("skipped") is not None:
            skipped += 1
        else:
            passed += 1
    return passed, failures, skipped


def page(results: Mapping[str, Result], project: Mapping[str, Any]) -> str:
    """docs/compatibility.md."""
    rows = [[row, *_cells(row, results[row])] for row in ROWS if row in results]
    head = ["row", *SHOWN, "passed", "failed", "skipped", "commit", "on", "command"]
    parts = [HEAD, table(head, rows)]
    if "oldest" in results:
        versions = {canonical(name): held for name, held in results["oldest"].versions.items()}
        named = [Requirement(line).name for line in pins("oldest", project)]
        shown = ", ".join(f"{name} {versions.get(canonical(name), '?')}" for name in named)
        parts.append(f"\nThe oldest versions: {shown}.")
    for row in ROWS:
        if row in results and results[row].failures:
            lines = [f"- `{each}`" for each in results[row].failures]
            parts.append("\n".join([f"\nWhat failed in row {row}:", "", *lines]))
    return "\n".join(parts) + "\n"


def _cells(row: str, result: Result) -> list[str]:
    versions = {canonical(name): Version(held).public for name, held in result.versions.items()}
    counts = [str(result.passed), str(result.failed), str(result.skipped)]
    return [
        *(versions.get(name, "-") for name in SHOWN), *counts, result.commit, result.date,
        f"`make test-matrix ROWS={row}`",
    ]  # fmt: skip


def read_results() -> dict[str, Result]:
    """What is kept of earlier runs."""
    if not RESULTS.exists():
        return {}
    return {row: Result(**each) for row, each in json.loads(RESULTS.read_text(encoding="utf-8")).items()}


def write_results(results: Mapping[str, Result], project: Mapping[str, Any]) -> None:
    """Keep them, and show them."""
    kept = {row: asdict(results[row]) for row in ROWS if row in results}
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(results, project), encoding="utf-8")


def go(rows: Sequence[str], *, again: bool) -> int:
    """Run the rows that have not run on this code; 1 where a test failed or a row could not be made."""
    project, results, bad = read_project(ROOT), read_results(), 0
    FOLDER.mkdir(exist_ok=True)
    for row in rows:
        if not again and row in results and results[row].code == code():
            print(f"{row}: has run on this code ({results[row].passed} passed, {results[row].failed} failed)")
        else:
            print(f"{row}: installing and running", flush=True)
            try:
                results[row] = run(row, install(row, project))
            except PipError as error:
                print(f"{row}: {error}", file=sys.stderr)
                bad = 1
                continue
            write_results(results, project)
            print(
                f"{row}: {results[row].passed} passed, {results[row].failed} failed, {results[row].skipped} skipped"
            )
        bad |= results[row].failed > 0
    return int(bad)


def main() -> int:
    """Run the rows that are named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--again", action="store_true", help="also those that have run on this code")
    told = parser.parse_args()
    unknown = [row for row in told.rows if row not in ROWS]
    if unknown:
        parser.error(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return go(told.rows or ROWS, again=told.again)


if __name__ == "__main__":
    sys.exit(main())
