"""What a model's name says before anything is opened."""

from __future__ import annotations

from pathlib import Path

from rlaif.errors import ModelError
from rlaif.shipped import shipped_model


def is_control(name: str) -> bool:
    """`gold:` and `random:` judge without being models: the upper bound and the floor of an experiment."""
    return name.partition(":")[0] in ("gold", "random") and ":" in name


def model_directory(name: str) -> Path:
    """Where the weights of a local model lie, to be trained."""
    bundled = shipped_model(name)
    path = bundled if bundled is not None else Path(name.removeprefix("hf:"))
    if not path.is_dir():
        raise ModelError(f"{name}: no such directory; training needs a local model directory")
    return path
