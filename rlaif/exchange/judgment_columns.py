"""Judgments of a run as columns of numbers: a file is read in blocks, ids become places, rows are not kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rlaif.errors import RunError
from rlaif.exchange.rows import read_rows
from rlaif.plain_files import open_regular
from rlaif.records import State

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

BLOCK = 1 << 24
"""Bytes of a file that are read at once."""
_STATE = {each.value: place for place, each in enumerate(State)}
_FIELDS = ("completion_ids", "principle_id", "state", "value", "protocol")


class Places(Protocol):
    """From names to numbers: where a reader keeps what a judgment names."""

    def of_completion(self, name: str) -> int:
        """Place of a completion by its id."""

    def of_principle(self, name: str) -> int:
        """Place of a principle by its id; the empty id where a judgment names none."""

    def of_protocol(self, name: str) -> int:
        """Place of a protocol by its name."""


class JudgmentColumns(NamedTuple):
    """A row for each judgment; all columns have one length."""

    width: Ints
    """How many completions it is about."""
    first: Ints
    second: Ints
    """-1 where it is about one."""
    principle: Ints
    state: Ints
    """Place in `State`."""
    value: Floats
    """As it was recorded; NaN where the state carries none."""
    protocol: Ints


def read_columns(path: Path, places: Places) -> JudgmentColumns:
    """All judgments of a file, read in blocks; of a file that is not there, none.

    Raises RunError for what is no judgment of ours, with its line.
    """
    import numpy as np

    blocks = list(_blocks(path, places)) if path.is_file() and path.stat().st_size else []
    if not blocks:
        none = np.empty(0, dtype=np.int64)
        return JudgmentColumns(none, none, none, none, none, np.empty(0), none)
    return JudgmentColumns(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def _blocks(path: Path, places: Places) -> Iterator[JudgmentColumns]:
    import pyarrow as pa
    from pyarrow import json

    types = [pa.list_(pa.string()), pa.string(), pa.string(), pa.float64(), pa.string()]
    schema = pa.schema(list(zip(_FIELDS, types, strict=True)))
    parse = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        # an open file: Arrow takes no name that is not UTF-8
        with open_regular(path, RunError) as stream:
            options = json.ReadOptions(block_size=BLOCK)
            with json.open_json(stream, options, parse) as reader:
                for batch in reader:
                    yield _block(batch, places)
    except (pa.ArrowException, KeyError, UnicodeError):
        _refuse(path)
        raise RunError(f"{path}: holds judgments that are not ours; judge again") from None


def _block(batch: Any, places: Places) -> JudgmentColumns:
    """Strings are looked up once for each different one, not once a row. Raises KeyError for an unknown state."""
    import numpy as np

    listed, principle, state, value, protocol = (batch.column(name) for name in _FIELDS)
    if listed.null_count or state.null_count:
        raise KeyError("completion_ids")
    offsets = listed.offsets.to_numpy().astype(np.int64)
    ids = _looked_up(listed.values, places.of_completion)
    width = np.diff(offsets)
    padded = np.concatenate([ids, np.full(2, -1, dtype=np.int64)])
    if not width.all():
        raise KeyError("completion_ids")
    return JudgmentColumns(
        width=width,
        first=padded[offsets[:-1]],
        second=np.where(width > 1, padded[offsets[:-1] + 1], -1),
        principle=_looked_up(principle.fill_null(""), places.of_principle),
        state=_looked_up(state, _STATE.__getitem__),
        value=value.to_numpy(zero_copy_only=False).astype(float),
        protocol=_looked_up(protocol.fill_null(""), places.of_protocol),
    )


def _looked_up(column: Any, place: Any) -> Ints:
    import numpy as np

    held = column.dictionary_encode()
    known = np.asarray([place(name) for name in held.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(known[held.indices.to_numpy(zero_copy_only=False)]) if len(known) else known


def _refuse(path: Path) -> None:
    """Find the first row that is no judgment, and name its line."""
    for where, row in read_rows(path):
        if not _is_judgment(row):
            named = row.get("state") if isinstance(row, Mapping) else row
            raise RunError(f"{where}: is no judgment of ours ({named!r:.80}); judge again")


def _is_judgment(row: Any) -> bool:
    if not isinstance(row, Mapping) or row.get("state") not in _STATE:
        return False
    ids, principle, value = row.get("completion_ids"), row.get("principle_id"), row.get("value")
    return (
        isinstance(ids, list)
        and bool(ids)
        and all(isinstance(each, str) for each in ids)
        and (principle is None or isinstance(principle, str))
        and (value is None or isinstance(value, (int, float)))
    )
