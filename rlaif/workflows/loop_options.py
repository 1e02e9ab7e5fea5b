"""`--loop NAME=VALUE`: the training loop's own options, by the names that its configuration has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rlaif.errors import InputError
from rlaif.training import SFTConfig

NAMES = (
    "batch_tokens",
    "schedule",
    "warmup_share",
    "decay_share",
    "weight_decay",
    "clip_norm",
    "max_length",
    "truncation",
    "precision",
    "gradient_checkpointing",
    "lora_alpha",
    "lora_dropout",
    "quantize",
    "parallel",
    "save_dtype",
    "checkpoint_every",
    "trackers",
    "packed",
)
_KINDS: dict[str, Any] = {"int": int, "float": (int, float), "str": str, "bool": bool}


def loop_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Checked by name and kind; their values are checked by the configuration itself. Raises InputError."""
    annotations = {each.name: str(each.type).removesuffix(" | None") for each in fields(SFTConfig)}
    settled = {}
    for name, value in given.items():
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            meant = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(NAMES)}"
            raise InputError(f"--loop {name}: there is no such option{meant}")
        if name == "trackers":
            value = tuple(each.strip() for each in str(value).split(",") if each.strip())
        elif not _is(value, annotations[name]):
            raise InputError(f"--loop {name}: {value!r} is no {annotations[name]}")
        settled[name] = value
    return settled


def _is(value: Any, annotation: str) -> bool:
    kind = _KINDS[annotation]
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
