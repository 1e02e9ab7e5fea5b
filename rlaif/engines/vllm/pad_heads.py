"""The same model with wider attention heads, for runtimes whose kernels know few widths. Owns that it is the same.

A wider head has zeros in its new places, which add nothing to a product of query and key, nor to a value. What
depends on the width is taken back: the scale 1/sqrt(width) in the queries, the rotations' frequencies
theta^(-2i/width) in theta. So the logits are those of the model that was widened, up to rounding.
"""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.engines.fingerprint import adapter_base
from rlaif.engines.weights import WEIGHTS
from rlaif.errors import ModelError

CPU_WIDTHS = (32, 64, 80, 96, 112, 128, 160, 192, 224, 256, 512)
"""Widths of heads that vLLM's attention on a CPU knows."""
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def head_width(directory: Path) -> int | None:
    """The width of the heads of a model, or of an adapter's base; None where the configuration does not say."""
    config = _config(adapter_base(directory) or directory)
    if width := config.get("head_dim"):
        return int(width)
    hidden, heads = config.get("hidden_size"), config.get("num_attention_heads")
    return hidden // heads if hidden and heads else None


def fit_for_cpu(directory: Path, scratch: Path) -> Path:
    """The model or adapter itself, or where vLLM's CPU kernels do not know its heads, a widened copy in `scratch`."""
    width = head_width(directory)
    if width is None or width in CPU_WIDTHS:
        return directory
    wider = [each for each in CPU_WIDTHS if each > width]
    if not wider:
        raise ModelError(f"{directory}: vLLM on a CPU knows heads of width {CPU_WIDTHS[-1]} at most; use hf:")
    return widen(directory, scratch, wider[0])


def widen(directory: Path, out: Path, width: int) -> Path:
    """Write the model or adapter of `directory` with heads of `width` into `out`, in float32; an adapter's base too.

    Raises ModelError for a layout in which it would not be the same model.
    """
    base = adapter_base(directory)
    if base is not None:
        return _widen_adapter(directory, widen(base, out / "base", width), out / "adapter", width)
    config = _config(directory)
    rope = _rope(directory, config)
    heads = _Heads(int(head_width(directory) or 0), width)
    out.mkdir(parents=True, exist_ok=True)
    _copy_rest(directory, out)
    for path in _weights(directory):
        _rewrite(path, out / path.name, heads)
    rope = {**rope, "rope_theta": rope["rope_theta"] ** (width / heads.old)}
    write_text(
        out / "config.json",
        json.dumps({**config, "head_dim": width, "rope_parameters": rope, "dtype": "float32"}),
    )
    return out


class _Heads:
    """How the rows of one head's matrices move."""

    def __init__(self, old: int, new: int) -> None:
        self.old, self.new = old, new
        half = old // 2
        # a rotation turns the places i and i + width/2 together
        self.turned = [*range(half), *range(new // 2, new // 2 + half)]
        self.plain = list(range(old))
        self.gain = math.sqrt(new / old)

    def moved(self, name: str, weight: Any) -> Any:
        """The tensor of this name with wider heads; of an adapter's pair, the one that faces the heads."""
        part = next((each for each in ("q_proj", "k_proj", "v_proj", "o_proj") if f".{each}." in name), None)
        if part is None:
            return weight
        if part == "o_proj":
            return weight if ".lora_B." in name else self._rows(weight.T, self.plain).T.contiguous()
        if ".lora_A." in name:
            return weight
        wide = self._rows(weight, self.plain if part == "v_proj" else self.turned)
        return wide * self.gain if part == "q_proj" else wide

    def _rows(self, weight: Any, places: list[int]) -> Any:
        heads = weight.unflatten(0, (-1, self.old))
        wide = weight.new_zeros(heads.shape[0], self.new, *weight.shape[1:])
        wide[:, places] = heads
        return wide.flatten(0, 1)


def _widen_adapter(directory: Path, base: Path, out: Path, width: int) -> Path:
    config = json.loads((directory / "adapter_config.json").read_text(encoding="utf-8"))
    heads = _Heads(int(head_width(directory) or 0), width)
    out.mkdir(parents=True, exist_ok=True)
    _copy_rest(directory, out)
    for path in _weights(directory):
        _rewrite(path, out / path.name, heads)
    write_text(
        out / "adapter_config.json", json.dumps({**config, "base_model_name_or_path": str(base.absolute())})
    )
    return out


def _rope(directory: Path, config: dict[str, Any]) -> dict[str, Any]:
    rope = config.get("rope_parameters") or {"rope_type": "default", "rope_theta": config.get("rope_theta")}
    plain = rope.get("rope_type", "default") == "default" and rope.get("rope_theta")
    if config.get("model_type") != "llama" or not plain or config.get("attention_bias"):
        raise ModelError(
            f"{directory}: vLLM on a CPU knows heads of width {', '.join(map(str, CPU_WIDTHS))}, and only plain Llama "
            "layouts are widened; run it on a GPU, or with hf:"
        )
    return dict(rope)


def _rewrite(source: Path, target: Path, heads: _Heads) -> None:
    from safetensors.torch import load_file, save_file

    tensors = {name: heads.moved(name, weight.float()) for name, weight in load_file(source).items()}
    save_file(tensors, target, metadata={"format": "pt"})


def _weights(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.suffix in WEIGHTS)


def _copy_rest(directory: Path, out: Path) -> None:
    for path in directory.iterdir():
        if path.is_file() and path.suffix not in (*WEIGHTS, ".bin", ".pt"):
            shutil.copyfile(path, out / path.name)
    if (out / "tokenizer.json").is_file():
        _take_bytes_for_text(out / "tokenizer.json")


def _take_bytes_for_text(path: Path) -> None:
    """A tokenizer that falls back on bytes may call them special, and vLLM's server leaves such tokens out of texts."""
    whole = json.loads(path.read_text(encoding="utf-8"))
    if whole.get("model", {}).get("byte_fallback"):
        # they stay in the vocabulary, which is where a fallback looks them up
        known = whole["model"]["vocab"]
        whole["added_tokens"] = [
            each
            for each in whole.get("added_tokens", ())
            if each["content"] not in known or not _BYTE.fullmatch(each["content"])
        ]
        write_text(path, json.dumps(whole, ensure_ascii=False))


def _config(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return found
