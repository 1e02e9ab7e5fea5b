"""The same model with an output layer of its own in place of its embedding's weights.

vLLM on a CPU packs the weights of its layers when it loads them. Of a layer that is two things at once it packs one
anew when weights are handed over, and goes on with the old ones in the other.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from rlaif.atomic import write_text
from rlaif.engines.weights import WEIGHTS
from rlaif.errors import ModelError

OUTPUT, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"
INDEX = "model.safetensors.index.json"


def untied(directory: Path, out: Path) -> Path:
    """The model directory itself, or a copy in `out` whose output layer is its own.

    Raises ModelError for a layout whose output layer is not known.
    """
    from safetensors.torch import load_file, save_file

    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    files = sorted(path for path in directory.iterdir() if path.suffix in WEIGHTS)
    tensors = {name: each for path in files for name, each in load_file(path).items()}
    if OUTPUT in tensors:
        return directory
    if EMBEDDING not in tensors or not config.get("tie_word_embeddings", True):
        raise ModelError(
            f"{directory}: vLLM on a CPU does not take new weights of this layout, whose output layer is not known "
            f"here ({OUTPUT}, or {EMBEDDING} for both); train an adapter (--lora), or draw live"
        )
    out.mkdir(parents=True, exist_ok=True)
    for path in directory.iterdir():
        if path.is_file() and path not in files and path.name != INDEX:
            shutil.copyfile(path, out / path.name)
    both = {**tensors, OUTPUT: tensors[EMBEDDING].clone()}
    save_file(both, out / "model.safetensors", metadata={"format": "pt"})
    write_text(out / "config.json", json.dumps({**config, "tie_word_embeddings": False}))
    return out
