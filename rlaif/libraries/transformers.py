"""The one place that knows what is private, undocumented or moving in transformers.

Its cache classes and the argument that hands a cache over, the attention that a model was set to, the words of its
configurations, its switches for quiet. What a model can do is tried on the model, never read off a signature.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from rlaif.errors import ModelError, RlaifError
from rlaif.libraries.versions import changed, importing

with importing("torch"):
    import torch
    from torch.nn.modules.dropout import _DropoutNd
with importing("transformers"):
    from transformers import (
        AttentionInterface,
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        BitsAndBytesConfig,
        DynamicCache,
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
    )
    from transformers.cache_utils import Cache, DynamicLayer
    from transformers.utils import logging

__all__ = ["LlamaConfig", "LlamaForCausalLM", "PreTrainedTokenizerFast"]

NAME = "transformers"
BLOCK = 64
CACHE_NAMES = ("cache", "past_key_values", "cache_params")
"""What the argument that takes a cache is called: from 5.24 on, before it, and before it by models with a state."""
MISFITS = (ValueError, TypeError, RuntimeError, IndexError, KeyError, AttributeError)
"""What a model raises that cannot take what it is handed."""
LINES = 4
"""Of a message of a library, as far as it is shown: the reason often stands on the second."""
_RANDOM = re.compile("drop|jitter")
_CLASSIFIER = re.compile("ForSequenceClassification|RewardModel")
_NO_WRITER = re.compile("For(Sequence|Token)Classification|RewardModel|ForQuestionAnswering|ForMaskedLM")
_STILLED = "_rlaif_stilled"
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


def plain_model() -> Any:
    """A small Llama with random weights, of which this package knows what it does in every tested version."""
    torch_state = torch.get_rng_state()
    try:
        torch.manual_seed(0)
        config = LlamaConfig(
            vocab_size=64, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, max_position_embeddings=64, initializer_range=0.3, bos_token_id=None,
            eos_token_id=2, pad_token_id=0,
        )  # fmt: skip
        return LlamaForCausalLM(config).eval().requires_grad_(False)
    finally:
        torch.set_rng_state(torch_state)


def library_changed(works: Any, what: str) -> RlaifError | None:
    """The error to raise in the place of one that blames a model, where a plain Llama fails the same trial.

    `works` takes a model and says whether the trial passes; what a broken library raises counts as failing.
    """
    try:
        passes = bool(works(plain_model()))
    except Exception:  # noqa: BLE001 - whatever it is, no model of a user's raised it
        passes = False
    return None if passes else changed(NAME, what)


def text_config(config: Any) -> Any:
    """The part of a configuration that is about text."""
    return config.get_text_config(decoder=True)


def rope_switch(config: Any) -> int | None:
    """The length beyond which the rotary factors of *all* rows go by the longest of a pass; None where none do.

    So it is with `longrope` (other factors beyond the switch) and `dynamic` (factors by the length); what is computed
    of a text must not depend on its neighbours, or on what was read before it.
    """
    text = text_config(config)
    given = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    kinds = [given, *(each for each in given.values() if isinstance(each, Mapping))]
    switches = []
    for each in kinds:
        kind = str(each.get("rope_type", each.get("type", "")))
        if "dynamic" in kind or kind == "longrope":
            own = each.get("original_max_position_embeddings")
            own = own or getattr(text, "original_max_position_embeddings", None)
            # dynamic factors begin where the configured positions end, whatever the original ones were
            limit = getattr(text, "max_position_embeddings", 0)
            switches.append(int(limit if "dynamic" in kind else own or limit))
    return min(switches, default=None)


def of_one_pass(model: Any, lengths: Sequence[int]) -> list[list[int]]:
    """Places of rows that a pass may read together: all, or where rotary factors go by the longest, only their kin."""
    switch = rope_switch(model.config)
    short = [place for place, length in enumerate(lengths) if switch is None or length <= switch]
    longer = [place for place, length in enumerate(lengths) if switch is not None and length > switch]
    return [*([short] if short else []), *([place] for place in longer)]


def forget_lengths(model: Any) -> None:
    """Undo what a model with dynamic rotary factors keeps of the longest text that it has read."""
    if rope_switch(model.config) is None:
        return
    for module in model.modules():
        if hasattr(module, "original_max_seq_len") and hasattr(module, "max_seq_len_cached"):
            held = {**vars(module), **dict(module.named_buffers(recurse=False))}
            for name, value in held.items():
                if name.endswith("max_seq_len_cached"):
                    setattr(module, name, module.original_max_seq_len)
                elif name.endswith("original_inv_freq") and isinstance(value, torch.Tensor):
                    buffer = getattr(module, name.replace("original_", ""))
                    setattr(module, name.replace("original_", ""), value.to(buffer.device, copy=True))


def read_rows(model: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The logits of rows that are padded behind, each as it is read alone, whatever its neighbours."""
    groups = of_one_pass(model, lengths := mask.sum(1).tolist())
    found, order = [], []
    for group in groups:
        forget_lengths(model)
        whole = len(groups) == 1
        width = ids.shape[1] if whole else max(int(lengths[place]) for place in group)
        rows = torch.tensor(group, device=ids.device)
        part_ids, part_mask = (ids, mask) if whole else (ids[rows, :width], mask[rows, :width])
        logits: torch.Tensor = model(input_ids=part_ids, attention_mask=part_mask, use_cache=False).logits
        if logits.dim() == 3 and width < ids.shape[1]:  # of every place, not of every row
            logits = torch.nn.functional.pad(logits, (0, 0, 0, ids.shape[1] - width))
        found.append(logits)
        order += group
    if len(found) == 1:
        return found[0]
    back = torch.tensor([order.index(place) for place in range(len(order))], device=ids.device)
    return torch.cat(found)[back]


def load_causal(folder: Path, *, dtype: torch.dtype, trust_remote_code: bool, device_map: str | None) -> Any:
    """A causal language model from its safetensors. Raises ModelError where weights are missing."""
    if kind := next(
        (each for each in architectures(folder, trust_remote_code) if _NO_WRITER.search(each)), None
    ):
        raise ModelError(
            f"{folder}: is a {kind} and writes no text; a reward model is named reward:{folder}, and a policy or judge "
            "is a causal language model"
        )
    with quiet():
        model, loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            device_map=device_map,
            output_loading_info=True,
        )
    _require_whole(folder, model, loaded)
    return _capping(model)


def load_classifier(
    folder: Path,
    *,
    dtype: torch.dtype,
    trust_remote_code: bool = False,
    device_map: str | None = None,
    id2label: Mapping[int, str] | None = None,
) -> Any:
    """A sequence classifier from safetensors; with `id2label`, one that has these labels, its head perhaps fresh."""
    labels = {} if id2label is None else {"id2label": dict(id2label)}
    with quiet():
        model, loaded = AutoModelForSequenceClassification.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            device_map=device_map,
            output_loading_info=True,
            **labels,
        )
    if id2label is not None and not hasattr(model, "score"):
        raise ModelError(
            f"{folder}: {type(model).__name__} reads no answer at its end, as an encoder does not; a reward model is "
            "trained over a causal language model"
        )
    # over a language model the head is fresh, and meant to be
    fresh = id2label is not None and not any(
        map(_CLASSIFIER.search, architectures(folder, trust_remote_code))
    )
    _require_whole(folder, model, loaded, fresh="score" if fresh else None)
    return _capping(model)


def _capping(model: Any) -> Any:
    """The same model, set to an attention that caps its scores where its configuration asks for that.

    `sdpa` cannot. transformers 5.16 takes it all the same for some models, leaves the cap out and says nothing.
    """
    capped = getattr(model.config.get_text_config(), "attn_logit_softcapping", None) is not None
    if capped and attention_of(model.config) == "sdpa":
        set_attention(model, "eager")
    return model


def _require_whole(folder: Path, model: Any, loaded: Any, fresh: str | None = None) -> None:
    """Raise ModelError where a model has weights that no file gave it."""
    lacking = sorted(
        name for name in loaded["missing_keys"] if fresh is None or name.split(".", 1)[0] != fresh
    )
    odd = sorted(each[0] if isinstance(each, tuple) else each for each in loaded.get("mismatched_keys", ()))
    if not lacking and not odd:
        return
    named = ", ".join((lacking or odd)[:3]) + (", ..." if len(lacking or odd) > 3 else "")
    total = len(model.state_dict())
    what = (
        f"lacks {len(lacking)} of {total} weights"
        if lacking
        else f"has {len(odd)} weights of another size than its"
    )
    what += "" if lacking else " config.json says"
    spare = sorted(loaded.get("unexpected_keys", ()))
    hint = f"; it holds {len(spare)} that its class does not know, such as {spare[0]}" if spare else ""
    raise ModelError(
        f"{folder}: the checkpoint {what} ({named}){hint}. {type(model).__name__} would draw them at random, anew at "
        "each start; save the whole model again with save_pretrained(), without a wrapper's prefix, or mend its "
        "config.json (architectures, tie_word_embeddings)"
    )


def load_in_four_bits(folder: Path) -> Any:
    """A causal language model, its linear layers in 4-bit normal floats of bitsandbytes, the rest in float32."""
    on_gpu = torch.cuda.is_available()
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16 if on_gpu else torch.float32,
    )
    with quiet():
        model, loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            quantization_config=four_bits,
            dtype=torch.float32,
            device_map={"": torch.cuda.current_device() if on_gpu else "cpu"},
            use_safetensors=True,
            output_loading_info=True,
        )
    _require_whole(folder, model, loaded)
    return _capping(model)


def load_tokenizer(folder: Path, *, trust_remote_code: bool) -> Any:
    """The tokenizer of a model directory."""
    with quiet():
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)


def architectures(folder: Path, trust_remote_code: bool = False) -> Sequence[str]:
    """The classes that a model directory says it was saved from."""
    with quiet():
        found = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code).architectures
    return tuple(found or ())


def is_encoder(folder: Path) -> bool:
    """Whether a directory says that its model reads to both sides, or writes from an encoder: no causal one."""
    config = _written_config(folder)
    masked = any(
        re.search("MaskedLM|ForPreTraining$", str(each)) for each in config.get("architectures") or ()
    )
    return masked or bool(config.get("is_encoder_decoder"))


def is_four_bit_checkpoint(folder: Path) -> bool:
    """Whether a directory was saved in few bits (by bitsandbytes, GPTQ, AWQ, ...)."""
    return bool(_written_config(folder).get("quantization_config"))


def _written_config(folder: Path) -> Mapping[str, Any]:
    # as it stands: to open it, the library may ask for the code that comes with a model
    found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return found if isinstance(found, Mapping) else {}


def classifies(model: Any) -> bool:
    """Whether the model is a sequence classifier, by the library's naming of classes."""
    return type(model).__name__.endswith("ForSequenceClassification")


def end_ids_of(model: Any) -> list[int]:
    """The end tokens that a model's settings, or a configuration alone, name: for generation first, then the others."""
    config = getattr(model, "config", model)
    parts = (getattr(model, "generation_config", None), config, text_config(config))
    found = [getattr(part, "eos_token_id", None) for part in parts]
    ids = [one for each in found for one in (each if isinstance(each, list) else [each]) if one is not None]
    return list(dict.fromkeys(ids))


def load_config(folder: Path, *, trust_remote_code: bool = False) -> Any:
    """The configuration of a model directory."""
    with quiet():
        return AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)


def context_of(config: Any) -> int:
    """The positions that a model has; without a stated limit, as good as any number."""
    limit = getattr(text_config(config), "max_position_embeddings", None)
    return int(limit) if limit else 1 << 30


def set_padding(config: Any, token: int) -> None:
    """Tell a classifier which token is padding, in every part of its configuration that it may ask."""
    for part in _parts(config):
        part.pad_token_id = token


def embedded_tokens(model: Any) -> int:
    """How many tokens have a place in the model's input embeddings."""
    return int(model.get_input_embeddings().weight.shape[0])


def new_score_head(model: Any, seed: int) -> None:
    """Draw the weights of a classifier's head anew from the seed."""
    head = model.score.weight
    drawn = torch.randn(head.shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        head.copy_(drawn / (head.shape[1] + 1) ** 0.5)


def is_four_bit(module: torch.nn.Module) -> bool:
    """Whether a layer was quantised to four bits by bitsandbytes."""
    return type(module).__name__ == "Linear4bit"


def checkpoint_gradients(model: Any) -> str:
    """Compute activations again in the backward pass, which needs training mode, where nothing may be random even so.

    Returns why this cannot be done with the model; nothing where it is done. Tried on the model: in training mode it
    must give what it gives outside, twice.
    """
    try:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    except (ValueError, AttributeError, NotImplementedError) as problem:
        return said_by(problem)
    wanted = _probed(model.eval())
    for module in model.modules():
        for name in _random_settings(module):
            setattr(module, name, 0.0)
    model.train()
    if not _same_twice(model, wanted):
        # some layers ask their configuration at each pass; what is written out has its own values (`written_as_it_was`)
        _still(model.config)
    if _same_twice(model, wanted):
        return ""
    model.eval()
    return "it computes at random in training mode, and no setting of its layers says why"


def drops_unseen(folder: Path) -> bool:
    """Whether a causal model drops out, or jitters, by more than modules of torch and `attention_dropout`.

    Older versions left the dropout of such models on under gradient checkpointing.
    """
    try:
        with quiet(), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    except Exception:  # noqa: BLE001 - what cannot be built so says nothing here; opening it will
        return False
    return any(
        not isinstance(module, _DropoutNd) and set(_random_settings(module)) - {"attention_dropout"}
        for module in model.modules()
    )


@contextmanager
def written_as_it_was(model: Any) -> Iterator[None]:
    """Around writing a model: its configuration has the values that it was loaded with."""
    stilled = [(part, getattr(part, _STILLED, {})) for part in _parts(model.config)]
    try:
        for part, values in stilled:
            vars(part).update(values)
            vars(part).pop(_STILLED, None)
        yield
    finally:
        for part, values in stilled:
            if values:
                vars(part).update({name: 0.0 for name in values})
                setattr(part, _STILLED, values)


def _random_settings(module: Any) -> list[str]:
    """What of a module's own settings is a rate of dropping or jitter above zero."""
    if isinstance(module, _DropoutNd):
        return ["p"] if module.p else []
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, float) and value and _RANDOM.search(name)
    ]


def _still(config: Any) -> None:
    for part in _parts(config):
        held = {name: value for name in _random_settings(part) if (value := getattr(part, name))}
        vars(part).update({name: 0.0 for name in held})
        setattr(part, _STILLED, {**held, **getattr(part, _STILLED, {})})


def _parts(config: Any) -> list[Any]:
    text = text_config(config)
    return [config] if text is config else [config, text]


@torch.no_grad()
def _probed(model: Any) -> torch.Tensor:
    top = int(text_config(model.config).vocab_size)
    ids = torch.tensor([[37 * number % top for number in range(1, 33)]], device=model.device)
    found: torch.Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    return found.float()


def _same_twice(model: Any, wanted: torch.Tensor) -> bool:
    near = 1e-4 if next(model.parameters()).dtype == torch.float32 else 5e-2
    scale = wanted.abs().max().clamp(min=1.0)
    return all(float((_probed(model) - wanted).abs().max() / scale) < near for _ in range(2))


def said_by(problem: BaseException) -> str:
    """What an exception of a library says, in one line: it may have begun with an empty one, or said the most below."""
    lines = [line.strip() for line in str(problem).splitlines() if line.strip()]
    return " ".join(lines[:LINES]) or type(problem).__name__


def attention_of(config: Any) -> str:
    """The attention that a model was set to: `sdpa`, `eager`, `flex_attention`, ..."""
    return getattr(config, "_attn_implementation", None) or ""


def set_attention(model: Any, attention: str) -> None:
    """Set the attention of all layers, where it is another."""
    if attention != attention_of(model.config):
        model.set_attn_implementation(attention)


def register_attention(name: str, attention: Callable[..., Any]) -> None:
    """Make a function an attention that models can be set to."""
    AttentionInterface.register(name, attention)


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, transformers shows neither its tables nor its bars."""
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
