"""The file of a store: made whole or not at all, opened for writing, or read where nothing can be written."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from rlaif.errors import StoreError
from rlaif.landmarks import RUN
from rlaif.store.place import FOLDER

_LOG = logging.getLogger(__name__)
_LOG_ENDS = "-wal"
_INDEX_ENDS = "-shm"
_SETTLE_S = 0.2


def make_file(path: Path, make: Callable[[sqlite3.Connection], None]) -> None:
    """Make the file of a new store, whole; nothing where there is one.

    Raises StoreError for one of no bytes: no process of ours leaves such a one behind, whenever it is killed.
    """
    with suppress(FileNotFoundError):
        if path.is_dir():
            raise StoreError(f"{path}: cannot be used (it is a directory); name a file with --store")
        if path.stat().st_size or not path.is_file():
            return
        raise StoreError(
            f"{path}: is empty, what it held is gone; put a copy back, or remove it: then every call is made again"
        )
    if path.parent.name == FOLDER and (run := _finished_run(path.parent.parent)) is not None:
        _LOG.warning(
            "%s: is new, and what earlier runs (%s) asked is not in it; name their store with --store",
            path, run,
        )  # fmt: skip
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.draft")
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as store:
            make(store)
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was faster
        except OSError:  # a file system without links
            if not path.exists():
                os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def connect(path: Path, patience_s: float) -> sqlite3.Connection:
    """Open a file for reading and writing. Says so where its log was taken from it."""
    if _log_is_lost(path):
        _LOG.warning(
            "%s: its log (%s%s) was removed; calls that were kept last may be lost, and are made again",
            path, path.name, _LOG_ENDS,
        )  # fmt: skip
    return sqlite3.connect(path, timeout=patience_s, isolation_level=None, check_same_thread=False)


def connect_reading(path: Path) -> sqlite3.Connection:
    """Open a file that cannot be written, or lies where nothing can, with what its log holds."""
    log = _beside(path, _LOG_ENDS)
    if not (log.is_file() and log.stat().st_size):
        return _opened(path, "immutable=1")
    with suppress(sqlite3.Error):
        # the index of the log is there too, or can be made
        return _opened(path, "mode=ro")
    # once it is open it needs no name any more, and is gone with the process
    with tempfile.TemporaryDirectory(prefix="rlaif-store-") as folder:
        copy = Path(shutil.copyfile(path, Path(folder, "store.sqlite")))
        shutil.copyfile(log, _beside(copy, _LOG_ENDS))
        return _opened(copy, "mode=rw")


def writable(path: Path) -> bool:
    """Whether a store can be written: its file, and the folder, in which its log lies."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies at `path` now; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _opened(path: Path, how: str) -> sqlite3.Connection:
    address = f"file:{quote(os.fsencode(path.absolute()))}?{how}"
    connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _finished_run(project: Path) -> Path | None:
    """A run of a project that has no store."""
    return next((each.parent for depth in ("*/", "*/*/") for each in project.glob(f"{depth}{RUN}")), None)


def _log_is_lost(path: Path) -> bool:
    """Whether the index of a log is there, and no log: SQLite makes the log first, and removes it last."""
    log, index = _beside(path, _LOG_ENDS), _beside(path, _INDEX_ENDS)
    if not index.exists() or log.exists():
        return False
    time.sleep(_SETTLE_S)  # looked at one after the other: a process may have closed the store in between
    return index.exists() and not log.exists()


def _beside(path: Path, ends: str) -> Path:
    return path.with_name(path.name + ends)
