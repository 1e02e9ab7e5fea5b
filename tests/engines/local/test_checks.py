"""What is no model directory, and what is a broken one, is told in a sentence with the remedy; nothing is loaded."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlaif.engines.kinds import split_name
from rlaif.engines.local.checks import check_directory
from rlaif.engines.model_directory import resolve_directory
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from tests.engines.conftest import ModelDir
from tests.engines.test_fingerprint import adapter

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 988097824\n"


@pytest.fixture
def copy(model_dir: ModelDir, tmp_path: Path) -> Path:
    return shutil.copytree(model_dir(), tmp_path / "model")


def refused(folder: Path) -> str:
    with pytest.raises(ModelError) as caught:
        check_directory(folder)
    return str(caught.value)


DIRECTORIES = {
    "empty": ((), "is empty; download"),
    "gguf": (("model-Q4_K_M.gguf",), "GGUF.*openai:"),
    "onnx": (("model.onnx",), "ONNX.*save_pretrained"),
    "consolidated": (("consolidated.safetensors", "params.json", "tekken.json"), "layout of their authors"),
    "pth": (("consolidated.00.pth", "params.json"), "layout of their authors"),
    "tensorflow": (("tf_model.h5",), "TensorFlow"),
    "flax": (("flax_model.msgpack",), "Flax"),
    "openvino": (("openvino_model.xml", "openvino_model.bin"), "OpenVINO"),
    "nemo": (("model.nemo",), "NeMo"),
    "diffusers": (("model_index.json",), "diffusers"),
    "sentences": (("modules.json", "config_sentence_transformers.json"), "sentence-transformers"),
    "fsdp": (("__0_0.distcp", ".metadata"), "FSDP"),
    "deepspeed": (("zero_to_fp32.py", "latest"), "zero_to_fp32"),
    "pickle": (("pytorch_model.bin",), "pickled weights are not loaded.*save_pretrained"),
    "checkpoint file": (("last.ckpt",), "pickled weights are not loaded"),
    "archive": (("model.tar.gz",), "unpack it"),
    "download": (("model.safetensors.incomplete",), "download that did not end"),
    "run": (("run.json", "pairs.jsonl"), "is a run.*models/"),
    "tokenizer": (("tokenizer.json", "tokenizer_config.json"), "holds a tokenizer, and no model"),
    "weights": (("model.safetensors",), "without a config.json"),
    "adapter weights": (("adapter_model.safetensors",), "without its adapter_config.json"),
    "text": (("README.md",), "is no model directory"),
}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_what_people_take_for_a_model_directory_is_called_by_its_name(tmp_path: Path, name: str) -> None:
    names, words = DIRECTORIES[name]
    folder = tmp_path / "m"
    folder.mkdir()
    for each in names:
        (folder / each).write_bytes(b"{}")
    with pytest.raises(ModelError, match=f"no config.json; it .*{words}"):
        check_directory(folder)


@pytest.mark.parametrize(
    "name", [name for name in DIRECTORIES if name not in ("empty", "text", "tokenizer", "weights")]
)
def test_a_configuration_beside_them_changes_nothing(copy: Path, name: str) -> None:
    names, words = DIRECTORIES[name]
    (copy / "model.safetensors").unlink()
    if "adapter" not in name and "consolidated.safetensors" not in names:
        for each in names:
            (copy / each).write_bytes(b"some")
        with pytest.raises(ModelError, match=words):
            check_directory(copy)


def test_where_the_model_lies_is_named(copy: Path, tmp_path: Path) -> None:
    cache = tmp_path / "models--a--b"
    (cache / "refs").mkdir(parents=True)
    snapshot = shutil.copytree(copy, cache / "snapshots" / "abc")
    assert f"in the hub's cache; name what is in it: {snapshot}" in refused(cache)
    assert f"name one of them: {snapshot}" in refused(cache / "snapshots")
    for step in (500, 1000, 90):
        shutil.copytree(copy, tmp_path / "run" / f"checkpoint-{step}")
    assert f"name one of them: {tmp_path / 'run' / 'checkpoint-1000'}" in refused(tmp_path / "run")
    check_directory(tmp_path / "run" / "checkpoint-500")


FILES = {
    "model.gguf": "GGUF", "model.safetensors": "name the directory", "pytorch_model.bin": "pickle",
    "m.tar.gz": "unpack it", "notes.txt": "name the directory", "script.jsonl": "script:FILE",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_in_the_place_of_a_directory_says_what_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"some")
    for task in (resolve_directory, split_name):
        with pytest.raises(ModelError, match=FILES[name]):
            task(str(tmp_path / name))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
@pytest.mark.parametrize(
    ("content", "words"),
    [(LFS, "git lfs pull"), (b"<!DOCTYPE html><html>", "web page"), (b"", "is empty"),
     (b"../.git/annex/objects/a/b/c", "git annex get")],
)  # fmt: skip
def test_what_stands_in_for_a_file_is_told(copy: Path, name: str, content: bytes, words: str) -> None:
    (copy / name).write_bytes(content)
    assert f"{copy / name}: " in (message := refused(copy))
    assert words in message


def test_a_link_to_nothing_and_a_directory_are_no_files(copy: Path) -> None:
    for name in ("model.safetensors", "config.json"):
        path = copy / name
        kept = path.read_bytes()
        path.unlink()
        path.symlink_to(copy / "gone")
        assert "points to nothing" in refused(copy)
        path.unlink()
        path.mkdir()
        assert "a directory in the place" in refused(copy) or "no config.json" in refused(copy)
        path.rmdir()
        path.write_bytes(kept)
    check_directory(copy)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(copy: Path) -> None:
    (copy / "config.json").chmod(0)
    assert "let this user read it" in refused(copy)


def header_of(held: Any, data: bytes = b"") -> bytes:
    raw = held if isinstance(held, bytes) else json.dumps(held).encode()
    return struct.pack("<Q", len(raw)) + raw + data


WEIGHTS: dict[str, tuple[bytes, str]] = {
    "short": (b"abc", "no whole file"),
    "pickle": (pickle.dumps({"a": 1}) + b"x" * 100, "no whole file"),
    "endless header": (struct.pack("<Q", 2**63) + b"{}", "no whole file"),
    "header beyond the file": (struct.pack("<Q", 1000) + b"{}", "no whole file"),
    "no json": (header_of(b"[" * 2_000_000), "its header is not"),
    "a list": (header_of([1]), "its header is not"),
    "no shapes": (header_of({"a": {"dtype": "F32"}}), "its header is not"),
    "negative shapes": (header_of({"a": {"dtype": "F32", "shape": [-1]}}), "its header is not"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_no_safetensors_are_named(copy: Path, name: str) -> None:
    content, words = WEIGHTS[name]
    (copy / "model.safetensors").write_bytes(content)
    assert f"{copy / 'model.safetensors'}: " in (message := refused(copy))
    assert words in message
    assert "download" in message


OFFSETS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "overlap": lambda held: held | {"extra": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}},
    "beyond": lambda held: (
        held | {"extra": {"dtype": "F32", "shape": [2], "data_offsets": [10**9, 10**9 + 8]}}
    ),
    "unknown type": lambda held: {name: each | {"dtype": "F7"} for name, each in held.items()},
    "huge": lambda held: {name: each | {"shape": [2**40, 2**40]} for name, each in held.items()},
}


@pytest.mark.parametrize("name", OFFSETS)
def test_a_header_that_lies_about_the_data_is_refused(copy: Path, name: str) -> None:
    path = copy / "model.safetensors"
    raw = path.read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    held = json.loads(raw[8 : 8 + length])
    held.pop("__metadata__", None)
    path.write_bytes(header_of(OFFSETS[name](held), raw[8 + length :]))
    with pytest.raises(ModelError, match=str(copy)):
        open_engine(f"hf:{copy}", device="cpu")


def as_shards(folder: Path, weight_map: Any) -> Path:
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {}, "weight_map": weight_map})
    )
    return folder


SHARDS: dict[str, tuple[Any, str]] = {
    "outside": ({"a": "../../secret.safetensors"}, r"names ../../secret.safetensors, which lies outside"),
    "absolute": ({"a": "/etc/passwd"}, "lies outside"),
    "missing": (
        {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"},
        r"1 of its 2 files of weights are not there \(model-00002-of-00002.safetensors\)",
    ),
    "list": (["model-00001-of-00002.safetensors"], "no weight_map"),
    "numbers": ({"a": 1}, "no weight_map"),
    "nothing": ({}, "no weight_map"),
    "null": (None, "no weight_map"),
}


@pytest.mark.parametrize("name", SHARDS)
def test_an_index_names_files_of_its_own_directory_that_are_there(copy: Path, name: str) -> None:
    weight_map, words = SHARDS[name]
    with pytest.raises(ModelError, match=words):
        check_directory(as_shards(copy, weight_map))


SETTINGS: dict[str, tuple[str, Any, str]] = {
    "layers": (
        "config.json",
        {"num_hidden_layers": 10**9},
        "num_hidden_layers is 1000000000, and the weights",
    ),
    "hidden": ("config.json", {"hidden_size": 10**12}, "hidden_size is"),
    "vocabulary": ("config.json", {"vocab_size": 10**10}, "vocab_size is"),
    "heads": ("config.json", {"num_attention_heads": 10**10}, "num_attention_heads is"),
    "inner": ("config.json", {"text_config": {"intermediate_size": 10**11}}, "intermediate_size is"),
    "negative": ("config.json", {"num_hidden_layers": -1}, "num_hidden_layers is -1"),
    "architectures": ("config.json", {"architectures": "Llama"}, "architectures is no list"),
    "make": ("config.json", {"model_type": ["llama"]}, "model_type is"),
    "mlx": ("config.json", {"quantization": {"group_size": 64, "bits": 4}}, "MLX rounded to 4 bits"),
    "list": ("config.json", ["a"], "no object of JSON"),
    "generation list": ("generation_config.json", [1], "no object of JSON"),
    "tokenizer text": ("tokenizer_config.json", "a", "no object of JSON"),
    "special list": ("special_tokens_map.json", [1], "no object of JSON"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_that_no_model_has_are_named_with_their_file(copy: Path, name: str) -> None:
    file, change, words = SETTINGS[name]
    path = copy / file
    held = json.loads(path.read_text()) if path.is_file() and isinstance(change, dict) else None
    path.write_text(json.dumps(held | change if held is not None else change))
    with pytest.raises(ModelError, match=words):
        check_directory(copy)


@pytest.mark.parametrize("text", ["{", "[" * 200_000, '{"a": ' + "9" * 5000 + "}", "\x00"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "adapter_config.json"])
def test_settings_that_are_no_json_are_named(copy: Path, file: str, text: str) -> None:
    (copy / file).write_text(text)
    assert f"{copy / file}: not JSON" in refused(copy)


@pytest.mark.parametrize("kind", ["XLORA", "PROMPT_TUNING", "POLY", None, 7, "teapot"])
def test_an_adapter_of_a_kind_that_cannot_be_merged_is_refused(copy: Path, tmp_path: Path, kind: Any) -> None:
    folder = adapter(tmp_path / "a", copy)
    settings = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(settings | {"peft_type": kind}))
    assert "cannot be merged into its model" in refused(folder)


def test_a_pickle_beside_the_weights_is_never_opened(copy: Path, tmp_path: Path) -> None:
    flag = tmp_path / "ran"

    class Hostile:
        def __reduce__(self) -> Any:
            return (os.system, (f"touch {flag}",))

    hostile = pickle.dumps({"a": Hostile()})
    folder = adapter(tmp_path / "a", copy)
    for place in (copy, folder):
        for name in (
            "pytorch_model.bin",
            "adapter_model.bin",
            "training_args.bin",
            "optimizer.pt",
            "value_head.bin",
        ):
            (place / name).write_bytes(hostile)
    assert open_engine(f"hf:{copy}", device="cpu").fingerprint
    assert open_engine(f"hf:{folder}", device="cpu").fingerprint
    (folder / "adapter_model.safetensors").unlink()
    (copy / "model.safetensors").unlink()
    for place in (copy, folder):
        with pytest.raises(ModelError, match="pickled"):
            open_engine(f"hf:{place}", device="cpu")
    assert not flag.exists()


@pytest.mark.parametrize("end", [[[2]], ["</s>"], -1, {"a": 1}, [2, -7]])
def test_an_end_token_that_is_none_is_refused(copy: Path, end: Any) -> None:
    path = copy / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"eos_token_id": end}))
    with pytest.raises(ModelError):
        open_engine(f"hf:{copy}", device="cpu")
