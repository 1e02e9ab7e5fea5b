"""Tiny random models of several makes, with their kinds of chat template, and pairs to train them on."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rlaif.records import Example, Message, Pair

torch.set_num_threads(1)

TEXT = (
    "please how do I bake bread open a lock add two numbers step one mix flour and water then wait "
    "yes no hello thank you because it is warm never first second last good bad A B"
)
WORDS = TEXT.split()
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}<|im_start|>{{ 'model' if m['role'] == 'assistant' else 'user' }}\n"
    "{{ m['content'] | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>model\n{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou help.<|im_end|>\n{% endif %}" + CHATML
)
TIGHT = CHATML.replace("<|im_end|>\n", "<|im_end|>")
TEMPLATES = {
    "chatml": CHATML,
    "tight": TIGHT,
    "thinking": THINKING,
    "no-system": NO_SYSTEM,
    "default-system": DEFAULT_SYSTEM,
}


def make_tokenizer(template: str | None) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    whole = Tokenizer(models.BPE())
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|pad|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    whole.train_from_iterator([" ".join(WORDS)] * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=whole,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
    )
    fast.chat_template = None if template is None else TEMPLATES[template]
    return fast


def make_model(kind: str, vocab: int, seed: int = 0) -> Any:
    import transformers

    shape = dict(
        vocab_size=vocab,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=256,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )
    torch.manual_seed(seed)
    match kind:
        case "llama":
            config: Any = transformers.LlamaConfig(**shape, tie_word_embeddings=True)
            return transformers.LlamaForCausalLM(config)
        case "qwen2":
            return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**shape))
        case "qwen3":
            return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**shape))
        case "gemma2":
            windowed = dict(sliding_window=16, query_pre_attn_scalar=8, final_logit_softcapping=3.0)
            return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**shape, **windowed))
        case "gemma3":
            windowed = dict(
                sliding_window=16,
                query_pre_attn_scalar=8,
                layer_types=["sliding_attention", "full_attention"],
            )
            return transformers.Gemma3ForCausalLM(transformers.Gemma3TextConfig(**shape, **windowed))
        case "gpt2":
            config = transformers.GPT2Config(
                vocab_size=vocab, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3,
                bos_token_id=2, eos_token_id=2,
            )  # fmt: skip
            return transformers.GPT2LMHeadModel(config)
        case "mistral":  # a window over all layers
            return transformers.MistralForCausalLM(transformers.MistralConfig(**shape, sliding_window=16))
        case "mamba":
            config = transformers.MambaConfig(
                vocab_size=vocab,
                hidden_size=32,
                num_hidden_layers=2,
                state_size=4,
                eos_token_id=2,
                pad_token_id=0,
            )
            return transformers.MambaForCausalLM(config)
        case _:
            raise AssertionError(kind)


def text(rng: random.Random, low: int, high: int) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))


def pair(prompt: str, chosen: str, rejected: str, **fields: Any) -> Pair:
    return Pair(
        prompt=(Message(role="user", content=prompt),),
        chosen=(Message(role="assistant", content=chosen),),
        rejected=(Message(role="assistant", content=rejected),),
        **{"label_prob": 0.9, **fields},
    )


def make_pairs(count: int, seed: int = 0, *, low: int = 2, high: int = 12) -> list[Pair]:
    rng = random.Random(seed)
    return [
        pair(
            text(rng, 3, 15),
            text(rng, low, high) + " thank you",
            text(rng, low, high),
            label_prob=rng.uniform(0.55, 1.0),
            weight=rng.choice([0.5, 1.0, 2.0]),
        )
        for _ in range(count)
    ]


def example(user: str, assistant: str, kind: str = "judge") -> Example:
    return Example(
        messages=(Message(role="user", content=user), Message(role="assistant", content=assistant)), kind=kind
    )


def make_examples(count: int, seed: int = 0, kind: str = "judge") -> list[Example]:
    rng = random.Random(seed)
    return [example(text(rng, 4, 12), rng.choice(["yes", "no"]), kind) for _ in range(count)]


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same_weights(one: Path, other: Path) -> bool:
    first, second = read_weights(one), read_weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def losses_of(history: Sequence[dict[str, float]]) -> list[float]:
    return [line["loss"] for line in history]
