"""Rotary factors that go by the longest text of a pass: which rows may be read together, and what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rlaif.libraries.transformers.configuration import text_config
from rlaif.libraries.versions import importing

with importing("torch"):
    import torch


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
    """Return the logits of right-padded rows [B, T], each equal to what the row gives without padding or neighbours."""
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
