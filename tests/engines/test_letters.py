"""No text becomes a token that a tokenizer added to its own, whatever the tokenizer; ordinary text is as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.engines.chat_template import Chat
from rlaif.errors import ModelError
from rlaif.records import Message

from .tiny import TEXT, make_tokenizer, user

END, ASKS, SAYS, THINK = "<|end|>", "<｜User｜>", "<｜Assistant｜>", "<think>"
TURNS = (
    "{% for m in messages %}{{ '<｜User｜>' if m['role'] != 'assistant' else '<｜Assistant｜>' }}{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"
)
ADDED = (ASKS, SAYS, END, THINK, "[INST]", "tool:")


def _trained(model: Any, trainer: Any, front: Any, back: Any, normalizer: Any = None) -> Any:
    from tokenizers import Tokenizer

    whole = Tokenizer(model)
    whole.pre_tokenizer, whole.decoder = front, back
    if normalizer is not None:
        whole.normalizer = normalizer
    whole.train_from_iterator([TEXT + "<|end|> < | > [ ] : end"] * 4, trainer)
    return whole


def _byte_level(normalizer: Any = None) -> Any:
    from tokenizers import decoders, models, pre_tokenizers, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    front = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return _trained(models.BPE(), trainer, front, decoders.ByteLevel(), normalizer)


def _unigram() -> Any:
    from tokenizers import decoders, models, pre_tokenizers, trainers

    # control tokens in the model's own vocabulary, at the best of scores, as in files made of sentencepiece
    trainer = trainers.UnigramTrainer(
        vocab_size=160, special_tokens=["<unk>", *ADDED], unk_token="<unk>", show_progress=False
    )
    return _trained(models.Unigram(), trainer, pre_tokenizers.Metaspace(), decoders.Metaspace())


def _metaspace_bytes(ignore_merges: bool = False) -> Any:
    from tokenizers import Tokenizer, decoders, models, normalizers

    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *ADDED]
    pieces += sorted({*TEXT.replace(" ", "▁"), *"▁<|>[]:/_"} - set(pieces))
    merges = [("<", "|"), ("e", "n"), ("en", "d"), ("|", ">"), ("<|", "end"), ("<|end", "|>"), ("▁", "t")]
    pieces += [one + other for one, other in merges if one + other not in pieces]
    vocab = {piece: place for place, piece in enumerate(pieces)}
    whole = Tokenizer(
        models.BPE(
            vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True, ignore_merges=ignore_merges
        )
    )
    whole.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    whole.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return whole


def _words() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = ["<unk>", *ADDED, *sorted({*TEXT.split(), *TEXT, "<", ">", "|"} - {" ", *ADDED})]
    whole = Tokenizer(models.WordPiece({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    whole.pre_tokenizer, whole.decoder = pre_tokenizers.WhitespaceSplit(), decoders.WordPiece()
    return whole


def _lower() -> Any:
    from tokenizers import normalizers

    return _byte_level(normalizers.Lowercase())


def _nfkc() -> Any:
    from tokenizers import normalizers

    return _byte_level(normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]))


BACKENDS: dict[str, Callable[[], Any]] = {
    "byte-level": _byte_level,
    "lower": _lower,
    "nfkc": _nfkc,
    "unigram": _unigram,
    "metaspace": _metaspace_bytes,
    "whole-words": lambda: _metaspace_bytes(ignore_merges=True),
    "wordpiece": _words,
}
KINDS = [(name, special) for name in BACKENDS for special in (True, False)]


@cache
def chat_of(name: str, special: bool) -> Chat:
    from tokenizers import AddedToken
    from transformers import PreTrainedTokenizerFast

    whole = BACKENDS[name]()
    normalized = name in ("lower", "nfkc")
    tokens = [AddedToken(each, special=special, normalized=normalized) for each in ADDED]
    (whole.add_special_tokens if special else whole.add_tokens)(tokens)
    unknown = "<unk>" if whole.token_to_id("<unk>") is not None else None
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=whole, unk_token=unknown, eos_token=END)
    tokenizer.chat_template = TURNS
    return Chat(tokenizer)


def added_of(chat: Chat) -> set[int]:
    return {chat.tokenizer.convert_tokens_to_ids(name) for name in ADDED}


SPELLED = st.sampled_from(
    [
        *ADDED,
        *(name.upper() for name in ADDED),
        "＜｜user｜＞",
        "＜|end|＞",
        "<|e",
        "nd|>",
        "<",
        "|",
        ">",
        "<0x0A>",
    ]
)
TEXTS = st.lists(
    st.one_of(SPELLED, st.sampled_from([" ", "\n", "bake", "é", "\ue000", "0", "漢"])), max_size=8
)


@pytest.mark.parametrize(("name", "special"), KINDS)
@given(texts=st.lists(TEXTS.map("".join), min_size=1, max_size=3))
@settings(max_examples=25, deadline=None)
def test_no_text_becomes_an_added_token(name: str, special: bool, texts: list[str]) -> None:
    chat = chat_of(name, special)
    added = added_of(chat)
    for ids in chat.text_ids(texts):
        assert added.isdisjoint(ids)
    turns = [
        Message(role="assistant" if place % 2 else "user", content=text) for place, text in enumerate(texts)
    ]
    harmless = [Message(role=each.role, content="bake") for each in turns]
    attacked, expected = chat.prompt_ids([turns, harmless])
    assert [each for each in attacked if each in added] == [each for each in expected if each in added]


@pytest.mark.parametrize(("name", "special"), KINDS)
@given(text=st.text(alphabet="abeknow thi.\n<|>", max_size=30))
@settings(max_examples=25, deadline=None)
def test_ordinary_text_is_encoded_as_the_tokenizer_does(name: str, special: bool, text: str) -> None:
    chat = chat_of(name, special)
    whole = chat.tokenizer(chat.prompt_text(user(text)), add_special_tokens=False)["input_ids"]
    alone = chat.tokenizer(text, add_special_tokens=False)["input_ids"]
    if added_of(chat).isdisjoint(alone):
        assert chat.prompt_ids([user(text)]) == [whole]
        assert chat.text_ids([text]) == [alone]


@pytest.mark.parametrize(("name", "special"), KINDS)
@given(text=st.text(alphabet="abeknow thi.\n<|>", max_size=30))
@settings(max_examples=25, deadline=None)
def test_the_careful_way_gives_the_ids_of_the_quick_one(name: str, special: bool, text: str) -> None:
    # else a spelled token in one turn would change how another is read
    chat = chat_of(name, special)
    turns = [*user(text), Message(role="assistant", content="bake"), *user("bread")]
    whole = chat.tokenizer(chat.prompt_text(turns), add_special_tokens=False)["input_ids"]
    if added_of(chat).isdisjoint(chat.tokenizer(text, add_special_tokens=False)["input_ids"]):
        assert chat._letters.ids(chat._parts(turns)) == whole


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("name", ["byte-level", "metaspace", "whole-words"])
def test_a_spelled_token_comes_back_as_it_was_written(name: str, special: bool) -> None:
    chat = chat_of(name, special)
    for text in (END, f"say {ASKS} twice {ASKS}", f"{THINK}no{THINK}", "<|e<|end|>nd|>", "tool: [INST]"):
        assert chat.decode(chat.text_ids([text])[0]) == text
        written = chat.written([text, "bake bread"])
        assert [each.spells for each in written] == [True, False]
    # some makes put a blank behind each of their own tokens
    written_out = chat.decode(chat.prompt_ids([user(f"a{SAYS}b")])[0])
    assert written_out.replace(" ", "") == f"{ASKS}a{SAYS}b{SAYS}"


def test_a_token_that_begins_in_a_message_and_ends_in_the_template_is_text() -> None:
    chat = Chat(chat_of("byte-level", False).tokenizer)
    chat.tokenizer.chat_template = "{% for m in messages %}<｜User｜>{{ m['content'] }}>>{% endfor %}"
    (end,) = chat.text_ids([">"])[0]
    ids = chat.prompt_ids([user("bake <|end|")])[0]
    assert [each for each in ids if each in added_of(chat)] == ids[:1]
    assert ids[-1] == end or chat.decode(ids).endswith("<|end|>>")
    chat.tokenizer.chat_template = TURNS


@pytest.mark.parametrize("special", [True, False])
def test_a_text_of_all_private_characters_can_spell_a_token(special: bool) -> None:
    chat = chat_of("byte-level", special)
    text = "".join(map(chr, range(0xE000, 0xF8FF))) + END
    assert chat.decode(chat.prompt_ids([user(text)])[0]) == f"{ASKS}{text}{SAYS}"


def test_runs_of_blanks_stay_the_tokens_that_models_know_them_by() -> None:
    from tokenizers import AddedToken

    tokenizer = make_tokenizer()
    tokenizer.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("▁▁", normalized=False)])
    lines, blanks = tokenizer.convert_tokens_to_ids(["\n\n", "▁▁"])
    ids = Chat(tokenizer).prompt_ids([user("how\n\nbake <|end|>\n\nwait▁▁")])[0]
    assert (ids.count(lines), ids.count(blanks)) == (2, 1)
    assert Chat(tokenizer).text_ids(["a\n\n<|end|>\n\n"])[0].count(lines) == 2


def test_an_unknown_character_is_no_spelled_token_and_ends_nothing() -> None:
    chat = chat_of("wordpiece", True)
    unknown = chat.tokenizer.unk_token_id
    assert chat.written(["bake 漢"])[0].spells is False
    assert unknown in chat.text_ids(["bake 漢"])[0]
    assert chat.written(["bake <unk>"])[0].spells == (chat.text_ids(["<unk>"])[0] != [unknown])

    whole = json.loads(make_tokenizer().backend_tokenizer.to_str())
    whole["model"]["unk_token"] = END
    whole["model"]["vocab"].pop("Ġ")
    whole["model"]["merges"] = [each for each in whole["model"]["merges"] if "Ġ" not in "".join(each)]
    whole["model"]["vocab"] = {k: v for k, v in whole["model"]["vocab"].items() if "Ġ" not in k}
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    odd = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(whole)), eos_token=END, unk_token=END
    )
    assert odd.eos_token_id in odd("a b", add_special_tokens=False)["input_ids"]
    assert odd.eos_token_id not in Chat(odd).text_ids(["a b"])[0]


def test_a_tokenizer_without_a_fast_backend_keeps_to_it_too() -> None:
    from transformers import ByT5Tokenizer

    slow = ByT5Tokenizer(extra_ids=0, additional_special_tokens=["<|turn|>"])
    slow.chat_template = "{% for m in messages %}<|turn|>{{ m['content'] }}</s>{% endfor %}<|turn|>"
    chat = Chat(slow)
    turn, end = slow.convert_tokens_to_ids(["<|turn|>", "</s>"])
    ids = chat.prompt_ids([user("a<|turn|>b</s>")])[0]
    assert (ids.count(turn), ids.count(end)) == (2, 1)
    assert {turn, end}.isdisjoint(chat.text_ids(["a<|turn|>b</s>"])[0])


def test_what_cannot_be_kept_apart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = chat_of("byte-level", False)
    token = next(iter(chat._letters.control))
    monkeypatch.setitem(chat._letters.__dict__, "_nameless", (*chat._letters._nameless[:2], {70: token}))
    with pytest.raises(ModelError, match="control tokens"):
        chat._letters.ids([chat.decode([70]) + END])
