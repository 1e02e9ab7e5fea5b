"""Write a file whole or not at all. A kill at any moment leaves the old file, or none; never half of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rlaif.boundary import disk_failure
from rlaif.errors import DiskError, RlaifError

DRAFT_SUFFIX = ".draft"
_HALF = "backslashreplace"
"""Names of files need not be UTF-8: what has none is written as JSON escapes it."""


@contextmanager
def whole_file(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """A draft beside `path` to write into; it takes the name of `path` when the block ends without error.

    `sync=False` is for files whose loss in a power cut costs nothing; a kill it survives all the same.
    Raises DiskError where the disk is full or fails, RlaifError when the file cannot be written for another reason.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}{DRAFT_SUFFIX}")
    try:
        with disk_told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield draft
            if sync:
                _to_disk(draft)
            os.replace(draft, path)
            if sync:
                # the new name itself must survive a power cut, so the directory is synced too
                _to_disk(path.parent)
    except OSError as wrong:
        why = wrong.strerror or str(wrong)
        raise RlaifError(f"{path}: cannot be written ({why}); make room or name another place") from wrong
    finally:
        with suppress(OSError):
            draft.unlink()


@contextmanager
def disk_told(where: Path) -> Iterator[None]:
    """Around whatever writes `where`, libraries too: a disk that is full or fails becomes a DiskError that names it."""
    try:
        yield
    except RlaifError:
        raise
    except Exception as problem:
        reason = disk_failure(problem)
        if reason is None:
            raise
        raise DiskError(str(where), reason) from problem


def write_text(path: Path, text: str, *, sync: bool = True) -> None:
    """Replace the file at `path` by `text`, in UTF-8; half characters are escaped, in JSON they stay the same."""
    with whole_file(path, sync=sync) as draft:
        draft.write_text(text, encoding="utf-8", errors=_HALF)


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Replace the file at `path` by `lines`, each ended by a line feed; says how many there were."""
    count = 0
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", errors=_HALF, newline="\n") as stream:
        for line in lines:
            stream.write(line + "\n")
            count += 1
    return count


def is_draft(path: Path) -> bool:
    """Whether `path` is what a killed write left behind."""
    return path.name.startswith(".") and path.name.endswith(DRAFT_SUFFIX)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
