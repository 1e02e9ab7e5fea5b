"""The edge of the house: what lies behind it is not ours and may raise anything.

A file's reader, a model directory, a template, a server, a disk each have one place that calls them, and that place
stands in `outside`: whatever comes out is one sentence of ours with the remedy.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from rlaif.errors import DiskError, RlaifError

MAX_TOLD = 300
"""Characters of a foreign message that are shown."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_WORDS = re.compile(r"no space left|disk quota exceeded|os error (?:28|122|27)\b", re.I)


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
            raise DiskError(where) from problem
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
    seen: BaseException | None = problem
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        if not isinstance(seen, RlaifError) and _FULL_WORDS.search(str(seen)):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
