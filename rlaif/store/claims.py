"""Which calls are under way: two processes with one store make no call twice.

A call under way is a locked byte of a file beside the store. The kernel lets go of it when the process ends, however it
ends: what a killed process had begun is free at once, and no clock has a say.
"""

from __future__ import annotations

import errno
import fcntl
import threading
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import IO

ENDS = ".calls"
"""What follows the store's name."""
_TURN = 0
"""The byte that is held while many are taken: who comes first gets all of a wave."""
_TAKEN = {errno.EAGAIN, errno.EACCES}


class _Held:
    """The open file of a store. A process that closes it lets go of all of its bytes, so all share one."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.users = 0


_OPEN: dict[Path, _Held] = {}
_LOCK = threading.Lock()


class CallClaims:
    """The calls under way of one open store."""

    def __init__(self, store: Path) -> None:
        self._path = store.absolute().with_name(store.name + ENDS)
        self._file: _Held | None = None
        self._usable = True
        self._passive: set[str] = set()

    def take(self, keys: Iterable[str], *, passive: bool = False) -> set[str]:
        """Claim calls.

        Args:
            keys: of the calls.
            passive: they are kept by this thread alone, so that `let_go` must come before it waits for somebody.

        Returns:
            The keys of those that no other process is making; all of them where files cannot be locked.
        """
        wanted = list(keys)
        with _LOCK:
            if not wanted or (held := self._opened()) is None:
                return set(wanted)
            try:
                fcntl.lockf(held.stream, fcntl.LOCK_EX, 1, _TURN)
                try:
                    taken = {key for key in wanted if _taken(held.stream, key)}
                finally:
                    fcntl.lockf(held.stream, fcntl.LOCK_UN, 1, _TURN)
            except OSError:  # a file system without locks
                self._usable = False
                return set(wanted)
            if passive:
                self._passive |= taken
            return taken

    def release(self, keys: Iterable[str]) -> None:
        """Let go of calls whose replies are in the store, or which are not made."""
        with _LOCK:
            for key in keys:
                self._passive.discard(key)
                if self._file is not None:
                    fcntl.lockf(self._file.stream, fcntl.LOCK_UN, 1, _place(key))

    def let_go(self) -> None:
        """Let go of what was taken as `passive`: two processes that wait for each other would wait for ever."""
        self.release(tuple(self._passive))

    def close(self) -> None:
        """Let go of everything."""
        with _LOCK:
            if self._file is None:
                return
            self._file.users -= 1
            if not self._file.users:
                self._file.stream.close()
                del _OPEN[self._path]
            self._file = None

    def _opened(self) -> _Held | None:
        if self._file is None and self._usable:
            try:
                if self._path not in _OPEN:
                    _OPEN[self._path] = _Held(self._path.open("ab"))
            except OSError:
                self._usable = False
                return None
            self._file = _OPEN[self._path]
            self._file.users += 1
        return self._file


def _taken(stream: IO[bytes], key: str) -> bool:
    try:
        fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _place(key))
    except OSError as wrong:
        if wrong.errno in _TAKEN:
            return False
        raise
    return True


def _place(key: str) -> int:
    return 1 + int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=7).digest(), "little")
