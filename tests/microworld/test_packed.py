"""Packed rows: every ending is computed as if it stood alone after the shared beginning."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rlaif.microworld.corpus import SKILLS, row
from rlaif.microworld.packed import IGNORED, Encoded, collate, encode, microbatches
from rlaif.microworld.rows import PackedRow
from rlaif.microworld.tokenizer import train_tokenizer

PAD = 0
HAND = PackedRow(
    "checklist", "<|user|>Mix the flour.", ((" Good luck.", " yes"), (" Hello. Hello.", " no"), ("", " 9 9"))
)


@cache
def tokenizer() -> Any:
    return train_tokenizer(0, rows_per_skill=25)


@cache
def model() -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer()), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=1024, initializer_range=0.3, attn_implementation="sdpa",
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def rows(count: int = 1) -> list[PackedRow]:
    rng = random.Random(0)
    return [HAND] + [row(skill, rng, "composed") for skill in SKILLS for _ in range(count)]


def ids(text: str) -> list[int]:
    return list(tokenizer()(text, add_special_tokens=False)["input_ids"])


@torch.no_grad()
def packed_logits(encoded: list[Encoded]) -> torch.Tensor:
    batch = collate(encoded, PAD)
    return model()(
        input_ids=batch.ids_NL, attention_mask=batch.allowed_N1LL, position_ids=batch.positions_NL
    ).logits


@torch.no_grad()
def alone_logits(text: str) -> torch.Tensor:
    return model()(input_ids=torch.tensor([ids(text)])).logits[0]


@pytest.mark.parametrize(
    "skill", ["hand", "respond", "compare", "checklist", "revise", "respond-constitution"]
)
def test_an_ending_in_a_packed_row_gives_the_logits_of_the_ending_alone(skill: str) -> None:
    made = HAND if skill == "hand" else row(skill, random.Random(1), "composed")
    long = row("rank", random.Random(2), "composed")  # a longer neighbour: the row is padded too
    (encoded, _) = both = encode([made, long], tokenizer())
    logits = packed_logits(both)[0]
    at = len(ids(made.prefix))
    for shown, answer in made.endings:
        alone = alone_logits(made.prefix + shown + answer)
        length = len(ids(shown + answer)) - 1 + (not shown)
        start = len(ids(made.prefix)) - (not shown)
        found = logits[at : at + length]
        assert torch.allclose(found, alone[start : start + length], atol=1e-4), (shown, answer)
        at += length
    assert at == len(encoded.ids)


def test_no_ending_changes_when_another_does() -> None:
    changed = PackedRow(HAND.skill, HAND.prefix, (HAND.endings[0], (" You fool.", " maybe"), HAND.endings[2]))
    first, second = (packed_logits(encode([each], tokenizer()))[0] for each in (HAND, changed))
    kept = len(ids(HAND.prefix)) + len(ids("".join(HAND.endings[0]))) - 1
    assert torch.allclose(first[:kept], second[:kept], atol=1e-5)
    tail = len(ids(HAND.endings[2][1]))
    assert torch.allclose(first[-tail:], second[-tail:], atol=1e-5)


def test_a_blind_mask_is_needed_at_all() -> None:
    # with a plain causal mask later endings see earlier ones, and the tests above would fail
    (encoded,) = encode([HAND], tokenizer())
    with torch.no_grad():
        plain = model()(input_ids=torch.tensor([encoded.ids])).logits[0]
    assert not torch.allclose(plain, packed_logits([encoded])[0], atol=1e-2)


def test_each_answer_token_is_predicted_once_and_nothing_else_is() -> None:
    for made, encoded in zip(rows(), encode(rows(), tokenizer()), strict=True):
        targets = [each for each in encoded.targets if each != IGNORED]
        assert targets == [token for _, answer in made.endings for token in ids(answer)]
        firsts = [encoded.targets[index] for index in encoded.firsts]
        assert firsts == [ids(answer)[0] for _, answer in made.endings]
        lengths = {len(part) for part in (encoded.ids, encoded.positions, encoded.segments, encoded.targets)}
        assert len(lengths) == 1
        assert max(encoded.positions) < 1024


def test_pieces_join_where_the_tokenizer_never_merges() -> None:
    for made in rows(3):
        for shown, answer in made.endings:
            pieces = [*ids(made.prefix), *ids(shown), *ids(answer)]
            assert pieces == ids(made.prefix + shown + answer)
            assert tokenizer().decode(pieces) == made.prefix + shown + answer


def test_weights_lie_on_targets_only_and_labels_weigh_most() -> None:
    batch = collate(encode(rows(), tokenizer()), PAD)
    assert bool(((batch.weights_NL > 0) == (batch.targets_NL != IGNORED)).all())
    heaviest = {skill: float(batch.weights_NL[index].max()) for index, skill in enumerate(batch.skills)}
    assert heaviest["checklist"] == heaviest["compare"] == 1.0 > heaviest["respond"] > 0


def test_microbatches_keep_every_row_once_and_their_budget() -> None:
    encoded = encode(rows(3), tokenizer())
    groups = microbatches(encoded, 2000)
    assert sorted(id(each) for group in groups for each in group) == sorted(map(id, encoded))
    for group in groups:
        assert len(group) == 1 or len(group) * max(len(each.ids) for each in group) <= 2000
    assert len(groups) > 1
