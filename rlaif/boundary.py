"""The edge of the house: what lies behind it is not ours and may raise anything.

A file's reader, a model directory, a template, a server, a disk each have one place that calls them, and that place
stands in `outside`: whatever comes out is one sentence of ours with the remedy.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Container, Iterator
from contextlib import contextmanager

from rlaif.errors import DiskError, RlaifError

MAX_TOLD = 300
"""Characters of a foreign message that are shown."""
_FULL = "the disk is full; make room"
_QUOTA = "the quota is used up; make room"
_LIMIT = "a file may not become that large (ulimit -f); raise the limit"
DISK_FAILURES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EFBIG: _LIMIT,
    errno.EIO: "the disk does not work (input/output error), or its files may not grow; see to it",
    errno.EROFS: "the file system can only be read; make it writable or name another place",
    errno.ESTALE: "the file system is no longer there (stale handle); mount it again",
    errno.ENODEV: "the file system is no longer there (no such device); mount it again",
}
"""What keeps a file from being written that could be written before, and what to do."""
_WORDS = (
    (re.compile(r"no space left|disk is full|os error 28\b", re.I), errno.ENOSPC),
    (re.compile(r"disk quota exceeded|os error 122\b", re.I), errno.EDQUOT),
    (re.compile(r"file too large|os error 27\b", re.I), errno.EFBIG),
)
"""The same in the words of libraries that keep no error number."""
_SQLITE = {10: errno.EIO, 13: errno.ENOSPC}
"""The same by the error codes of SQLite: SQLITE_IOERR and SQLITE_FULL."""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def outside(error: type[RlaifError], where: str, remedy: str) -> Iterator[None]:
    """Around a call into somebody else's code or data, and nothing else: a fault of ours inside would be hidden.

    Args:
        error: what it becomes.
        where: the file, directory, server or template.
        remedy: what to do, without a full stop.

    Raises:
        DiskError: the disk is full, whoever says so.
        error: anything else but what is ours already, and an interruption.
    """
    try:
        yield
    except RlaifError:
        raise
    except (Exception, RecursionError, MemoryError) as problem:
        if disk_is_full(problem):
            raise DiskError(where, disk_failure(problem) or _FULL) from problem
        raise error(f"{where}: {told(problem)}; {remedy}") from problem


def told(problem: BaseException) -> str:
    """A foreign exception in one line: its words, or its kind where it has none."""
    if isinstance(problem, RecursionError):
        return "nested without end"
    if isinstance(problem, MemoryError):
        return "needs more memory than there is"
    words = " ".join(str(problem).split())
    if not words or isinstance(problem, KeyError):
        words = f"{type(problem).__name__} {words}".strip()
    return words if len(words) <= MAX_TOLD else words[: MAX_TOLD - 3] + "..."


def disk_is_full(problem: BaseException) -> bool:
    """Whether it, or what it came from, says that nothing more can be written: libraries wrap it in their own."""
    return _number(problem, _NO_ROOM) is not None


def disk_failure(problem: BaseException) -> str | None:
    """Why a file can no longer be written, and what to do; None where the disk is not to blame.

    Args:
        problem: what a write raised; of anything else `disk_is_full` alone is sure.
    """
    number = _number(problem, set(DISK_FAILURES))
    return None if number is None else DISK_FAILURES[number]


def _number(problem: BaseException, numbers: Container[int]) -> int | None:
    seen: BaseException | None = problem
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in numbers:
            return seen.errno
        code = _SQLITE.get(getattr(seen, "sqlite_errorcode", 0) & 0xFF)
        if code in numbers:
            return code
        if not isinstance(seen, RlaifError):
            said = str(seen)
            for words, number in _WORDS:
                if number in numbers and words.search(said):
                    return number
        seen = seen.__cause__ or seen.__context__
    return None
