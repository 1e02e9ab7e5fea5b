"""The bundled models: their shape and size always, their figures in the heavy run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.shipped import MODELS, shipped_model

NAMES = sorted(MODELS)


def folder(name: str) -> Path:
    found = shipped_model(name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_bundled_model_is_an_ordinary_llama_directory_with_a_chat_template(name: str) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder(name))
    model = AutoModelForCausalLM.from_pretrained(folder(name))
    assert type(model).__name__ == "LlamaForCausalLM"
    assert model.num_parameters() <= 2_000_000
    assert json.loads((folder(name) / "config.json").read_text())["dtype"] == "bfloat16"
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How do I make tea?"}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert text == "<|system|>Be brief.<|end|><|user|>How do I make tea?<|end|><|assistant|>"
    odd = "Zürich 東京 <x>\tq"
    assert tokenizer.decode(tokenizer(odd)["input_ids"]) == odd


def test_the_family_is_at_most_12_mb() -> None:
    sizes = [file.stat().st_size for name in NAMES for file in folder(name).iterdir()]
    assert sum(sizes) <= 12_000_000
