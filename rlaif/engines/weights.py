"""Files of weights: which they are, and what their headers say, without the tensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rlaif.boundary import told
from rlaif.engines.foreign_directories import DOWNLOAD
from rlaif.errors import ModelError

WEIGHTS = (".safetensors",)
INDEX = "model.safetensors.index.json"
MOST_HEADER = 100_000_000
"""Bytes of a header of safetensors, as the library has it."""


def read_header(path: Path) -> dict[str, Any]:
    """The tensors of a file of safetensors, by name. Raises ModelError where it is none."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 2 <= length <= min(MOST_HEADER, size - 8):
            raise ModelError(f"{path}: is no whole file of safetensors ({size} bytes); {DOWNLOAD}")
        try:
            header = json.loads(stream.read(length))
        except (ValueError, RecursionError) as problem:
            raise ModelError(
                f"{path}: its header is not that of safetensors: {told(problem)}; {DOWNLOAD}"
            ) from problem
    if not isinstance(header, dict):
        raise ModelError(f"{path}: its header is not that of safetensors; {DOWNLOAD}")
    header.pop("__metadata__", None)
    return header
