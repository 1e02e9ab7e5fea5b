"""What a finished run holds, by digests in its `run.json`: a file that somebody changed since then is noticed.

The files are those that later steps read: pairs, judgments and completions, of all rounds. Runs of earlier releases
have no digests, and nothing is said of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from rlaif.runs.layout import RUN, data_files, run_of_pairs

FILES = "files"
"""The key of `run.json`: digests by path in the run."""


def file_digests(run: Path) -> dict[str, str]:
    """The digest of each file of a run that later steps read, by its path in the run."""
    return {each.relative_to(run).as_posix(): file_digest(each) for each in data_files(run)}


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def edited(source: Path, files: Iterable[Path]) -> list[Path]:
    """Those of `files` that are not what the run `source` (a run, a round, a file in one) wrote."""
    run = run_of_pairs(source)
    if run is None:
        return []
    try:
        sealed = json.loads((run / RUN).read_text(encoding="utf-8")).get(FILES)
    except (OSError, ValueError, AttributeError):
        return []  # not finished, or damaged: said by whoever reads it
    if not isinstance(sealed, dict):
        return []
    inside = run.resolve()
    return [
        each
        for each in files
        if each.is_file()
        and each.resolve().is_relative_to(inside)
        and (digest := sealed.get(each.resolve().relative_to(inside).as_posix())) is not None
        and digest != file_digest(each)
    ]
