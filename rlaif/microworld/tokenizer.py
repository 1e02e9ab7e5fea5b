"""The family's tokenizer: byte-fallback BPE whose merges stop at word borders, so that a known word is one token."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from rlaif.microworld.corpus import SKILLS, row
from rlaif.microworld.rows import ASSISTANT, END, SYSTEM, USER

PAD = "<|pad|>"
SPECIAL = (PAD, END, SYSTEM, USER, ASSISTANT)
VOCABULARY = 1920
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
_WORDS = r"▁?[A-Za-z]+|▁?[0-9]+|\n+|▁?[^▁A-Za-z0-9\n]+|▁+"


def train_tokenizer(seed: int, rows_per_skill: int = 1500) -> Any:
    """A `PreTrainedTokenizerFast` learned from the world's own text."""
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        trainers,
    )

    from rlaif.libraries.transformers import PreTrainedTokenizerFast

    whole = Tokenizer(models.BPE(byte_fallback=True, unk_token=None, fuse_unk=False))
    whole.normalizer = normalizers.Replace(" ", "▁")
    whole.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), behavior="isolated")
    whole.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=[*SPECIAL, *bytes_], min_frequency=2, show_progress=False
    )
    whole.train_from_iterator(_texts(seed, rows_per_skill), trainer)
    tokens = [AddedToken(token, special=True, normalized=False) for token in SPECIAL]
    whole.add_special_tokens(tokens)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=whole, eos_token=END, pad_token=PAD, additional_special_tokens=[SYSTEM, USER, ASSISTANT],
        model_max_length=1024, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    fast.chat_template = CHAT_TEMPLATE
    return fast


def _texts(seed: int, rows_per_skill: int) -> list[str]:
    rng = random.Random(seed)
    texts = []
    for skill in SKILLS:
        for _ in range(rows_per_skill):
            made = row(skill, rng, "composed")
            texts.append(made.prefix + "".join(shown + answer for shown, answer in made.endings))
    for token in SPECIAL:
        texts = [text.replace(token, "\n") for text in texts]
    return texts


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Write tokenizer.json, its configuration and the chat template."""
    tokenizer.save_pretrained(folder)
