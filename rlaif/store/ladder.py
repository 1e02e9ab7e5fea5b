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

from rlaif.store.wire import reply_digest

FIRST = 1
_CHUNK = 1000
Step = Callable[[sqlite3.Connection], None]
"""Changes a store in an open transaction; must not commit."""


def _with_digests(store: sqlite3.Connection) -> None:
    """A digest for each reply: one that was changed on the disk is noticed when it is read."""
    store.execute("ALTER TABLE calls ADD COLUMN digest INTEGER")
    # a text that is damaged already gets the digest of another one, so that it is noticed
    store.text_factory = lambda data: data.decode("utf-8", "replace")
    try:
        rows = store.execute(
            "SELECT key, reply, prompt_tokens, completion_tokens FROM calls WHERE typeof(reply) = 'text'"
        )
        while part := rows.fetchmany(_CHUNK):
            digests = [(reply_digest(*row), row[0]) for row in part]
            store.executemany("UPDATE calls SET digest = ? WHERE key = ?", digests)
    finally:
        store.text_factory = str


STEPS: tuple[Step, ...] = (_with_digests,)
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


def columns() -> dict[str, list[str]]:
    """The columns of each table of the newest version, in their order."""
    with closing(sqlite3.connect(":memory:")) as store:
        make(store)
        climb(store, FIRST)
        return columns_of(store)


def columns_of(store: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of each table of a store, in their order."""
    names = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: [row[1] for row in store.execute(f"PRAGMA table_info({name})")] for name in names}


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
