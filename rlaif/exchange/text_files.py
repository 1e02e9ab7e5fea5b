"""Files of text as lines, also packed with gzip: what is no text, too long or a bomb is told before it is read."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rlaif.boundary import outside
from rlaif.errors import PromptFileError
from rlaif.plain_files import decoded, kind_of_bytes, open_regular

MAX_LINE = 256_000_000
"""Bytes of one line: a file that is longer without a line feed is not lines of rows."""
MAX_WHOLE = 4 * MAX_LINE
"""Bytes of a file that has to be read as one."""
MAX_UNPACKED = 256 << 20
"""Bytes that a file of any size may unpack to."""
MAX_RATIO = 300
"""Beyond `MAX_UNPACKED`, how many times its own size a file may unpack to: data does not repeat itself more often."""
_ENDS = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


class UnpackedSize:
    """Counts what a file unpacks to. A bomb is one that unpacks to far more than data ever does."""

    def __init__(self, path: Path, size: int) -> None:
        """`size` is what the file takes on disk."""
        self._path = path
        self._most = max(MAX_UNPACKED, MAX_RATIO * size)
        self._size, self._count = size, 0

    def add(self, count: int) -> None:
        """So many bytes more. Raises PromptFileError beyond the limit."""
        self._count += count
        if self._count > self._most:
            raise PromptFileError(
                f"{self._path}: its {self._size:,} bytes unpack to more than {self._most:,}; "
                "it holds the same over and over, write it again without that"
            )


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file of text, unpacked where its name ends in `.gz`.

    Raises PromptFileError for what is no regular file, and for what its first bytes say is no text.
    """
    with open_regular(path, PromptFileError) as stream:
        with _reading(path):
            kind = kind_of_bytes(stream.read(64))
            stream.seek(0)
        if path.suffix.lower() == ".gz":
            with gzip.GzipFile(fileobj=stream) as unpacked:
                yield unpacked  # type: ignore[misc]
            return
        if kind is not None and kind.startswith("UTF"):
            raise PromptFileError(f"{path}: is {kind}, not UTF-8; save it as UTF-8")
        if kind is not None:
            raise PromptFileError(f"{path}: is {kind}; {_remedy(kind)}")
        yield stream


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that hold more than blanks, without them, and their numbers. Raises PromptFileError."""
    return ((number, text) for number, line in raw_lines(path) if (text := line.strip()))


def raw_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Every line with its end, ended by a line feed and nothing else, and its number. Raises PromptFileError."""
    # by bytes: text mode would also end lines at characters that JSON strings may hold
    with opened(path) as stream:
        packed = path.suffix.lower() == ".gz"
        count = UnpackedSize(path, path.stat().st_size) if packed else None
        number = 0
        while True:
            with _reading(path):
                raw = stream.readline(MAX_LINE + 1)
            if not raw:
                return
            number += 1
            if len(raw) > MAX_LINE:
                raise PromptFileError(
                    f"{path}:{number}: the line is longer than {MAX_LINE:,} bytes; each line must be one row"
                )
            if count is not None:
                count.add(len(raw))
            yield number, _text(raw, f"{path}:{number}", first=number == 1)


def table_lines(path: Path) -> Iterator[str]:
    """Lines with their ends as a table has them: a carriage return alone ends one too."""
    for _, line in raw_lines(path):
        yield from _ENDS.findall(line) if "\r" in line else (line,)


def whole_text(path: Path) -> str:
    """The text of a file that has to be read as one. Raises PromptFileError."""
    with opened(path) as stream, _reading(path):
        data = stream.read(MAX_WHOLE + 1)
    if len(data) > MAX_WHOLE:
        raise PromptFileError(
            f"{path}: more than {MAX_WHOLE:,} bytes are too many for one list; save one object a line as .jsonl"
        )
    return decoded(data, str(path), PromptFileError)


def _text(raw: bytes, where: str, *, first: bool) -> str:
    try:
        return raw.decode("utf-8-sig" if first else "utf-8")
    except UnicodeDecodeError as wrong:
        raise PromptFileError(f"{where}: not UTF-8 ({wrong.reason}); save the file as UTF-8") from None


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    packed = path.suffix.lower() == ".gz"
    where = f"{path}: broken gzip" if packed else f"{path}: cannot be read"
    with outside(PromptFileError, where, "fetch the file again" if packed else "fetch it again"):
        yield


def _remedy(kind: str) -> str:
    if kind == "packed with gzip":
        return "let its name end in .gz"
    if "Parquet" in kind:
        return "let its name end in .parquet"
    if "LFS" in kind:
        return "fetch the file itself (`git lfs pull`)"
    return "unpack it, or save it as one of the formats that are read"
