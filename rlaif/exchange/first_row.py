"""The first row of a file. A file that holds no rows at all is called what it is: nobody is asked to mend its JSON."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from rlaif.errors import PromptFileError
from rlaif.exchange.rows import FORMATS, Row
from rlaif.text_kinds import MOST, kind_of_text

_JSON = (".json", ".jsonl", ".ndjson")
_PICKLED = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def first_row(ref: str | Path, rows: Iterator[Row]) -> tuple[Row | None, Iterator[Row]]:
    """The first row, None where there is none; and all rows, that one too.

    Raises PromptFileError as the rows do, and with the file's kind where its name promises JSON and it holds another.
    """
    try:
        head = list(islice(rows, 1))
    except PromptFileError:
        if (kind := _kind(Path(str(ref).partition("#")[0]))) is None:
            raise
        raise PromptFileError(f"{ref}: is {kind}, not JSON; give rows: {FORMATS}") from None
    return (head[0] if head else None), chain(head, rows)


def _kind(path: Path) -> str | None:
    if path.suffix.lower() not in _JSON or not os.path.isfile(path):
        return None
    try:
        with path.open("rb") as stream:
            head = stream.read(MOST)
    except OSError:
        return None  # whoever reads the rows says so
    if head.startswith(_PICKLED):
        return "a pickled object, which can run code when it is opened"
    return kind_of_text(head.decode("utf-8-sig", "replace")) if b"\x00" not in head else None
