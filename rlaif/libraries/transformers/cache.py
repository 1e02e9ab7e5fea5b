"""Key-value caches: one with spare room, and the argument by which a model takes a cache, tried on the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from rlaif.libraries.versions import importing

with importing("torch"):
    import torch
with importing("transformers"):
    from transformers import DynamicCache
    from transformers.cache_utils import Cache, DynamicLayer

BLOCK = 64
CACHE_NAMES = ("cache", "past_key_values", "cache_params")
"""What the argument that takes a cache is called: from 5.24 on, before it, and before it by models with a state."""
MISFITS = (ValueError, TypeError, RuntimeError, IndexError, KeyError, AttributeError)
"""What a model raises that cannot take what it is handed."""
_PLAIN_LAYERS = frozenset({"full_attention", "sliding_attention"})
_cache_names: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()


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
    """Return whether every layer caches one key and value per token and reads the past through the mask only.

    Other layers (recurrent, convolutional, chunked) read padding as text: no mask can exclude it.
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


@torch.inference_mode()
def cache_argument(model: Any) -> str | None:
    """The name under which this model takes a cache; None for one that fills none.

    Tried on the model: a forward pass swallows a name that it does not know, and a wrong text is silent.
    """
    if model not in _cache_names:
        _cache_names[model] = next((name for name in CACHE_NAMES if _fills(model, name)), None)
    return _cache_names[model]


def with_cache(model: Any, cache: Any, **inputs: Any) -> Any:
    """What the model says of `inputs` behind what `cache` holds; it is put into the cache too."""
    return model(**inputs, **{cache_argument(model) or CACHE_NAMES[0]: cache}, use_cache=True)


def _fills(model: Any, name: str) -> bool:
    cache = new_cache(model.config)
    token = torch.ones(1, 1, dtype=torch.long, device=model.device)
    try:
        model(input_ids=token, use_cache=True, **{name: cache})
    except MISFITS:
        return False
    return any(_holds(vars(layer)) for layer in cache.layers)


def _holds(value: Any) -> bool:
    """Whether there is a tensor with something in it."""
    if isinstance(value, torch.Tensor):
        return value.numel() > 0
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(map(_holds, parts))


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
