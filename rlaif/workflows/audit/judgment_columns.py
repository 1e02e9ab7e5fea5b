"""Judgments as columns: read in blocks, ids become places, rows are not kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rlaif.auditing.evidence import STATES, Comparisons, Looks
from rlaif.errors import RunError
from rlaif.exchange.rows import read_rows
from rlaif.judging.protocols import scale_of
from rlaif.judging.scales import SHARE
from rlaif.records import Completion, State

if TYPE_CHECKING:
    from rlaif.auditing.evidence import Floats, Ints

WHOLE = "whole"
"""Stands for the constitution as one, in judgments that name no principle."""
BLOCK = 1 << 24
"""Bytes of a file that are read at once."""
_STATE = {each.value: place for place, each in enumerate(STATES)}
_FIELDS = ("completion_ids", "principle_id", "state", "value", "protocol")


class Places:
    """Ids to places in a column; new names of principles are taken up."""

    def __init__(self, completions: Sequence[Completion], principles: Sequence[str]) -> None:
        self.completion = {each.id: place for place, each in enumerate(completions)}
        self.principle = {name: place for place, name in enumerate(principles)}
        self.protocol: dict[str, int] = {}

    def of(self, principle: str | None) -> int:
        """Of a principle's id, or of the constitution as one."""
        return self.principle.setdefault(principle or WHOLE, len(self.principle))

    def asked_by(self, protocol: str) -> int:
        """Of the protocol that a judgment names."""
        return self.protocol.setdefault(protocol, len(self.protocol))


class _Block(NamedTuple):
    """Rows of a file; completions that the run does not have are at -1."""

    width: Ints
    """How many completions a row is about."""
    first: Ints
    second: Ints
    principle: Ints
    state: Ints
    value: Floats
    protocol: Ints
    """Place in `Places.protocol`."""


def read_looks(path: Path, places: Places) -> Looks:
    """The judgments of one completion alone. Raises RunError for what is none of ours."""
    rows = _read(path, places)
    kept = (rows.width == 1) & (rows.first >= 0)
    return Looks(
        completion=rows.first[kept],
        principle=rows.principle[kept],
        state=rows.state[kept],
        value=_share(rows.value[kept], rows.protocol[kept], places),
    )


def read_comparisons(path: Path, places: Places) -> Comparisons:
    """The judgments of two completions. Raises RunError for what is none of ours."""
    import numpy as np

    rows = _read(path, places)
    kept = (rows.width == 2) & (rows.first >= 0) & (rows.second >= 0)
    tie = np.isnan(rows.value) & (rows.state == _STATE[State.TIE.value])
    return Comparisons(
        first=rows.first[kept],
        second=rows.second[kept],
        principle=rows.principle[kept],
        state=rows.state[kept],
        value=np.where(tie, 0.5, rows.value)[kept],
    )


def _share(values: Floats, protocols: Ints, places: Places) -> Floats:
    """Numbers as shares of their protocol's scale, as whoever decided read them. Raises InputError for one not known.

    Rewards have no scale: theirs is the chance to beat one of the middle, which an audit compares and does not grade.
    """
    import numpy as np

    found, rewards = values.copy(), np.zeros(len(values), dtype=bool)
    for name, place in places.protocol.items():
        rows = protocols == place
        scale = scale_of(name) if name and rows.any() else SHARE
        if scale.lowest is None or scale.highest is None:
            rewards |= rows
        else:
            found[rows] = (values[rows] - scale.lowest) / (scale.highest - scale.lowest)
    middle = np.nanmedian(values[rewards]) if (rewards & ~np.isnan(values)).any() else 0.0
    logits = np.clip(values - middle, -500, 500)
    return np.asarray(np.where(rewards, 1 / (1 + np.exp(-logits)), found))


def _read(path: Path, places: Places) -> _Block:
    import numpy as np

    blocks = list(_blocks(path, places)) if path.is_file() and path.stat().st_size else []
    if not blocks:
        none = np.empty(0, dtype=np.int64)
        return _Block(none, none, none, none, none, np.empty(0), none)
    return _Block(*(np.concatenate(column) for column in zip(*blocks, strict=True)))


def _blocks(path: Path, places: Places) -> Iterator[_Block]:
    import pyarrow as pa
    from pyarrow import json

    types = [pa.list_(pa.string()), pa.string(), pa.string(), pa.float64(), pa.string()]
    schema = pa.schema(list(zip(_FIELDS, types, strict=True)))
    parse = json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore")
    try:
        with json.open_json(path, json.ReadOptions(block_size=BLOCK), parse) as reader:
            for batch in reader:
                yield _block(batch, places)
    except (pa.ArrowInvalid, KeyError):
        _refuse(path)
        raise RunError(f"{path}: holds judgments that are not ours; judge again") from None


def _block(batch: Any, places: Places) -> _Block:
    """Strings are looked up once for each different one, not once a row. Raises KeyError for an unknown state."""
    import numpy as np

    listed, principle, state, value, protocol = (batch.column(name) for name in _FIELDS)
    if listed.null_count or state.null_count:
        raise KeyError("completion_ids")
    offsets = listed.offsets.to_numpy().astype(np.int64)
    ids = _looked_up(listed.values, lambda name: places.completion.get(name, -1))
    width = np.diff(offsets)
    padded = np.concatenate([ids, np.full(2, -1, dtype=np.int64)])
    if not width.all():
        raise KeyError("completion_ids")
    return _Block(
        width=width,
        first=padded[offsets[:-1]],
        second=np.where(width > 1, padded[offsets[:-1] + 1], -1),
        principle=_looked_up(principle.fill_null(""), places.of),
        state=_looked_up(state, _STATE.__getitem__),
        value=value.to_numpy(zero_copy_only=False).astype(float),
        protocol=_looked_up(protocol.fill_null(""), places.asked_by),
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
