"""TRL's trainers are the reference reader: a pairs file of ours is loaded and trained on as it is."""

from pathlib import Path
from typing import Any

import pytest

from rlaif.exchange.pairs import write_pairs
from rlaif.records import Message, Pair

WORDS = ["[pad]", "[end]", "[unk]", "user", "assistant", "how", "bake", "mix", "wait", "no", "yes"]
TEMPLATE = (
    "{% for m in messages %}{{ m.role + ' ' + m.content + ' [end] ' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant {% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[unk]"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="[pad]",
        eos_token="[end]",
        unk_token="[unk]",
        chat_template=TEMPLATE,
    )


@pytest.fixture(scope="module")
def model_config() -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=None,
        num_labels=1,
    )


@pytest.fixture
def rows(tmp_path: Path) -> Any:
    from datasets import load_dataset

    def turn(role: Any, content: str) -> tuple[Message, ...]:
        return (Message(role=role, content=content),)

    pairs = [
        Pair(
            prompt=turn("user", text),
            chosen=turn("assistant", "yes mix wait"),
            rejected=turn("assistant", "no"),
            label_prob=0.9,
            score_gap=None if text == "how" else 0.5,
            principles=({"id": "steps", "p": 0.9},) if text == "how" else (),
            critique=None if text == "how" else "It says no.",
            provenance={"constitution": {"name": "house"}, "calls": ["b2:00"], "seed": 0},
        )
        for text in ("how", "how bake")
    ]
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    return load_dataset(
        "json", data_files=str(tmp_path / "pairs.jsonl"), split="train", cache_dir=str(tmp_path)
    )


def options(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "out"),
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "logging_steps": 1,
    }


def test_dpo_trainer_loads_our_pairs(tmp_path: Path, rows: Any, tokenizer: Any, model_config: Any) -> None:
    from transformers import LlamaForCausalLM
    from trl import DPOConfig, DPOTrainer

    # the trainer loads its own reference from where the model was loaded
    LlamaForCausalLM(model_config).save_pretrained(tmp_path / "model")
    trainer = DPOTrainer(
        model=LlamaForCausalLM.from_pretrained(tmp_path / "model"),
        args=DPOConfig(**options(tmp_path)),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    said = tokenizer.batch_decode(batch["input_ids"][:2])
    assert all("assistant yes mix wait [end]" in each for each in said)
    trainer.train()
    assert trainer.state.log_history[0]["rewards/margins"] == pytest.approx(0.0, abs=1e-6)


def test_reward_trainer_loads_our_pairs(tmp_path: Path, rows: Any, tokenizer: Any, model_config: Any) -> None:
    from transformers import LlamaForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    trainer = RewardTrainer(
        model=LlamaForSequenceClassification(model_config),
        args=RewardConfig(**options(tmp_path)),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    trainer.train()
    assert trainer.state.log_history[0]["loss"] > 0
