"""Run directories: who may write in one, what configuration it belongs to, and how far it got.

Whoever comes first writes the claim and holds the lock while it works; the kernel lets go when the process dies.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, Self

from rlaif.atomic import is_draft, write_text
from rlaif.boundary import disk_is_full
from rlaif.errors import DiskError, InputError, RlaifError, RunError
from rlaif.hashing import canonical_json
from rlaif.plain_files import read_json
from rlaif.runs.described import what_it_is
from rlaif.runs.identity import differing, run_id
from rlaif.runs.layout import CLAIM, LOCK, PROGRESS, RUN, TRAINING_LOCK
from rlaif.runs.record_files import PROGRESS_SCHEMA, RUN_SCHEMA, read_record
from rlaif.runs.seal import FILES, file_digests
from rlaif.runs.spent import TOOK, asked_new, in_all, took

_MARK = "rlaif run"
GONE = "was removed or replaced while this command wrote in it; leave it in its place"
_PACKAGES = ("rlaif", "torch", "transformers", "datasets", "peft", "accelerate", "numpy")


class Run:
    """A claimed run directory, as long as the `with` block lasts."""

    def __init__(
        self, folder: Path, command: str, config: Mapping[str, Any], lock: IO[bytes], *, made: bool
    ) -> None:
        self.dir = folder
        self.command = command
        self.config = config
        self.resumed = (folder / CLAIM).exists()
        """Whether an earlier process worked here with the same configuration."""
        self.finished = (folder / RUN).exists()
        """Whether an earlier process came to the end."""
        self._lock = lock
        self._made = made
        self._began = time.time()

    @property
    def id(self) -> str:
        """Digest of command and configuration; the same for every process that works on this run."""
        return run_id(self.command, self.config)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None = None, *_: object) -> None:
        if kind is not None and issubclass(kind, InputError) and not self.resumed:
            self._undo()
        self._lock.close()

    def progress(self, **figures: Any) -> None:
        """Say where the work stands, for `status`."""
        write_text(self.dir / PROGRESS, _json({**figures, "at": time.time()}), sync=False)

    def _undo(self) -> None:
        # bad input found after the claim, before any work: the user's directory is as it was
        if {path.name for path in self.dir.iterdir()} <= {CLAIM, LOCK, PROGRESS}:
            for name in (PROGRESS, CLAIM, LOCK):
                (self.dir / name).unlink(missing_ok=True)
            if self._made:
                self.dir.rmdir()

    def finish(
        self, summary: Mapping[str, Any], *, status: str = "done", templates: Mapping[str, str] | None = None
    ) -> None:
        """Write `run.json`, whole and last: whatever it names is already there.

        What was spent and how long it took is that of all commands that came to this end, not of the last one alone.
        `templates` are the digests of the texts that models were asked with, by name.
        """
        if not (self.dir / CLAIM).is_file():
            raise DiskError(str(self.dir), GONE)
        held = read_record(self.dir / CLAIM, RUN_SCHEMA)
        if templates is not None:
            held = {**held, "templates": dict(sorted(templates.items()))}
        sealed = {FILES: file_digests(self.dir)}
        found = {**held, "status": status, "versions": versions(), **sealed, **self._ended(summary, status)}
        write_text(self.dir / RUN, _json(found))
        self.finished = True

    def _ended(self, summary: Mapping[str, Any], status: str) -> dict[str, Any]:
        """When it ended, how long it took in all and its summary; who repeats it without a call changes no time."""
        now = time.time()
        worked = now - self._began
        before = _finished_before(self.dir / RUN)
        if before is None:
            return {"finished": now, TOOK: worked, "summary": dict(summary)}
        spent = in_all(before.get("summary") or {}, summary)
        if before.get("status") == status and "finished" in before and not asked_new(summary):
            return {"finished": before["finished"], TOOK: took(before), "summary": spent}
        return {"finished": now, TOOK: worked + (took(before) or 0.0), "summary": spent}


def claim(out: Path, config: Mapping[str, Any], *, command: str) -> Run:
    """Take `out` for this command and configuration: a new directory, or one that they own already.

    Raises RunError for a directory that is not a run, belongs to another configuration (naming the keys that
    differ), cannot be written, or has another process at work. Then nothing in it is changed.
    """
    config = json.loads(canonical_json(config))
    refuse_foreign(out)
    _refuse_other(out, config, command)
    made = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = _lock(out)
    except OSError as wrong:
        if disk_is_full(wrong):
            raise DiskError(str(out)) from None
        raise RunError(f"{out}: cannot be written ({wrong.strerror}); choose another --out") from None
    try:
        return _claimed(out, config, command, lock, made=made)
    except BaseException:
        lock.close()
        raise


def refuse_others(out: Path, config: Mapping[str, Any], *, command: str) -> None:
    """Raise RunError as `claim` would for a directory of something else; claim nothing."""
    refuse_foreign(out)
    _refuse_other(out, json.loads(canonical_json(config)), command)


def _claimed(out: Path, config: Mapping[str, Any], command: str, lock: IO[bytes], *, made: bool) -> Run:
    # once more under the lock: another process may have claimed it in between
    _refuse_other(out, config, command)
    for path in out.iterdir():
        if is_draft(path):  # of a process that was killed while it wrote
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    run = Run(out, command, config, lock, made=made)
    if not run.resumed:
        held = {"kind": _MARK, "command": command, "config": config, "started": time.time()}
        try:
            write_text(out / CLAIM, _json(held))
        except DiskError:
            raise
        except RlaifError as wrong:
            raise RunError(str(wrong)) from None
    return run


def read_run(folder: Path) -> dict[str, Any]:
    """`run.json`, or of a run that has not come to its end what is known of it, with its status."""
    found = read_facts(folder)
    return found if "status" in found else {**found, "status": _unfinished(folder)}


def read_facts(folder: Path) -> dict[str, Any]:
    """`run.json`, or of a run that has not come to its end `claim.json`; takes no lock, not even for a moment."""
    for name in (RUN, CLAIM):
        if os.path.isfile(folder / name):
            found: dict[str, Any] = read_record(folder / name, RUN_SCHEMA)
            return found
    raise RunError(what_it_is(folder))


def at_work(folder: Path, locks: Path = Path("/proc/locks")) -> bool:
    """Whether a process works in a run or a training, for who only looks.

    A lock that was taken to find out could refuse a command its own. So this asks the system's table of locks, and
    where there is none, whether the process lives that the lock file names.
    """
    return any(_is_held(folder / name, locks) for name in (LOCK, TRAINING_LOCK))


def _is_held(lock: Path, locks: Path) -> bool:
    try:
        inode = str(lock.stat().st_ino)
        holder = lock.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return False
    try:
        rows = [line.split() for line in locks.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return holder.isdecimal() and _lives(int(holder))
    # 1: FLOCK ADVISORY WRITE <process> <device>:<inode> 0 EOF
    held = (row[5] for row in rows if len(row) > 5 and row[1] == "FLOCK" and row[3] == "WRITE")
    return any(each.rpartition(":")[2] == inode for each in held)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def status(folder: Path) -> dict[str, Any]:
    """Command, status (`running`, `interrupted`, `done` ...) and last progress of a run."""
    run = read_run(folder)
    shown = ("command", "status", "started", "finished", TOOK, "summary")
    known: dict[str, Any] = {key: run[key] for key in shown if key in run}
    if _locked(folder):
        known["status"] = "running"
    if (folder / PROGRESS).is_file():
        known["progress"] = read_record(folder / PROGRESS, PROGRESS_SCHEMA)
    return {"run": str(folder), **known}


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape results; asks their metadata, imports none."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def refuse_foreign(out: Path) -> None:
    """Raise RunError for a place that is a file, cannot be read, or holds what is no run of ours."""
    try:
        if not out.exists():
            return
        if not out.is_dir():
            raise RunError(f"{out}: is a file; choose another --out")
        names = [path.name for path in out.iterdir() if path.name != LOCK and not is_draft(path)]
    except OSError as wrong:
        raise RunError(f"{out}: cannot be read ({wrong.strerror}); choose another --out") from None
    if names and CLAIM not in names:
        raise RunError(
            f"{out}: is no run of ours (it holds {sorted(names)[0]}); choose an empty or new --out"
        )


def _refuse_other(out: Path, config: Mapping[str, Any], command: str) -> None:
    if not (out / CLAIM).is_file():
        return
    marked = read_json(out / CLAIM, RunError, "choose another --out")
    if not isinstance(marked, Mapping) or marked.get("kind") != _MARK:
        raise RunError(f"{out}: its {CLAIM} is not ours; choose another --out")
    held = read_record(out / CLAIM, RUN_SCHEMA)
    if held["command"] != command:
        raise RunError(f"{out}: belongs to `rlaif {held['command']}`, not {command}; choose another --out")
    if held["config"] != config:
        keys = "; ".join(differing(held["config"], config))
        raise RunError(f"{out}: belongs to another configuration ({keys}); choose another --out")


def _finished_before(path: Path) -> Mapping[str, Any] | None:
    """`run.json` of an earlier end; None where there is none that can be read, which is then written anew."""
    try:
        return read_record(path, RUN_SCHEMA) if path.is_file() else None
    except RlaifError:
        return None


def _lock(out: Path) -> IO[bytes]:
    stream = (out / LOCK).open("a+b")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        holder = stream.read().decode(errors="replace").strip() or "unknown"
        stream.close()
        message = f"{out}: process {holder} is working on this run; wait for it, or choose another --out"
        raise RunError(message) from None
    if os.fstat(stream.fileno()).st_ino != (out / LOCK).stat().st_ino:
        # its holder undid the claim in between: what is locked is no longer in the directory
        stream.close()
        raise RunError(f"{out}: another process has just let go of this run; run again")
    stream.truncate(0)
    with suppress(OSError):  # a full disk: the number is for people, the lock holds without it
        os.write(stream.fileno(), str(os.getpid()).encode())
    return stream


def _locked(folder: Path) -> bool:
    try:
        with (folder / LOCK).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _unfinished(folder: Path) -> str:
    return "running" if _locked(folder) else "interrupted"


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
