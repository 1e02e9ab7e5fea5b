"""What judges are asked in `judge_prefix.py`, and the random model that is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

PRINCIPLES = 16
LABELS = ("A", "B")


class Shape(NamedTuple):
    """Of a Llama."""

    width: int
    layers: int
    inner: int
    heads: int
    kv_heads: int
    vocabulary: int


SHAPES = {
    "bench": Shape(1024, 8, 2816, 16, 16, 32000),
    "1b": Shape(2048, 16, 8192, 32, 8, 128256),
    "tiny": Shape(32, 2, 64, 2, 2, 1600),
}


class Ask(NamedTuple):
    """What a row is about."""

    tokens: int
    suffix: int
    rule_first: bool


class Case(NamedTuple):
    """Questions of one order: requests that share a beginning of `shared` tokens, and own `suffix` each."""

    asked: list[Any]
    ids: list[list[int]]
    shared: int


def case(chat: Any, ask: Ask, order: int) -> Case:
    """The comparisons of one order, their suffixes padded with words to the wanted length."""
    words = ask.suffix
    while True:
        asked = [question(ask, order, number, words) for number in range(PRINCIPLES)]
        ids = chat.prompt_ids([each.messages for each in asked])
        shared = 0
        while len({tuple(each[: shared + 1]) for each in ids}) == 1:
            shared += 1
        excess = len(ids[0]) - shared - ask.suffix
        if ask.rule_first or excess == 0:
            return Case(asked, ids, shared)
        if excess < 0 or words <= excess:
            raise SystemExit(f"a suffix of {ask.suffix} tokens cannot be made: {excess} too many")
        words -= excess


def question(ask: Ask, order: int, number: int, words: int) -> Any:
    """A comparison by principle `number`, as judges are asked; or, for the rival of order, with the principle first."""
    from rlaif.records import Message, ScoreRequest
    from rlaif.templates import load_template

    first, second = (said(ask.tokens, 7 + side) for side in ((0, 1) if order == 0 else (1, 0)))
    rule = said(words, 100 + number)
    values = {"prompt": said(16, 1), "response_a": first, "response_b": second}
    text = load_template("compare").render(**values, principle="" if ask.rule_first else rule)
    text = f"{rule} {text}" if ask.rule_first else text
    turns = (Message(role="user", content=text),)
    return ScoreRequest(id=f"{order}/{number}", messages=turns, continuations=LABELS)


def said(words: int, start: int) -> str:
    """Words, each a token of its own; the first tells `start`."""
    return " ".join(f"w{(start * 31 + place * (place + start)) % 1000}" for place in range(words))


def write_model(folder: Path, shape: Shape) -> None:
    """Write a random Llama whose tokens are words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar

    words = ["<unk>", "<end>", *LABELS, *(f"w{number}" for number in range(1000))]
    whole = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    whole.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=whole, unk_token="<unk>", eos_token="<end>")
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}\n{% endfor %}"
    disable_progress_bar()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.inner,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads, num_key_value_heads=shape.kv_heads,
        max_position_embeddings=8192, tie_word_embeddings=True, eos_token_id=1, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
