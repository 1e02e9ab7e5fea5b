"""QLoRA: the adapter learns over four bits and is merged into the weights that those came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from rlaif.errors import ModelError, RecipeError
from rlaif.training import DPOConfig, RewardConfig, quantized, train_dpo, train_reward

from .builders import make_pairs, make_tokenizer, read_weights
from .conftest import MakeDirectory

CONFIG = DPOConfig(steps=3, batch_size=4, learning_rate=5e-3, lora=4, quantize="4bit", loss="sigmoid")


def test_without_bitsandbytes_the_reason_is_said(
    model_dir: MakeDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantized, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match="bitsandbytes is not installed here; `pip install bitsandbytes`"):
        train_dpo(CONFIG, make_pairs(4), policy=model_dir(), reference="previous", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_four_bits_without_an_adapter_are_refused(model_dir: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="quantize is '4bit'; it is for adapters"):
        DPOConfig(quantize="4bit")
    config = RewardConfig(steps=1, lora=2, quantize="4bit")
    with pytest.raises(RecipeError, match="full precision"):
        train_reward(config, make_pairs(4), base=model_dir(), out=tmp_path / "out")


def wide_enough(folder: Path) -> Path:
    """A model whose widths are multiples of a block of four-bit numbers."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = make_tokenizer("chatml")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.2,
        bos_token_id=None, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_an_adapter_learns_over_four_bits(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    out, policy = tmp_path / "out", wide_enough(tmp_path / "policy")
    summary = train_dpo(CONFIG, make_pairs(6), policy=policy, reference="previous", out=out)
    assert summary.packed, summary.notes
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert lines[0]["rewards/margins"] == pytest.approx(0.0, abs=1e-5)
    assert lines[-1]["rewards/margins"] > 1e-3
    before, after = read_weights(policy), read_weights(out)
    assert before.keys() == after.keys()
    for name, each in before.items():
        assert after[name].dtype == torch.float32
        # the adapter's part is of low rank; nothing was rounded to four bits
        difference = after[name] - each
        if difference.ndim == 2 and difference.abs().max() > 0:
            assert torch.linalg.matrix_rank(difference.double(), rtol=1e-4) <= CONFIG.lora, name
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert (out / "adapter" / "adapter_config.json").is_file()
