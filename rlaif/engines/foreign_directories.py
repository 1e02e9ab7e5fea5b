"""Directories and files that people take for a model directory: what each is, and what to do. A row each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from rlaif.landmarks import METRICS, PAIRS, RUN, TRAINING

DOWNLOAD = "download the model again, with all of its files"
CONVERT = "take the model's own upload in safetensors, or convert it with save_pretrained() of transformers"
SERVE = (
    "serve it and name the server (openai:<base url>#<model>@<revision>), or take the upload in safetensors"
)
LFS = b"version https://git-lfs.github.com/spec/"
_SMALL = 2048


class ForeignDirectory(NamedTuple):
    """A kind of directory, by names of which one lies in it."""

    names: tuple[str, ...]
    """Patterns, any of which is enough."""
    is_a: str
    remedy: str


FOREIGN = (
    ForeignDirectory(
        ("*.incomplete", "*.part", "*.crdownload", "*.aria2"), "holds a download that did not end", DOWNLOAD
    ),
    ForeignDirectory(
        ("model_index.json",),
        "is a pipeline of diffusers, which writes no text",
        "name a causal language model",
    ),
    ForeignDirectory(
        ("modules.json", "config_sentence_transformers.json"),
        "is a model of sentence-transformers, which writes no text",
        "name a causal language model",
    ),
    ForeignDirectory(
        ("*.distcp", "pytorch_model_fsdp*", "model_state_dict*", "optimizer_0"),
        "is the state of a training in parts (FSDP), and no model",
        "merge it first (accelerate merge-weights), and save it with save_pretrained()",
    ),
    ForeignDirectory(
        ("zero_to_fp32.py", "global_step*", "mp_rank_*", "*_model_states.pt", "latest"),
        "is the state of a training with DeepSpeed, and no model",
        "run its zero_to_fp32.py, and save the model with save_pretrained()",
    ),
    ForeignDirectory(("*.gguf", "*.ggml"), "holds GGUF, the format of llama.cpp", SERVE),
    ForeignDirectory(
        ("consolidated*.safetensors", "consolidated*.pth", "params.json"),
        "holds weights in the layout of their authors (consolidated, params.json)",
        "take the upload in the layout of transformers (config.json, model*.safetensors)",
    ),
    ForeignDirectory(("*.onnx", "onnx"), "holds ONNX", CONVERT),
    ForeignDirectory(("openvino_model.*",), "holds OpenVINO", CONVERT),
    ForeignDirectory(
        ("tf_model.h5", "saved_model.pb", "*.h5", "*.keras", "*.tflite"),
        "holds weights of TensorFlow",
        CONVERT,
    ),
    ForeignDirectory(("flax_model*.msgpack", "*.msgpack"), "holds weights of Flax", CONVERT),
    ForeignDirectory(("*.mlmodel", "*.mlpackage"), "holds Core ML", CONVERT),
    ForeignDirectory(("*.engine", "*.plan"), "holds an engine of TensorRT", SERVE),
    ForeignDirectory(("*.nemo", "model_config.yaml"), "is a model of NeMo", CONVERT),
    ForeignDirectory(("shared_vocabulary.*", "vocabulary.json"), "is a model of CTranslate2", CONVERT),
    ForeignDirectory(
        ("pytorch_model*.bin", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl"),
        "holds pickled weights",
        "pickled weights are not loaded, for a pickle runs code: convert them once, where you trust them, with "
        "save_pretrained(), which writes safetensors",
    ),
    ForeignDirectory(("*.zip", "*.tar", "*.tar.*", "*.tgz", "*.7z"), "holds an archive", "unpack it"),
    ForeignDirectory(
        ("adapter_model*",),
        "holds an adapter's weights without its adapter_config.json",
        "save the adapter again with save_pretrained() of peft",
    ),
    ForeignDirectory(
        (RUN, PAIRS),
        "is a run, and no model",
        "a model that was trained on it lies in its models/",
    ),
    ForeignDirectory(
        (TRAINING, METRICS), "is a training that is not finished", "the same `rlaif train` goes on"
    ),
    ForeignDirectory(("*.safetensors",), "holds weights without a config.json", DOWNLOAD),
    ForeignDirectory(
        ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.*"),
        "holds a tokenizer, and no model",
        "save the model there too, with save_pretrained()",
    ),
    ForeignDirectory(("config.json",), "holds a configuration, and no weights", DOWNLOAD),
)
"""The first whose name is found is told."""
_FILES = {
    ".gguf": f"is GGUF, the format of llama.cpp; {SERVE}",
    ".safetensors": "is a file of weights; name the directory that it lies in",
    ".onnx": f"is ONNX; {CONVERT}",
    ".bin": f"is a pickle, which runs code when it is loaded; {CONVERT}",
    ".pt": f"is a pickle, which runs code when it is loaded; {CONVERT}",
    ".pth": f"is a pickle, which runs code when it is loaded; {CONVERT}",
    ".ckpt": f"is a pickle, which runs code when it is loaded; {CONVERT}",
    ".pkl": f"is a pickle, which runs code when it is loaded; {CONVERT}",
    ".zip": "is an archive; unpack it, and name the directory",
    ".gz": "is an archive; unpack it, and name the directory",
    ".tar": "is an archive; unpack it, and name the directory",
    ".jsonl": "is a file of rows; a model is a directory, or a name such as openai:..., script:FILE or replay:FILE",
}


def file_told(path: Path) -> str:
    """What a file is that stands in the place of a model directory, with the remedy."""
    known = _FILES.get(
        path.suffix.lower(), "is a file; name the directory that holds config.json and the weights"
    )
    return f"{path}: {known}"


def told(directory: Path) -> str:
    """What a directory is that is no model directory, with the remedy."""
    names = sorted(each.name for each in directory.iterdir())
    if not names:
        return f"is empty; {DOWNLOAD}"
    if inside := _inside(directory):
        return inside
    for layout in FOREIGN:
        if any(fnmatch(name, pattern) for pattern in layout.names for name in names):
            return f"{layout.is_a}; {layout.remedy}"
    return "is no model directory; one is what save_pretrained() of transformers writes"


def _inside(directory: Path) -> str:
    """Where the model lies, where that is deeper in the directory."""
    snapshots = directory / "snapshots"
    if snapshots.is_dir():
        if newest := _newest(snapshots.iterdir()):
            return f"is the folder of a model in the hub's cache; name what is in it: {newest}"
        return f"is the folder of a model in the hub's cache, and holds none; {DOWNLOAD}"
    if newest := _newest(directory.glob("checkpoint-*")):
        return f"is where a trainer keeps its checkpoints; name one of them: {newest}"
    within = [each for each in sorted(directory.iterdir()) if each.is_dir() and _is_model(each)]
    return f"holds model directories, and is none; name one of them: {within[0]}" if within else ""


def _newest(found: Iterator[Path]) -> Path | None:
    def number(each: Path) -> tuple[int, float]:
        step = re.search(r"\d+$", each.name)
        return (int(step[0][:9]) if each.name.startswith("checkpoint-") and step else 0, each.stat().st_mtime)

    return max(filter(_is_model, found), key=number, default=None)


def _is_model(directory: Path) -> bool:
    return any((directory / each).is_file() for each in ("config.json", "adapter_config.json"))


def stands_in(path: Path) -> str:
    """What lies in the place of a file that could not be got, with the remedy; empty where it is the file itself."""
    if path.is_dir():
        return f"{path}: is a directory in the place of a file; {DOWNLOAD}"
    if not path.exists():
        return (
            f"{path}: points to nothing (a link whose target is gone); {DOWNLOAD}"
            if path.is_symlink()
            else ""
        )
    with path.open("rb") as stream:
        head = stream.read(_SMALL)
    if head.startswith(LFS):
        return f"{path}: is a pointer of git-lfs in the place of the file; run `git lfs pull` where it was cloned"
    if b"/annex/objects/" in head[:200]:
        return f"{path}: is a pointer of git-annex in the place of the file; run `git annex get` where it was cloned"
    if head[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return f"{path}: is a web page in the place of the file; download the file itself"
    if not head:
        return f"{path}: is empty; {DOWNLOAD}"
    return ""
