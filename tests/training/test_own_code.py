"""A model that brings its own code is trained where that is asked for, and else refused with the option's name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.engines.open import open_engine
from rlaif.errors import ModelError, RunError
from rlaif.training import DPOConfig, RewardConfig, SFTConfig, train_dpo, train_reward, train_sft
from tests.engines.tiny import write_model

from .builders import make_examples, make_pairs

SHORT = {"steps": 1, "batch_size": 2, "learning_rate": 1e-3}
CODE = (
    "from transformers import LlamaConfig, LlamaForCausalLM\n"
    "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
    "class Own(LlamaForCausalLM):\n    config_class = OwnConfig\n"
)


def with_own_make(folder: Path, remark: str = "") -> Path:
    write_model(folder)
    config = json.loads((folder / "config.json").read_text()) | {
        "model_type": "own",
        "architectures": ["Own"],
    }
    classes = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.Own"}
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": classes}))
    (folder / "modeling_own.py").write_text(f"{CODE}# {remark}\n")
    return folder


def test_a_model_with_code_of_its_own_is_trained_where_that_is_asked_for(tmp_path: Path) -> None:
    base, out = with_own_make(tmp_path / "m"), tmp_path / "out"
    trusting = DPOConfig(**SHORT, trust_remote_code=True)
    train_dpo(trusting, make_pairs(4), policy=base, reference="init", out=out)
    assert (out / "modeling_own.py").is_file()
    made = open_engine(f"hf:{out}", trust_remote_code=True)
    assert made.fingerprint != open_engine(f"hf:{base}", trust_remote_code=True).fingerprint


def test_untrusted_code_is_refused_by_every_method_with_the_option(tmp_path: Path) -> None:
    base, words = with_own_make(tmp_path / "m"), r"code that comes with it.*--trust-remote-code"
    with pytest.raises(ModelError, match=words):
        train_dpo(DPOConfig(**SHORT), make_pairs(4), policy=base, reference="none", out=tmp_path / "a")
    with pytest.raises(ModelError, match=words):
        train_reward(RewardConfig(**SHORT), make_pairs(4), base=base, out=tmp_path / "b")
    with pytest.raises(ModelError, match=words):
        train_sft(SFTConfig(**SHORT), make_examples(4), policy=base, out=tmp_path / "c")


def test_other_code_is_another_training(tmp_path: Path) -> None:
    one, other = with_own_make(tmp_path / "a"), with_own_make(tmp_path / "b", "changed")
    trusting = SFTConfig(**SHORT, trust_remote_code=True)
    train_sft(trusting, make_examples(4), policy=one, out=tmp_path / "out")
    with pytest.raises(RunError):
        train_sft(trusting, make_examples(4), policy=other, out=tmp_path / "out")
