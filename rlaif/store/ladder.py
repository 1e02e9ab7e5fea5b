"""How a store comes to the version that this rlaif reads: a function for each step, from one version to the next.

`schema.sql` is version 1, and every store climbs from where it stands: a new one from there, one that an earlier rlaif
made from the version that it has. To change what is kept, add a step here and leave `schema.sql` as it is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path

FIRST = 1
Step = Callable[[sqlite3.Connection], None]
"""Changes a store in an open transaction; must not commit."""
STEPS: tuple[Step, ...] = ()
"""The first takes version 1 to 2, the second 2 to 3."""


def newest() -> int:
    """The version that this rlaif reads and writes."""
    return FIRST + len(STEPS)


def make(store: sqlite3.Connection) -> None:
    """The tables of version 1, in an open transaction."""
    # one by one: executescript would commit the open transaction
    script = files("rlaif.store").joinpath("schema.sql").read_text(encoding="utf-8")
    for statement in script.split(";\n"):
        store.execute(statement)


def climb(store: sqlite3.Connection, version: int) -> None:
    """Take a store of `version` to the newest one, in an open transaction."""
    for step in STEPS[version - FIRST :]:
        step(store)
    store.execute(f"PRAGMA user_version = {newest()}")


def backup(path: Path, version: int) -> Path:
    """Copy the store as it is on disk to a file beside it, whole or not at all; says where that is."""
    target = path.with_name(f"{path.name}.v{version}.bak")
    draft = target.with_name(f"{target.name}.{os.getpid()}.draft")
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(draft)) as copy:
            source.backup(copy)
            # the copy is one file, without a log beside it
            copy.execute("PRAGMA journal_mode = DELETE")
        os.replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    return target
