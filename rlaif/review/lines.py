"""The lines of a large file by their places: found without reading them, and read one at a time.

A file that a run is still writing is read as far as its last whole line.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Places = NDArray[np.uint64]

BLOCK = 1 << 22
MOST_BLANK = 16
"""Bytes up to which a line is read to know whether it is blank."""
_BLANK = b" \t\r\n"
_NEWLINE = 10


class FileStamp(NamedTuple):
    """What changes when a file does."""

    size: int
    changed: float


def file_stamp(path: Path) -> FileStamp:
    """The stamp of a file; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return FileStamp(0, 0.0)
    return FileStamp(found.st_size, found.st_mtime)


class LineFile:
    """The places of all whole lines of a file that hold something."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stamp = file_stamp(path)
        self._starts = array("Q")
        self._sizes = array("Q")
        for starts, sizes in _places(path, self.stamp.size):
            self._starts.frombytes(starts.tobytes())
            self._sizes.frombytes(sizes.tobytes())

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self._starts)

    def line(self, place: int) -> bytes:
        """The bytes of one line."""
        with self.path.open("rb") as stream:
            stream.seek(self._starts[place])
            return stream.read(self._sizes[place])

    def lines(self, first: int = 0, last: int | None = None) -> Iterator[bytes]:
        """The bytes of some lines in order; of all without limits."""
        stop = len(self) if last is None else min(last, len(self))
        if first >= stop:
            return
        with self.path.open("rb") as stream:
            stream.seek(at := self._starts[first])
            for place in range(first, stop):
                if at != self._starts[place]:
                    stream.seek(self._starts[place])
                yield stream.read(self._sizes[place])
                at = self._starts[place] + self._sizes[place]

    def number(self, place: int) -> int:
        """The number of a line in its file, from 1: blank ones count."""
        with self.path.open("rb") as stream:
            before = stream.read(self._starts[place])
        return before.count(b"\n") + 1

    def holding(self, text: str) -> list[int]:
        """Places of the lines that hold a text, whatever its case; `text` as JSON writes it."""
        needle = text.lower()
        plain = needle.encode() if needle.isascii() else None
        found: list[int] = []
        place = 0
        with self.path.open("rb") as stream:
            while place < len(self):
                start, last = self._starts[place], self._until(place)
                stream.seek(start)
                block = stream.read(self._starts[last - 1] + self._sizes[last - 1] - start)
                # a block as a whole, not line by line: a hundred thousand small searches take seconds
                if plain is not None:
                    found += self._hits(block.lower(), plain, start, place, last)
                else:
                    found += [
                        each
                        for each in range(place, last)
                        if needle in self._cut(block, start, each).decode("utf-8", "replace").lower()
                    ]
                place = last
        return found

    def _until(self, place: int) -> int:
        """The place behind the last line of a block that begins with this one."""
        return max(place + 1, bisect_right(self._starts, self._starts[place] + BLOCK))

    def _cut(self, block: bytes, start: int, place: int) -> bytes:
        begin = self._starts[place] - start
        return block[begin : begin + self._sizes[place]]

    def _hits(self, block: bytes, needle: bytes, start: int, place: int, last: int) -> Iterator[int]:
        at = block.find(needle)
        while at >= 0:
            line = bisect_right(self._starts, start + at, place, last) - 1
            if at + len(needle) <= (behind := self._starts[line] - start + self._sizes[line]):
                yield line
            at = block.find(needle, max(at + 1, behind))


def _places(path: Path, size: int) -> Iterator[tuple[Places, Places]]:
    """Starts and sizes of whole lines, and of a last one without an end, which a hand may have written."""
    import numpy as np

    begin = at = 0
    try:
        stream = path.open("rb")
    except OSError:
        return
    with stream:
        while block := stream.read(min(BLOCK, size - at)):
            ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _NEWLINE) + (at + 1)
            at += len(block)
            if not len(ends):
                continue
            starts = np.concatenate(([begin], ends[:-1]))
            begin = int(ends[-1])
            short = np.flatnonzero(ends - starts <= MOST_BLANK).tolist()
            blank = [each for each in short if not _holds(stream, int(starts[each]), int(ends[each]))]
            starts, ends = np.delete(starts, blank), np.delete(ends, blank)
            yield starts.astype(np.uint64), (ends - starts).astype(np.uint64)
            stream.seek(at)
        if begin < at:
            stream.seek(begin)
            if stream.read(at - begin).rstrip(_BLANK).endswith(b"}"):
                yield np.array([begin], np.uint64), np.array([at - begin], np.uint64)


def _holds(stream: BinaryIO, begin: int, end: int) -> bool:
    """Whether a short line holds anything but blanks."""
    stream.seek(begin)
    return bool(stream.read(end - begin).strip(_BLANK))
