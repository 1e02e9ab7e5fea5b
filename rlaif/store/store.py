"""One SQLite file a project: finished calls and the texts around them. Safe against kill -9 at any moment."""

from __future__ import annotations

import errno
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rlaif.boundary import disk_failure, told
from rlaif.errors import DiskError, StoreError
from rlaif.hashing import digest_bytes
from rlaif.records import Usage
from rlaif.store import ladder
from rlaif.store.claims import CallClaims
from rlaif.store.files import connect, connect_reading, identity, make_file, writable
from rlaif.store.place import refuse_network
from rlaif.store.wire import (
    Reply,
    Request,
    failure,
    kind_of,
    reply_digest,
    reply_row,
    request_rows,
    row_reply,
    row_request,
)

_LOG = logging.getLogger(__name__)
APPLICATION = 0x524C4146
BUSY_S = 60.0
_CHUNK = 500
_NO_DIGEST = "NULL"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_MEND = (
    "put a copy of it back, save what can be read with `sqlite3 OLD .recover | sqlite3 NEW`, or name another store "
    "with --store: what it held is asked again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One model invocation as it is kept: what was sent, what came back or why nothing did."""

    key: str
    fingerprint: str
    request: Request
    reply: Reply | None
    error: str | None
    tries: int


_PAIR = {"id", "chosen", "rejected", "label_prob"}


class Store:
    """An open store. Use `Store.open`; close it, or use it in a `with` block."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writes: bool = True) -> None:
        self.path = path
        self._db = connection
        self._writes = writes
        self._place = path.absolute()
        self._file = identity(self._place)
        self.claims = CallClaims(path)
        """Which calls are under way."""
        # threads share the connection: no reader may see a half-done transaction of another thread's
        self._lock = threading.RLock()
        self._digest = "digest"
        self._broken: set[str] = set()
        """Keys of calls whose replies are damaged: the next reply takes their place."""
        self._damaged = 0

    @classmethod
    def open(cls, path: Path, *, writes: bool = True) -> Self:
        """Open the store at `path`, or make it.

        Args:
            path: the file.
            writes: False for who only reads: a store that cannot be written, or lies where nothing can, is read as it
                is then, without a file beside it.

        Raises:
            StoreError: the place or the file cannot be a store's.
            DiskError: the disk is full or fails.
        """
        refuse_network(path)
        reads = not writes and path.is_file()
        if reads and not writable(path):
            return cls._opened(path, writes=False)
        try:
            return cls._opened(path, writes=True)
        except DiskError:
            if not reads:
                raise
        # there is no room for a log, which a reader can do without
        return cls._opened(path, writes=False)

    @classmethod
    def _opened(cls, path: Path, *, writes: bool) -> Self:
        try:
            if writes:
                path.parent.mkdir(parents=True, exist_ok=True)
                make_file(path, _make)
                # several threads may hold one store (a web server's do); SQLite serialises them
                store = cls(path, connect(path, BUSY_S))
            else:
                store = cls(path, connect_reading(path), writes=False)
            store._prepare()
        except (sqlite3.Error, OSError) as wrong:
            raise _refused(path, wrong, "name another store with --store or RLAIF_STORE") from None
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; the log is folded into it."""
        with self._lock:
            if self._damaged > 1:
                _LOG.warning("%s: %d replies were damaged in all", self.path, self._damaged)
            self._damaged = 0
            self.claims.close()
            self._db.close()

    def get_many(self, keys: Sequence[str], ids: Sequence[str]) -> dict[str, Reply]:
        """Finished calls among `keys`: reply by key, as answer to the request id beside it. No failures.

        A reply that was damaged on the disk counts as not there, and a warning says so.
        """
        wanted = dict(zip(keys, ids, strict=True))
        rows = self._rows(
            f"SELECT key, kind, reply, prompt_tokens, completion_tokens, {self._digest} FROM calls "
            "WHERE reply IS NOT NULL AND key IN ({})",
            list(wanted),
        )
        found = {}
        for key, kind, reply, sent, got, digest in rows:
            try:
                found[key] = self._reply(key, kind, wanted[key], reply, sent, got, digest)
            except StoreError as wrong:
                if not self._damaged:
                    _LOG.warning("%s; it is asked again, and so is any other like it", wrong)
                self._damaged += key not in self._broken
                self._broken.add(key)
        return found

    def _reply(
        self, key: str, kind: str, request_id: str, reply: Any, sent: Any, got: Any, digest: Any
    ) -> Reply:
        """The reply of a row. Raises StoreError where it is not what was kept."""
        try:
            if self._digest != _NO_DIGEST and reply_digest(key, reply, sent, got) != digest:
                raise ValueError("it was changed")
            return row_reply(kind, reply, request_id, Usage(prompt_tokens=sent, completion_tokens=got))
        except Exception as wrong:
            raise StoreError(f"{self.path}: the reply of call {key} is damaged ({told(wrong)})") from wrong

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
            key: (str(fingerprint), Usage(prompt_tokens=sent, completion_tokens=got))
            for key, fingerprint, sent, got in self._rows(statement, list(dict.fromkeys(keys)))
            if isinstance(sent, int) and isinstance(got, int)
        }

    def put_many(
        self, fingerprint: str, calls: Sequence[tuple[str, Request, Reply]], *, run_id: str = ""
    ) -> None:
        """Keep the calls (key, request, reply) of a wave: all of them or, when killed on the way, none.

        A failure never replaces a reply, and the first reply to a key stays: it is what others have read.
        """
        requests, blobs = request_rows([request for _, request, _ in calls])
        at = time.time()
        rows = []
        for (key, request, reply), text in zip(calls, requests, strict=True):
            row, used = reply_row(reply), reply.usage
            digest = (
                None if row is None else reply_digest(key, row, used.prompt_tokens, used.completion_tokens)
            )
            rows.append(
                (
                    *(key, kind_of(request), fingerprint, text, row, failure(reply)),
                    *(used.prompt_tokens, used.completion_tokens, run_id, at, digest),
                )
            )
        with self.transaction():
            self._put_blobs(blobs)
            if self._broken:
                damaged = [(key,) for key, _, _ in calls if key in self._broken]
                self._db.executemany("DELETE FROM calls WHERE key = ?", damaged)
            self._db.executemany(
                "INSERT INTO calls (key, kind, fingerprint, request, reply, error, prompt_tokens, "
                "completion_tokens, run_id, at, tries, digest) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (key) DO UPDATE SET "
                "reply = excluded.reply, error = excluded.error, prompt_tokens = excluded.prompt_tokens, "
                "completion_tokens = excluded.completion_tokens, run_id = excluded.run_id, at = excluded.at, "
                "digest = excluded.digest, tries = calls.tries + 1 WHERE calls.reply IS NULL",
                rows,
            )
        self._broken.difference_update(key for key, _, _ in calls)

    def call(self, key: str) -> Call | None:
        """The call of `key` with the exact texts that were sent, or None."""
        rows = self._read(
            "SELECT kind, fingerprint, request, reply, error, prompt_tokens, completion_tokens, "
            f"{self._digest}, tries FROM calls WHERE key = ?",
            [key],
        )
        if not rows:
            return None
        kind, fingerprint, request, reply, error, sent, got, digest, tries = rows[0]
        try:
            sent_request = row_request(kind, request, self.blob)
        except StoreError:
            raise
        except Exception as wrong:
            raise StoreError(
                f"{self.path}: the request of call {key} is damaged ({told(wrong)}); {_MEND}"
            ) from wrong
        return Call(
            key=key,
            fingerprint=str(fingerprint),
            request=sent_request,
            reply=None if reply is None else self._reply(key, kind, "", reply, sent, got, digest),
            error=None if error is None else str(error),
            tries=tries,
        )

    def blob(self, name: str) -> bytes:
        """The bytes of a digest. Raises StoreError when they are not here, or others are."""
        rows = self._read("SELECT bytes FROM blobs WHERE digest = ?", [name])
        if not rows:
            raise StoreError(f"{self.path}: has no text {name}; it is not the store that this run used")
        data = rows[0][0]
        if not isinstance(data, bytes) or digest_bytes(data) != name:
            raise StoreError(f"{self.path}: the text {name} is damaged; {_MEND}")
        return data

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

    def pair_rows(self, run_id: str) -> list[dict[str, Any]]:
        """The rows of a run's pairs as it put them here; those that are damaged are left out."""
        rows = []
        for (text,) in self._read("SELECT row FROM pairs WHERE run_id = ? ORDER BY place", [run_id]):
            with suppress(ValueError, TypeError):
                row = json.loads(text)
                rows += [row] if isinstance(row, dict) and row.keys() >= _PAIR else []
        return rows

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
        names = ", ".join(ladder.columns_of(self._db)["calls"])
        try:
            with self.transaction():
                for table in ("blobs", "prompts", "completions"):
                    self._db.execute(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM shard.{table}")
                taken = self._db.execute(
                    f"INSERT INTO main.calls ({names}) SELECT {names} FROM shard.calls "
                    "WHERE shard.calls.reply IS NOT NULL "
                    "ON CONFLICT (key) DO UPDATE SET reply = excluded.reply, error = NULL, "
                    "prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens, "
                    "run_id = excluded.run_id, at = excluded.at, digest = excluded.digest WHERE calls.reply IS NULL"
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
            if identity(self._place) != self._file:
                raise DiskError(
                    str(self.path),
                    "was removed or replaced while this command used it, and what it kept since is lost; "
                    "leave it in its place",
                )
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
            raise _refused(self.path, wrong, "make room, free it, or name another with --store") from wrong

    def _prepare(self) -> None:
        if self._writes:
            mode = self._db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            if mode != "wal":
                raise StoreError(
                    f"{self.path}: this file system cannot hold a write-ahead log; use a local disk"
                )
            self._db.execute("PRAGMA synchronous = NORMAL")
        application, version = self._mark()
        if (application, version) == (0, 0) and self._writes:
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
        elif version < ladder.newest() and self._writes:
            self._migrate()
        self._check_columns()

    def _check_columns(self) -> None:
        """Refuse a store that lacks what is read from it. One that only an earlier rlaif has written has no digests."""
        held = ladder.columns_of(self._db)
        if "digest" not in held.get("calls", ()):
            self._digest = _NO_DIGEST
        if self._mark()[1] < ladder.newest():
            return
        for table, names in ladder.columns().items():
            if missing := [each for each in names if each not in held.get(table, ())]:
                raise StoreError(f"{self.path}: is damaged: {table} has no {', '.join(missing)}; {_MEND}")

    def _migrate(self) -> None:
        """All steps in one transaction, the store as it was kept beside it; a failure leaves it as it was."""
        with self.transaction():
            # another process may have done it while this one waited for the lock
            version = self._mark()[1]
            if version < ladder.FIRST:
                raise StoreError(f"{self.path}: is damaged: it has no version; {_MEND}")
            if version < ladder.newest():
                ladder.backup(self.path, version)
                ladder.climb(self._db, version)

    def _mark(self) -> tuple[int, int]:
        application = self._db.execute("PRAGMA application_id").fetchone()[0]
        return application, self._db.execute("PRAGMA user_version").fetchone()[0]

    def _make(self) -> None:
        if self._count("SELECT count(*) FROM sqlite_master"):
            raise StoreError(f"{self.path}: is another program's database; name another file with --store")
        _fill(self._db)

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
            try:
                return self._db.execute(statement, values).fetchall()
            except sqlite3.OperationalError as wrong:
                if "decode to UTF-8" not in str(wrong):
                    raise
            # one damaged text must not cost the others
            self._db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            try:
                return self._db.execute(statement, values).fetchall()
            finally:
                self._db.text_factory = str


def _make(store: sqlite3.Connection) -> None:
    store.execute("BEGIN")
    _fill(store)
    store.execute("COMMIT")


def _fill(store: sqlite3.Connection) -> None:
    """The tables of a new store, in an open transaction."""
    ladder.make(store)
    store.execute(f"PRAGMA application_id = {APPLICATION}")
    ladder.climb(store, ladder.FIRST)


def _refused(path: Path, wrong: Exception, remedy: str) -> StoreError | DiskError:
    """What SQLite or the system said of a store, as ours."""
    if (reason := disk_failure(wrong)) is not None and not _read_only(wrong):
        return DiskError(str(path)) if _is_full(path.parent) else DiskError(str(path), reason)
    code = getattr(wrong, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_CANTOPEN and _is_full(path.parent):
        return DiskError(str(path))
    if code == sqlite3.SQLITE_CANTOPEN and path.parent.is_dir() and not os.access(path.parent, os.W_OK):
        return StoreError(f"{path}: cannot be used (its folder can only be read); {remedy}")
    if code in _DAMAGED:
        remedy = _MEND
    return StoreError(f"{path}: cannot be used ({wrong}); {remedy}")


def _read_only(wrong: Exception) -> bool:
    return isinstance(wrong, OSError) and wrong.errno == errno.EROFS


def _is_full(folder: Path) -> bool:
    with suppress(OSError):
        found = os.statvfs(folder)
        return not found.f_bavail or (found.f_files > 0 and not found.f_favail)
    return False


def _json(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)
