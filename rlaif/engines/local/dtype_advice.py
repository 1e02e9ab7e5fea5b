"""Tells a user whose processor is made for bfloat16 that a large local model would be faster in it."""

from __future__ import annotations

import logging
from typing import Any

from rlaif.libraries.torch import multiplies_bfloat16

LARGE = 50_000_000
"""Parameters from which products with weights are most of the time; below it bfloat16 saves a user nothing."""
ADVICE = (
    "this processor multiplies bfloat16 faster than float32, and a model of this size is read and drawn from faster "
    "with --dtype bfloat16; the default, float32, gives the same bytes on every machine"
)
_log = logging.getLogger(__name__)


def advise_dtype(model: Any) -> None:
    """Say so where a large model lies on such a processor in float32; the same words for all models of a command."""
    weight = next(model.parameters())
    if weight.device.type != "cpu" or str(weight.dtype) != "torch.float32":
        return
    if sum(each.numel() for each in model.parameters()) >= LARGE and multiplies_bfloat16(weight.device):
        _log.warning(ADVICE)
