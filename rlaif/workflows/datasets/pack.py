"""`rlaif pack`: a run and every call it refers to, in one archive that needs no store beside it."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from rlaif.atomic import is_draft, whole_file
from rlaif.errors import DiskError, InputError, RlaifError, RunError, StoreError
from rlaif.exchange.rows import read_rows
from rlaif.runs.claim import read_run
from rlaif.runs.layout import LOCK
from rlaif.secrets import cleaned_text, holds_secret
from rlaif.store import Call, Store, find_store

STORE_INSIDE = ".rlaif/store.sqlite"
CHUNK = 500


def pack(run: Path, *, out: Path | None = None, store: Path | None = None) -> Path:
    """Write a run and the stored calls that it refers to as one archive; return its path. Raises RunError."""
    if read_run(run)["status"] == "running":
        raise RunError(f"{run}: a process is working on it; wait for it")
    run = run.resolve()  # `.` has no name
    target = out or run.with_name(run.name + ".tar.gz")
    keys = sorted(set(referred(run)))
    try:
        _write(run, target, find_store(run, store), keys)
    except (InputError, DiskError):
        raise
    except RlaifError as wrong:  # no work is lost by it, only the place is wrong
        raise RunError(str(wrong)) from None
    return target


def _write(run: Path, target: Path, store: Path, keys: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        small = Path(scratch) / "store.sqlite"
        _copy_calls(store, small, keys)
        with whole_file(target) as draft, tarfile.open(draft, "w:gz") as archive:
            for path in sorted(run.rglob("*")):
                if path.is_file() and path.name != LOCK and not is_draft(path):
                    _add(archive, path, f"{run.name}/{path.relative_to(run)}")
            archive.add(small, f"{run.name}/{STORE_INSIDE}")


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    """Put a file in as it is; where an earlier version kept a key in it, without that."""
    if not holds_secret(path):
        archive.add(path, name)
        return
    try:
        data = cleaned_text(path.read_text(encoding="utf-8")).encode()
    except UnicodeDecodeError:
        raise RunError(f"{path}: holds a key or a password; remove it, and pack again") from None
    member = archive.gettarinfo(path, name)
    member.size = len(data)
    archive.addfile(member, BytesIO(data))


def referred(run: Path) -> Iterator[str]:
    """Store keys that the run's rows name: those of its pairs, and those of its judgments."""
    for path in sorted(run.rglob("*.jsonl")):
        for where, row in read_rows(path):
            for holder in (row, row.get("provenance")) if isinstance(row, Mapping) else ():
                calls = holder.get("calls") if isinstance(holder, Mapping) else None
                if not isinstance(calls or [], list) or not all(isinstance(key, str) for key in calls or ()):
                    raise RunError(f"{where}: `calls` must be a list of texts; make the file again")
                yield from calls or ()


def _copy_calls(source: Path, target: Path, keys: Sequence[str]) -> None:
    if keys and not source.is_file():
        raise StoreError(
            f"{source}: is not there, and the run refers to {len(keys)} calls; name it with --store"
        )
    with Store.open(target) as small:
        if not keys:
            return
        with Store.open(source, writes=False) as whole:
            calls = [_needed(whole, key) for key in keys]
            for fingerprint in sorted({call.fingerprint for call in calls}):
                own = [each for each in calls if each.fingerprint == fingerprint]
                rows = [(each.key, each.request, each.reply) for each in own if each.reply is not None]
                for start in range(0, len(rows), CHUNK):
                    small.put_many(fingerprint, rows[start : start + CHUNK])


def _needed(store: Store, key: str) -> Call:
    call = store.call(key)
    if call is None:
        raise StoreError(f"{store.path}: has no call {key}; it is not the store that this run used (--store)")
    return call
