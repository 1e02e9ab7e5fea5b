"""What a model's name says before anything is opened."""

from __future__ import annotations

from pathlib import Path

from rlaif.engines.open import resolve_directory
from rlaif.errors import ModelError

GOLD = "gold:"
RULES = "rbr:"
"""Stands before a file that `rlaif rbr fit` wrote: its judge, reward model and rules are one judge."""


def is_control(name: str) -> bool:
    """`gold:` and `random:` judge without being models: the upper bound and the floor of an experiment."""
    return name.partition(":")[0] in ("gold", "random") and ":" in name


def model_directory(name: str) -> Path:
    """Where the weights of a local model lie, to be trained."""
    if is_control(name) or name.startswith(("openai:", "vllm:", "script:", "replay:", "reward:", RULES)):
        raise ModelError(f"{name}: cannot be trained; name a model directory (--policy hf:DIR)")
    return resolve_directory(name.removeprefix("hf:"))
