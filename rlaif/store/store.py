"""One SQLite file a project: finished calls and the texts around them. Safe against kill -9 at any moment."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rlaif.errors import StoreError
from rlaif.records import Usage
from rlaif.store import ladder
from rlaif.store.place import refuse_network
from rlaif.store.wire import Reply, Request, failure, kind_of, reply_row, request_rows, row_reply, row_request

APPLICATION = 0x524C4146
BUSY_S = 60.0
_CHUNK = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model invocation as it is kept: what was sent, what came back or why nothing did."""

    key: str
    fingerprint: str
    request: Request
    reply: Reply | None
    error: str | None
    tries: int


class Store:
    """An open store. Use `Store.open`; close it, or use it in a `with` block."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._db = connection
        # threads share the connection: no reader may see a half-done transaction of another thread's
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the store at `path`, or make it. Raises StoreError for a place or file that cannot be one."""
        refuse_network(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # several threads may hold one store (a web server's do); SQLite serialises them
            connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            store = cls(path, connection)
            store._prepare()
        except (sqlite3.Error, OSError) as wrong:
            message = f"{path}: cannot be used ({wrong}); name another store with --store or RLAIF_STORE"
            raise StoreError(message) from None
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; the log is folded into it."""
        with self._lock:
            self._db.close()

    def get_many(self, keys: Sequence[str], ids: Sequence[str]) -> dict[str, Reply]:
        """Finished calls among `keys`: reply by key, as answer to the request id beside it. No failures."""
        wanted = dict(zip(keys, ids, strict=True))
        rows = self._rows(
            "SELECT key, kind, reply, prompt_tokens, completion_tokens FROM calls "
            "WHERE reply IS NOT NULL AND key IN ({})",
            list(wanted),
        )
        return {
            key: row_reply(kind, reply, wanted[key], Usage(prompt_tokens=sent, completion_tokens=got))
            for key, kind, reply, sent, got in rows
        }

    def present(self, keys: Sequence[str]) -> dict[str, Usage]:
        """The tokens of each finished call among `keys`, without its reply."""
        return {key: usage for key, (_, usage) in self.usage_of(keys).items()}

    def usage_of(self, keys: Sequence[str]) -> dict[str, tuple[str, Usage]]:
        """Fingerprint of the model and tokens of each finished call among `keys`, without its reply."""
        statement = (
            "SELECT key, fingerprint, prompt_tokens, completion_tokens FROM calls "
            "WHERE reply IS NOT NULL AND key IN ({})"
        )
        return {
            key: (fingerprint, Usage(prompt_tokens=sent, completion_tokens=got))
            for key, fingerprint, sent, got in self._rows(statement, list(dict.fromkeys(keys)))
        }

    def put_many(
        self, fingerprint: str, calls: Sequence[tuple[str, Request, Reply]], *, run_id: str = ""
    ) -> None:
        """Keep the calls (key, request, reply) of a wave: all of them or, when killed on the way, none.

        A failure never replaces a reply, and the first reply to a key stays: it is what others have read.
        """
        requests, blobs = request_rows([request for _, request, _ in calls])
        at = time.time()
        rows = [
            (
                *(key, kind_of(request), fingerprint, text, reply_row(reply), failure(reply)),
                *(reply.usage.prompt_tokens, reply.usage.completion_tokens, run_id, at),
            )
            for (key, request, reply), text in zip(calls, requests, strict=True)
        ]
        with self.transaction():
            self._put_blobs(blobs)
            self._db.executemany(
                "INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET "
                "reply = excluded.reply, error = excluded.error, prompt_tokens = excluded.prompt_tokens, "
                "completion_tokens = excluded.completion_tokens, run_id = excluded.run_id, at = excluded.at, "
                "tries = calls.tries + 1 WHERE calls.reply IS NULL",
                rows,
            )

    def call(self, key: str) -> Call | None:
        """The call of `key` with the exact texts that were sent, or None."""
        rows = self._read(
            "SELECT kind, fingerprint, request, reply, error, prompt_tokens, completion_tokens, tries "
            "FROM calls WHERE key = ?",
            [key],
        )
        if not rows:
            return None
        kind, fingerprint, request, reply, error, sent, got, tries = rows[0]
        usage = Usage(prompt_tokens=sent, completion_tokens=got)
        return Call(
            key=key,
            fingerprint=fingerprint,
            request=row_request(kind, request, self.blob),
            reply=None if reply is None else row_reply(kind, reply, "", usage),
            error=error,
            tries=tries,
        )

    def blob(self, name: str) -> bytes:
        """The bytes of a digest. Raises StoreError when they are not here."""
        rows = self._read("SELECT bytes FROM blobs WHERE digest = ?", [name])
        if not rows:
            raise StoreError(f"{self.path}: has no text {name}; it is not the store that this run used")
        return bytes(rows[0][0])

    def put_prompts(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep prompt rows by prompt id."""
        with self.transaction():
            values = ((name, _json(row)) for name, row in rows.items())
            self._db.executemany("INSERT OR IGNORE INTO prompts VALUES (?, ?)", values)

    def put_completions(self, rows: Iterable[tuple[str, str, str, int, Mapping[str, Any]]]) -> None:
        """Keep completions: id, prompt id, policy, draw and row of each."""
        with self.transaction():
            values = ((*names, _json(row)) for *names, row in rows)
            self._db.executemany("INSERT OR IGNORE INTO completions VALUES (?, ?, ?, ?, ?)", values)

    def put_pairs(self, run_id: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep the pairs of a run in their order, in place of those it had."""
        with self.transaction():
            self._db.execute("DELETE FROM pairs WHERE run_id = ?", (run_id,))
            values = ((run_id, place, row["id"], _json(row)) for place, row in enumerate(rows))
            self._db.executemany("INSERT INTO pairs VALUES (?, ?, ?, ?)", values)

    def put_usage(self, run_id: str, step: int, pair_ids: Iterable[str]) -> None:
        """Note which pairs a training step used."""
        with self.transaction():
            values = ((run_id, step, each) for each in pair_ids)
            self._db.executemany("INSERT OR IGNORE INTO usage VALUES (?, ?, ?)", values)

    def merge(self, shard: Path) -> int:
        """Take over what another store has finished; the number of calls that were new here.

        By key, so that merging twice, or what overlaps, changes nothing: the first reply to a key stays.
        """
        Store.open(shard).close()  # it is one of ours, and its log is folded in
        with self._reported():
            self._db.execute("ATTACH DATABASE ? AS shard", [str(shard)])
        try:
            with self.transaction():
                for table in ("blobs", "prompts", "completions"):
                    self._db.execute(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM shard.{table}")
                taken = self._db.execute(
                    "INSERT INTO main.calls SELECT * FROM shard.calls WHERE shard.calls.reply IS NOT NULL "
                    "ON CONFLICT (key) DO UPDATE SET reply = excluded.reply, error = NULL, "
                    "prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens, "
                    "run_id = excluded.run_id, at = excluded.at WHERE calls.reply IS NULL"
                )
            return taken.rowcount
        finally:
            with self._reported():
                self._db.execute("DETACH DATABASE shard")

    def used(self, pair_id: str) -> list[tuple[str, int]]:
        """Trainings and steps that used a pair."""
        rows = self._read("SELECT run_id, step FROM usage WHERE pair_id = ? ORDER BY run_id, step", [pair_id])
        return [(run_id, step) for run_id, step in rows]

    def counts(self) -> dict[str, int]:
        """Rows of each table, and how many calls have only failed."""
        names = ("blobs", "prompts", "completions", "calls", "pairs", "decisions", "usage")
        found = {name: self._count(f"SELECT count(*) FROM {name}") for name in names}
        return found | {"failed_calls": self._count("SELECT count(*) FROM calls WHERE reply IS NULL")}

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes of the block, or none of them."""
        with self._lock, self._reported():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # a full disk may have rolled back already
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as wrong:
            message = (
                f"{self.path}: cannot be used ({wrong}); make room, free it, or name another with --store"
            )
            raise StoreError(message) from wrong

    def _prepare(self) -> None:
        mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise StoreError(f"{self.path}: this file system cannot hold a write-ahead log; use a local disk")
        self._db.execute("PRAGMA synchronous = NORMAL")
        application, version = self._mark()
        if (application, version) == (0, 0):
            with self.transaction():
                # another process may have made the tables while this one waited for the lock
                if self._mark() == (0, 0):
                    self._make()
        elif application != APPLICATION:
            raise StoreError(f"{self.path}: is another program's database; name another file with --store")
        elif version > ladder.newest():
            raise StoreError(
                f"{self.path}: is a store of version {version}, which a newer rlaif made; this one reads up to "
                f"{ladder.newest()}: upgrade rlaif, or name another store with --store"
            )
        elif version < ladder.newest():
            self._migrate()

    def _migrate(self) -> None:
        """All steps in one transaction, the store as it was kept beside it; a failure leaves it as it was."""
        with self.transaction():
            # another process may have done it while this one waited for the lock
            version = self._mark()[1]
            if version < ladder.newest():
                ladder.backup(self.path, version)
                ladder.climb(self._db, version)

    def _mark(self) -> tuple[int, int]:
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        return application, self._db.execute("PRAGMA user_version").fetchone()[0]

    def _make(self) -> None:
        if self._count("SELECT count(*) FROM sqlite_master"):
            raise StoreError(f"{self.path}: is another program's database; name another file with --store")
        ladder.make(self._db)
        self._db.execute(f"PRAGMA application_id = {APPLICATION}")
        ladder.climb(self._db, ladder.FIRST)

    def _put_blobs(self, blobs: Mapping[str, bytes]) -> None:
        self._db.executemany("INSERT OR IGNORE INTO blobs VALUES (?, ?)", blobs.items())

    def _rows(self, statement: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(keys), _CHUNK):
            part = keys[start : start + _CHUNK]
            yield from self._read(statement.format(", ".join("?" * len(part))), part)

    def _count(self, statement: str) -> int:
        return int(self._read(statement)[0][0])

    def select(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Rows of a query, for the tables that have a file of their own."""
        return self._read(statement, values)

    def write(self, statement: str, values: Sequence[Any]) -> None:
        """Execute one statement that writes a row; call it inside a `transaction`."""
        self._db.execute(statement, values)

    def _read(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock, self._reported():
            return self._db.execute(statement, values).fetchall()


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)
