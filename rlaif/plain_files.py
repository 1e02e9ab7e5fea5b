"""Files and JSON text from outside, read within limits: what is no regular file, too long or broken is one sentence."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from rlaif.boundary import told
from rlaif.errors import InputError

MAX_RECORD = 64_000_000
"""Bytes of a file of ours that is read as one, such as `run.json`."""
_PACKED = {
    b"\x1f\x8b": "packed with gzip",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ\x00": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"PK\x03\x04": "a zip archive (as .xlsx files are)",
    b"PAR1": "a Parquet file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3\x00": "a SQLite database",
    b"%PDF-": "a PDF file",
}
_ENCODED = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_BLANKS = re.compile(r"[ \t\n\r]*")
_POINTER = b"version https://git-lfs.github.com/"


def open_regular(path: Path, error: type[InputError]) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        error: there is none, or it is a directory, a pipe or a device, or cannot be opened.
    """
    try:
        # a pipe that nobody writes to would be waited for
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except ValueError:
        raise error(f"{_shown(path)}: no file has such a name; check the path") from None
    except OSError as wrong:
        raise error(f"{_shown(path)}: {unreadable(wrong)}") from None
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise error(f"{_shown(path)}: is a directory; name a file in it")
    raise error(f"{_shown(path)}: is a pipe or a device; save its content as a file, and name that")


def read_whole(path: Path, error: type[InputError], most: int = MAX_RECORD) -> bytes:
    """All bytes of a regular file. Raises `error`, also where there are more than `most` of them."""
    with open_regular(path, error) as stream:
        try:
            data = stream.read(most + 1)
        except (OSError, MemoryError) as wrong:
            raise error(f"{path}: cannot be read ({told(wrong)}); check the file") from None
    if len(data) > most:
        raise error(f"{path}: is longer than {most:,} bytes; it is no such file, or must be split")
    return data


def unreadable(wrong: OSError) -> str:
    """Why a file cannot be read, and what to do."""
    return f"cannot be read ({wrong.strerror or told(wrong)}); check the path and its permissions"


def kind_of_bytes(head: bytes) -> str | None:
    """What a file that begins so is, if it is no text in UTF-8 to be read as it is."""
    for start, name in {**_PACKED, **_ENCODED}.items():
        if head.startswith(start):
            return name
    return "a pointer of Git LFS, not the file" if head.startswith(_POINTER) else None


def decoded(data: bytes, where: str, error: type[InputError]) -> str:
    """Text of UTF-8 bytes, without a byte order mark. Raises `error`, naming what the bytes are instead."""
    kind = kind_of_bytes(data[:64])
    if kind in _ENCODED.values():
        raise error(f"{where}: is {kind}, not UTF-8; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        what = f"is {kind}" if kind else f"not UTF-8 ({wrong.reason} at byte {wrong.start})"
        raise error(f"{where}: {what}; save it as UTF-8 text") from None


def parse_json(text: str, where: str, error: type[InputError], remedy: str, *, lines: bool = False) -> Any:
    """The value of JSON text.

    An integer that Python would not read for its length is kept as the text of its digits.

    Args:
        text: the JSON.
        where: file, or file and line.
        error: what a fault becomes.
        remedy: what to do, without a full stop.
        lines: whether `where` is a file, whose line is to be told.

    Raises:
        error: it is no JSON, or nested without end.
    """
    with _broken(where, error, remedy, lines=lines):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:  # longer than Python turns into a number
            return json.loads(text, parse_int=_number_or_digits)


def json_items(text: str, where: str, error: type[InputError], remedy: str) -> Iterator[Any]:
    """The values of a JSON list one after another; see `parse_json`."""
    decode = json.JSONDecoder().raw_decode
    at, end = _behind(text, 0) + 1, len(text)
    more = text[(at := _behind(text, at)) : at + 1] != "]"
    while more:
        with _broken(where, error, remedy, lines=True):
            start = _behind(text, at)
            try:
                value, at = decode(text, start)
            except json.JSONDecodeError:
                raise
            except ValueError:
                value, at = json.JSONDecoder(parse_int=_number_or_digits).raw_decode(text, start)
            at = _behind(text, at)
            more = text[at : at + 1] == ","
            if not more and text[at : at + 1] != "]":
                raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
            at += more
        yield value
    with _broken(where, error, remedy, lines=True):
        if (at := _behind(text, at + 1)) < end:
            raise json.JSONDecodeError("Extra data", text, at)


def read_json(path: Path, error: type[InputError], remedy: str, most: int = MAX_RECORD) -> Any:
    """The value of a JSON file; see `parse_json` and `read_whole`."""
    return parse_json(
        decoded(read_whole(path, error, most), str(path), error), str(path), error, remedy, lines=True
    )


@contextmanager
def _broken(where: str, error: type[InputError], remedy: str, *, lines: bool) -> Iterator[None]:
    try:
        yield
    except json.JSONDecodeError as wrong:
        place = f"{where}:{wrong.lineno}" if lines else where
        raise error(f"{place}: broken JSON ({wrong.msg} at column {wrong.colno}); {remedy}") from None
    except (RecursionError, MemoryError) as wrong:
        raise error(f"{where}: broken JSON ({told(wrong)}); {remedy}") from None


def _behind(text: str, at: int) -> int:
    """The place of the next character that is no blank."""
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def _number_or_digits(digits: str) -> int | str:
    return int(digits) if len(digits) <= sys.get_int_max_str_digits() else digits


def _shown(path: Path) -> str:
    text = str(path)
    return text if len(text) <= 200 else text[:197] + "..."
