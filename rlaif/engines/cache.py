"""A key-value cache whose room grows in blocks: a step writes one column and copies nothing, and rows come and go."""

from __future__ import annotations

from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import Cache, DynamicLayer

BLOCK = 64
_PLAIN_LAYERS = frozenset({"full_attention", "sliding_attention"})


class _RoomyLayer(DynamicLayer):  # type: ignore[misc]
    """`DynamicLayer` with spare columns behind those in use; `keys` and `values` are views of the used ones."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the new columns."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._key_room, self._value_room = key_states[:, :, :0], value_states[:, :, :0]
        used = self.get_seq_length()
        end = used + key_states.shape[-2]
        self._key_room = _with(self._key_room, used, key_states)
        self._value_room = _with(self._value_room, used, value_states)
        self._show(end)
        return self.keys, self.values

    def select(self, rows: torch.Tensor, skip: int) -> None:
        """Keep these rows, in this order, and forget the first `skip` columns; a row may be named several times."""
        rows = rows.to(self.keys.device)
        self._key_room = self.keys[:, :, skip:].index_select(0, rows)
        self._value_room = self.values[:, :, skip:].index_select(0, rows)
        self._show(self._key_room.shape[-2])

    def crop_to(self, columns: int) -> None:
        """Forget what came behind the first `columns`; their room stays."""
        if columns < self.get_seq_length():
            self._show(columns)

    def join(self, other: _RoomyLayer) -> None:
        """Put the rows of `other` below; all end at the same column."""
        self._key_room = _below(self.keys, other.keys)
        self._value_room = _below(self.values, other.values)
        self._show(self._key_room.shape[-2])

    def _show(self, columns: int) -> None:
        self.keys, self.values = self._key_room[:, :, :columns], self._value_room[:, :, :columns]


def only_attends(config: Any) -> bool:
    """Whether every layer keeps one column of keys and values a token, and looks back by a mask alone.

    Others (recurrent, convolving, chunked) take padding for text and cannot be told whom not to see.
    """
    text_config = config.get_text_config(decoder=True)
    kinds = set(getattr(text_config, "layer_types", None) or ["full_attention"])
    recurrent = getattr(config, "is_attention_free", False) or hasattr(config, "state_size")
    return kinds <= _PLAIN_LAYERS and not recurrent and not getattr(text_config, "num_kv_shared_layers", 0)


def new_cache(config: Any) -> Any:
    """A cache for this model: roomy where every layer only attends, else the library's own."""
    if only_attends(config):
        # all columns stay: the model's own mask is what keeps a sliding layer from looking too far back
        return Cache(layer_class_to_replicate=_RoomyLayer)
    return DynamicCache(config=config.get_text_config(decoder=True))


def select_rows(cache: Any, rows: torch.Tensor, skip: int = 0) -> None:
    """Keep these rows of a cache, in this order; a row may be named several times.

    A roomy cache also forgets its first `skip` columns: nobody sees them any more.
    """
    for layer in cache.layers:
        if isinstance(layer, _RoomyLayer):
            layer.select(rows, skip)
        elif isinstance(layer, DynamicLayer) and not hasattr(layer, "conv_states"):
            layer.batch_select_indices(rows)
        else:
            layer.reorder_cache(rows)


def join_rows(cache: Any, other: Any) -> None:
    """Put the rows of another roomy cache below those of this one.

    All rows end at the same column; what a shorter one has in front is zeros, which nobody may see.
    """
    for layer, added in zip(cache.layers, other.layers, strict=True):
        layer.join(added)


def crop_columns(cache: Any, columns: int) -> None:
    """Forget what a roomy cache holds behind its first `columns`."""
    for layer in cache.layers:
        layer.crop_to(columns)


def _with(room: torch.Tensor, used: int, states: torch.Tensor) -> torch.Tensor:
    end = used + states.shape[-2]
    if end > room.shape[-2]:
        rows, heads, _, width = states.shape
        larger = states.new_empty(rows, heads, -(-end // BLOCK) * BLOCK, width)
        larger[:, :, :used] = room[:, :, :used]
        room = larger
    room[:, :, used:end] = states
    return room


def _below(upper: torch.Tensor, lower: torch.Tensor) -> torch.Tensor:
    columns = max(upper.shape[-2], lower.shape[-2])
    rows, heads, _, width = upper.shape
    whole = upper.new_zeros(rows + len(lower), heads, columns, width)
    whole[:rows, :, columns - upper.shape[-2] :] = upper
    whole[rows:, :, columns - lower.shape[-2] :] = lower
    return whole
