"""A key-value cache whose room grows in blocks, so that a step writes one column and copies nothing."""

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
        self.keys, self.values = self._key_room[:, :, :end], self._value_room[:, :, :end]
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep these rows, in this order; a row may be named several times."""
        used = self.get_seq_length()
        self._key_room = self.keys.index_select(0, indices)
        self._value_room = self.values.index_select(0, indices)
        self.keys, self.values = self._key_room[:, :, :used], self._value_room[:, :, :used]


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


def select_rows(cache: Any, rows: torch.Tensor) -> None:
    """Keep these rows of a cache, in this order; a row may be named several times."""
    for layer in cache.layers:
        if isinstance(layer, DynamicLayer) and not hasattr(layer, "conv_states"):
            layer.batch_select_indices(rows)
        else:
            layer.reorder_cache(rows)


def _with(room: torch.Tensor, used: int, states: torch.Tensor) -> torch.Tensor:
    end = used + states.shape[-2]
    if end > room.shape[-2]:
        rows, heads, _, width = states.shape
        larger = states.new_empty(rows, heads, -(-end // BLOCK) * BLOCK, width)
        larger[:, :, :used] = room[:, :, :used]
        room = larger
    room[:, :, used:end] = states
    return room
