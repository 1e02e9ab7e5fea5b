from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.model_directory import resolve_directory
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.shipped import shipped_model

from .conftest import ModelDir, OpenTiny
from .tiny import draw, make_model, make_tokenizer, question


@pytest.fixture
def copy(model_dir: ModelDir, tmp_path: Path) -> Path:
    return shutil.copytree(model_dir(), tmp_path / "model")


def refused(name: str | Path, **options) -> str:
    with pytest.raises(ModelError) as caught:
        open_engine(str(name), device="cpu", **options)
    return str(caught.value)


def test_a_directory_opens_with_and_without_prefix(copy: Path) -> None:
    plain, named = open_engine(str(copy), device="cpu"), open_engine(f"hf:{copy}", device="cpu")
    assert plain.fingerprint == named.fingerprint
    assert (plain.name, named.name) == (str(copy), f"hf:{copy}")


def test_a_directory_without_tokenizer_says_what_to_save(copy: Path) -> None:
    for path in copy.glob("tokenizer*"):
        path.unlink()
    (copy / "special_tokens_map.json").unlink(missing_ok=True)
    message = refused(copy)
    assert f"{copy}: no tokenizer" in message
    assert "save_pretrained" in message


def test_a_directory_without_template_opens_falls_back_and_says_so(
    copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    open_engine(str(copy), device="cpu")
    assert "chat template" not in caplog.text
    (copy / "chat_template.jinja").unlink()
    engine = open_engine(str(copy), device="cpu")
    assert "has no chat template, as base models have none" in caplog.text
    assert engine.chat.prompt_text(draw("bake").messages).endswith("Human: bake\n\nAssistant:")


def test_pickled_weights_are_refused(copy: Path) -> None:
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    message = refused(copy)
    assert "pickled weights are not loaded" in message
    assert "save_pretrained" in message


def test_a_directory_that_is_no_model(tmp_path: Path) -> None:
    assert "no config.json" in refused(tmp_path)


def test_a_broken_config_is_named(copy: Path) -> None:
    (copy / "config.json").write_text("{")
    assert f"{copy / 'config.json'}: not JSON" in refused(copy)


def test_a_config_of_an_unknown_make(copy: Path) -> None:
    (copy / "config.json").write_text(json.dumps({"model_type": "teapot"}))
    assert f"{copy}" in refused(copy)


def test_broken_weights_are_named(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"\0" * 100)
    assert "model.safetensors: is no whole file of safetensors" in refused(copy)


def test_a_broken_tokenizer_is_named(copy: Path) -> None:
    (copy / "tokenizer.json").write_text("{}")
    assert f"{copy}: the tokenizer cannot be loaded" in refused(copy)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("teapot:x", "names no model"),
        ("nothing", "names no model"),
        ("hf:", "what follows hf: is missing"),
        ("hf:/nowhere/at/all", "no such model directory"),
        ("hf:./nowhere", "no such model directory"),
        ("hf:~nobody-of-this-name/model", "no such model directory"),
        ("vllm:a/b", "vllm serve"),
        ("openai:host#model@1", "openai:http://"),
        ("openai:http://host/v1", "openai:http://"),
        ("script:/nowhere.jsonl", "cannot be read"),
        ("replay:/nowhere.jsonl", "cannot be read"),
    ],
)
def test_a_name_that_cannot_be_used_says_why(name: str, words: str) -> None:
    assert words in refused(name)


def test_an_unknown_dtype_names_the_known_ones(copy: Path) -> None:
    assert "known: float32, bfloat16, float16" in refused(copy, dtype="int3")


def test_a_device_that_is_not_there(copy: Path) -> None:
    with pytest.raises(ModelError, match="use auto or cpu"):
        open_engine(str(copy), device="meta-what")


def test_half_precision_is_loaded_and_is_another_model(copy: Path) -> None:
    half = open_engine(str(copy), device="cpu", dtype="bfloat16")
    assert half._scorer.model.dtype == torch.bfloat16
    assert half.fingerprint != open_engine(str(copy), device="cpu").fingerprint
    replies = [*half.score([question("Rule: wait")]), *half.generate([draw("bake")])]
    assert all(reply.error is None for reply in replies)


def test_a_model_that_keeps_no_cache_is_refused(tmp_path: Path) -> None:
    from transformers import OpenAIGPTConfig, OpenAIGPTLMHeadModel

    tokenizer = make_tokenizer()
    config = OpenAIGPTConfig(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, eos_token_id=2)
    OpenAIGPTLMHeadModel(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert "keeps no key-value cache" in refused(tmp_path)


def test_bundled_names_mean_bundled_directories() -> None:
    assert resolve_directory("micro:weak") == shipped_model("micro:weak")


def test_the_fingerprint_is_of_what_answers_not_of_what_lies_beside_it(copy: Path) -> None:
    before = model_fingerprint(copy)
    (copy / "README.md").write_text("a card")
    (copy / "train.json").write_text("{}")
    assert model_fingerprint(copy) == before


@pytest.mark.parametrize(
    "change", ["model.safetensors", "config.json", "chat_template.jinja", "tokenizer.json"]
)
def test_the_fingerprint_changes_with_what_answers(copy: Path, change: str) -> None:
    before = model_fingerprint(copy)
    with (copy / change).open("ab") as stream:
        stream.write(b" ")
    assert model_fingerprint(copy) != before


def test_the_fingerprint_changes_with_dtype_and_template_options(copy: Path) -> None:
    found = {
        model_fingerprint(copy),
        model_fingerprint(copy, "bfloat16"),
        model_fingerprint(copy, "float32", {"a": 1}),
    }
    assert len(found) == 3


def test_the_fingerprint_does_not_know_where_a_model_lies(copy: Path, model_dir: ModelDir) -> None:
    assert model_fingerprint(copy) == model_fingerprint(model_dir())


def test_an_adapter_sits_on_its_base(copy: Path, tmp_path: Path, tiny: OpenTiny) -> None:
    from peft import LoraConfig, get_peft_model

    model = make_model("llama", len(make_tokenizer()))
    wrapped = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in wrapped.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(1))
    wrapped.peft_config["default"].base_model_name_or_path = str(copy)
    wrapped.save_pretrained(tmp_path / "adapter")
    adapted = open_engine(str(tmp_path / "adapter"), device="cpu")
    base = open_engine(str(copy), device="cpu")
    asked = [question("Rule: wait")]
    assert next(adapted.score(asked)).logprobs != pytest.approx(next(base.score(asked)).logprobs)
    assert adapted.fingerprint != base.fingerprint
    shutil.rmtree(copy)
    assert "base model" in refused(tmp_path / "adapter")
