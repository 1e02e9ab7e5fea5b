"""Model directories that tests share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from .builders import make_model, make_tokenizer

torch.set_num_threads(1)

MakeDirectory = Callable[..., Path]


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> MakeDirectory:
    """Makes (once) a model directory: `model_dir("llama", "chatml", dtype="float32", seed=0)`."""
    made: dict[tuple[Any, ...], Path] = {}

    def make(
        kind: str = "llama", template: str | None = "chatml", dtype: str = "float32", seed: int = 0
    ) -> Path:
        key = (kind, template, dtype, seed)
        if key not in made:
            folder = tmp_path_factory.mktemp(f"{kind}-{template}")
            tokenizer = make_tokenizer(template)
            make_model(kind, len(tokenizer), seed).to(getattr(torch, dtype)).save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            made[key] = folder
        return made[key]

    return make
