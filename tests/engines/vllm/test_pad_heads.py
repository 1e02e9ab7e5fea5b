"""A model with wider heads is the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.local.load import load_model, load_tokenizer
from rlaif.engines.model_directory import resolve_directory
from rlaif.engines.vllm.pad_heads import head_width, widen
from rlaif.errors import ModelError

IDS = torch.arange(4, 604).remainder(997)[None]


def logprobs(directory: Path) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = load_model(directory)(IDS).logits.double().log_softmax(-1)
    return found


def adapter(tmp_path: Path, base: Path) -> Path:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    model: Any = get_peft_model(load_model(base), LoraConfig(r=4, target_modules="all-linear"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    model.save_pretrained(tmp_path / "adapter")
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(
        json.dumps({**json.loads(config.read_text()), "base_model_name_or_path": str(base.absolute())})
    )
    return tmp_path / "adapter"


@pytest.mark.parametrize("width", [64, 80])
def test_wider_heads_give_the_same_logprobs(tmp_path: Path, width: int) -> None:
    micro = resolve_directory("micro")
    wide = widen(micro, tmp_path / "wide", width)
    assert (head_width(micro), head_width(wide)) == (40, width)
    assert (logprobs(micro) - logprobs(wide)).abs().max() < 1e-4


def test_an_adapter_is_widened_with_its_base(tmp_path: Path) -> None:
    micro = resolve_directory("micro")
    trained = adapter(tmp_path, micro)
    wide = widen(trained, tmp_path / "wide", 64)
    assert head_width(wide) == 64
    assert (logprobs(trained) - logprobs(micro)).abs().max() > 0.1
    assert (logprobs(trained) - logprobs(wide)).abs().max() < 1e-4


def test_a_layout_that_would_become_another_model_is_refused(tmp_path: Path) -> None:
    config = {"model_type": "gemma2", "head_dim": 40, "rope_theta": 10000.0}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="only plain Llama"):
        widen(tmp_path, tmp_path / "wide", 64)
    assert not (tmp_path / "wide").exists()


def test_bytes_are_text_to_whoever_leaves_special_tokens_out(tmp_path: Path) -> None:
    """vLLM's server does; the bundled tokenizer calls the tokens of single bytes special."""
    directory = resolve_directory("micro")
    before, after = load_tokenizer(directory), load_tokenizer(widen(directory, tmp_path / "wide", 64))
    for text in ('{"rating": 2}', "a — b\n€ ü [x]", "Hello, I am Ben. 12 plus 7 is 19."):
        ids = before(text, add_special_tokens=False)["input_ids"]
        assert after(text, add_special_tokens=False)["input_ids"] == ids
        assert after.decode(ids, skip_special_tokens=True) == text == before.decode(ids)
    assert after.decode([after.eos_token_id], skip_special_tokens=True) == ""
    assert len(after) == len(before)
