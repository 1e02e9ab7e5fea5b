"""Tiny random models of several makes with their kinds of chat template, written as ordinary directories."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest

torch.set_num_threads(1)

TEXT = (
    "Does the response follow the rule? Answer yes or no. Prompt: Response: Rule: how do I bake bread, mix flour and "
    "water, then wait. Hello, thank you; please warn me of the hot oven. Which one follows it better? A B 1 2 3 4 5 "
    "system user assistant model never first second last good bad because it is warm and I am not sure `` ` "
)
PAD, START, END = "<|pad|>", "<|start|>", "<|end|>"
CHATML = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
TEMPLATES: dict[str, str | None] = {
    "system": CHATML,
    "no-system": (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}"
        "{{ raise_exception('System role not supported') }}{% endif %}"
        "<|start|>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n{{ m['content'] | trim }}<|end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|start|>model\n{% endif %}"
    ),
    "drops-system": (
        "{% for m in messages if m['role'] != 'system' %}<|start|>{{ m['role'] }}\n{{ m['content'] }}<|end|>\n"
        "{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
    ),
    "thinking": (
        CHATML + "{% if add_generation_prompt and enable_thinking is defined and enable_thinking is false %}"
        "<think>\n\n</think>\n\n{% endif %}"
    ),
    "none": None,
}
KINDS = ("llama", "qwen2", "qwen3", "gemma2", "gemma3", "mistral")
ODD_KINDS = ("gpt2", "lfm2", "bloom", "gptneo")
WINDOW = 24


def make_tokenizer(template: str = "system") -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    whole = Tokenizer(models.BPE())
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=[PAD, START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    whole.train_from_iterator([TEXT] * 4, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=whole,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATES[template]
    return fast


def make_model(kind: str, vocab: int, seed: int = 0) -> Any:
    import transformers as t

    torch.manual_seed(seed)
    shape: dict[str, Any] = dict(
        vocab_size=vocab, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.3, bos_token_id=None, eos_token_id=2,
        pad_token_id=0,
    )  # fmt: skip
    gemma = dict(sliding_window=WINDOW, query_pre_attn_scalar=8, head_dim=8)
    match kind:
        case "llama":
            return t.LlamaForCausalLM(t.LlamaConfig(**shape, tie_word_embeddings=True))
        case "qwen2":
            windowed = dict(use_sliding_window=True, sliding_window=WINDOW, max_window_layers=1)
            return t.Qwen2ForCausalLM(t.Qwen2Config(**shape, **windowed))
        case "qwen3":
            return t.Qwen3ForCausalLM(t.Qwen3Config(**shape, head_dim=8))
        case "gemma2":
            soft = dict(final_logit_softcapping=3.0, attn_logit_softcapping=20.0)
            return t.Gemma2ForCausalLM(t.Gemma2Config(**shape, **gemma, **soft, attn_implementation="eager"))
        case "gemma3":
            layers = ["sliding_attention", "full_attention"]
            return t.Gemma3ForCausalLM(t.Gemma3TextConfig(**shape, **gemma, layer_types=layers))
        case "mistral":
            return t.MistralForCausalLM(t.MistralConfig(**shape, sliding_window=WINDOW))
        case "gpt2":
            size = dict(n_embd=32, n_layer=2, n_head=4, n_positions=512, initializer_range=0.3)
            return t.GPT2LMHeadModel(t.GPT2Config(vocab_size=vocab, **size, bos_token_id=2, eos_token_id=2))
        case "bloom":
            size = dict(hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3)
            return t.BloomForCausalLM(t.BloomConfig(vocab_size=vocab, **size, eos_token_id=2))
        case "gptneo":
            size = dict(
                hidden_size=32, num_layers=2, num_heads=4, max_position_embeddings=512, initializer_range=0.3
            )
            near = dict(attention_types=[[["global", "local"], 1]], window_size=WINDOW)
            return t.GPTNeoForCausalLM(
                t.GPTNeoConfig(vocab_size=vocab, **size, **near, bos_token_id=2, eos_token_id=2)
            )
        case "lfm2":
            return t.Lfm2ForCausalLM(t.Lfm2Config(**shape, layer_types=["conv", "full_attention"]))
        case _:
            raise AssertionError(kind)


def write_model(folder: Path, kind: str = "llama", template: str = "system", seed: int = 0) -> Path:
    tokenizer = make_tokenizer(template)
    make_model(kind, len(tokenizer), seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def user(text: str, *, system: str | None = None) -> tuple[Message, ...]:
    front = [] if system is None else [Message(role="system", content=system)]
    return (*front, Message(role="user", content=text))


def draw(text: str, number: int = 0, *, name: str | None = None, **how: Any) -> GenerateRequest:
    sampling = Sampling(**{"max_tokens": 12, **how})
    name = f"{text}/{number}" if name is None else name
    return GenerateRequest(id=name, messages=user(text), sampling=sampling, seed=1000 + number, draw=number)


def question(text: str, *continuations: str, system: str | None = None, prefix: str = "") -> ScoreRequest:
    return ScoreRequest(
        id=text,
        messages=user(text, system=system),
        continuations=continuations or ("yes", "no"),
        assistant_prefix=prefix,
    )


@torch.inference_mode()
def plain_logprob(model: Any, ids: Sequence[int], answer: Sequence[int]) -> float:
    """What transformers says, one sequence at a time and nothing shared."""
    logits = model(input_ids=torch.tensor([[*ids, *answer]]), use_cache=False).logits[0].double()
    logprobs = logits.log_softmax(-1)
    return sum(logprobs[len(ids) - 1 + step, token].item() for step, token in enumerate(answer))
