"""`--loop NAME=VALUE`, a recipe's `loop`: the training loop's own options, by the names that its configuration has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from rlaif.errors import InputError
from rlaif.training import SFTConfig
from rlaif.trl_names import renamed

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


def loop_options(given: Mapping[str, Any], where: str = "--loop") -> dict[str, Any]:
    """Checked by name and kind; their values are checked by the configuration itself. Raises InputError."""
    annotations = {each.name: str(each.type).removesuffix(" | None") for each in fields(SFTConfig)}
    settled = {}
    for name, value in given.items():
        if name not in NAMES:
            raise InputError(f"{where} {name}: {_meant(name)}")
        if name == "trackers":
            names = value if isinstance(value, (list, tuple)) else str(value).split(",")
            value = tuple(str(each).strip() for each in names if str(each).strip())
        elif not _is(value, annotations[name]):
            raise InputError(f"{where} {name}: {value!r} is no {annotations[name]}")
        settled[name] = value
    return settled


def _meant(name: str) -> str:
    if hint := renamed(name):
        return hint
    near = difflib.get_close_matches(name, NAMES, 1)
    meant = f"did you mean {near[0]}?" if near else f"known: {', '.join(NAMES)}"
    return f"there is no such option; {meant}"


def _is(value: Any, annotation: str) -> bool:
    kind = _KINDS[annotation]
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
