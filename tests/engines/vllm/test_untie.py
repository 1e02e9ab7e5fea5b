"""A model with an output layer of its own in place of its embedding's says what it said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rlaif.engines.local.load import load_model
from rlaif.engines.model_directory import resolve_directory
from rlaif.engines.vllm.untie import EMBEDDING, OUTPUT, untied
from rlaif.errors import ModelError


def test_it_computes_the_same_and_its_layers_are_two(tmp_path: Path) -> None:
    tied = resolve_directory("micro")
    apart = untied(tied, tmp_path / "apart")
    tensors = load_file(apart / "model.safetensors")
    assert torch.equal(tensors[OUTPUT], tensors[EMBEDDING])
    one, other = load_model(tied), load_model(apart)
    ids = torch.arange(2, 40)[None]
    with torch.no_grad():
        torch.testing.assert_close(one(ids).logits, other(ids).logits, rtol=0, atol=0)
    weights = [other.get_input_embeddings().weight, other.get_output_embeddings().weight]
    assert weights[0].data_ptr() != weights[1].data_ptr()


def test_one_whose_layers_are_two_is_left_as_it_is(tmp_path: Path) -> None:
    apart = untied(resolve_directory("micro"), tmp_path / "apart")
    assert untied(apart, tmp_path / "again") == apart
    assert not (tmp_path / "again").exists()


def test_a_model_in_several_files_becomes_one(tmp_path: Path) -> None:
    tied, parted = resolve_directory("micro"), tmp_path / "parted"
    tensors = load_file(tied / "model.safetensors")
    parted.mkdir()
    (parted / "config.json").write_text((tied / "config.json").read_text())
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:9], "model-00002-of-00002.safetensors": names[9:]}
    for file, own in parts.items():
        save_file({name: tensors[name] for name in own}, parted / file, metadata={"format": "pt"})
    index = {"weight_map": {name: file for file, own in parts.items() for name in own}}
    (parted / "model.safetensors.index.json").write_text(json.dumps(index))
    out = untied(parted, tmp_path / "out")
    assert sorted(path.name for path in out.iterdir()) == ["config.json", "model.safetensors"]
    assert set(load_file(out / "model.safetensors")) == {*tensors, OUTPUT}


def test_a_layout_that_is_not_known_is_refused_with_what_works(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    save_file({"transformer.wte.weight": torch.zeros(2, 2)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=r"does not take new weights of this layout.*--lora"):
        untied(tmp_path, tmp_path / "out")
