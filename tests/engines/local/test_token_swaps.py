"""Gains of swaps are the derivatives of the reward; texts are decoded swaps of plain tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.local.reward import RewardEngine
from rlaif.engines.local.token_swaps import place_of, plain_tokens, swap_gains, swapped_texts
from rlaif.engines.open import open_engine
from tests.engines.local.test_reward import write
from tests.engines.tiny import make_tokenizer, question

ANSWER = "Hello, thank you; please warn me of the hot oven"
MAKES = ("Llama", "Qwen3", "Gemma2")


def model_of(make: str) -> Any:
    import transformers

    own = {"sliding_window": 64, "query_pre_attn_scalar": 8} if make == "Gemma2" else {}
    torch.manual_seed(0)
    config = getattr(transformers, f"{make}Config")(
        vocab_size=60, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, initializer_range=0.3, pad_token_id=0, num_labels=1, **own,
    )  # fmt: skip
    return getattr(transformers, f"{make}ForSequenceClassification")(config).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RewardEngine:
    opened = open_engine(f"reward:{write(tmp_path_factory.mktemp('reward'))}", device="cpu")
    assert isinstance(opened, RewardEngine)
    return opened


@pytest.mark.parametrize("make", MAKES)
def test_a_gain_is_the_derivative_of_the_reward_towards_another_token(make: str) -> None:
    model, row, start = model_of(make).double(), [5, 9, 11, 20, 31, 2], 2
    gains = swap_gains(model, row, start, 3)
    table, step = model.get_input_embeddings(), 1e-3
    held = table(torch.tensor(row))
    for place, token in ((0, 40), (2, 7)):
        towards = table.weight[token] - table.weight[row[start + place]]

        def reward(sign: float, at: int = start + place, way: Any = towards) -> float:
            moved = held.clone()
            moved[at] += sign * step * way
            # embeddings go in where the layer would give them
            hook = table.register_forward_hook(lambda *_: moved[None])
            found = float(model(input_ids=torch.tensor([row])).logits[0, 0])
            hook.remove()
            return found

        slope = (reward(1) - reward(-1)) / (2 * step)
        assert float(gains.gain_LV[place, token]) == pytest.approx(slope, rel=1e-2, abs=1e-4)


@pytest.mark.parametrize("make", MAKES)
def test_the_token_that_stands_there_is_no_swap(make: str) -> None:
    row = [5, 9, 11, 20, 31, 2]
    gains = swap_gains(model_of(make), row, 2, 3)
    assert gains.ids == [11, 20, 31]
    assert gains.gain_LV.shape == (3, 60)
    assert all(gains.gain_LV[place, token] == -torch.inf for place, token in enumerate(gains.ids))


def test_gains_are_found_inside_inference_mode_too() -> None:
    model = model_of("Llama")
    with torch.inference_mode():
        assert swap_gains(model, [5, 9, 11, 2], 1, 2).ids == [9, 11]


def test_swaps_of_an_engine_differ_from_the_answer_in_one_token(engine: RewardEngine) -> None:
    found = engine.swaps(question("how do I bake bread", ANSWER), count=12, top=4, seed=1)
    assert found is not None
    assert len(set(found)) == 12
    own = engine.chat.text_ids([ANSWER])[0]
    for text in found:
        ids = engine.chat.tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) == len(own):
            assert sum(one != other for one, other in zip(ids, own, strict=True)) <= 2


def test_swaps_climb_more_often_than_random_swaps_do(engine: RewardEngine) -> None:
    asked = question("how do I bake bread", ANSWER)
    found = engine.swaps(asked, count=40, top=3, seed=0)
    assert found is not None
    own = engine.chat.text_ids([ANSWER])[0]
    allowed = plain_tokens(engine.chat.tokenizer, len(engine.model.get_input_embeddings().weight))
    rng = torch.Generator().manual_seed(0)
    by_chance = []
    for _ in range(40):
        ids = list(own)
        place = int(torch.randint(len(ids), (1,), generator=rng))
        ids[place] = allowed[int(torch.randint(len(allowed), (1,), generator=rng))]
        by_chance.append(engine.chat.decode(ids))
    mean = {
        name: sum(
            each.logprobs[0]
            for each in engine.score([question("how do I bake bread", text) for text in texts])
        )
        / 40
        for name, texts in (("gradient", found), ("chance", by_chance))
    }
    assert mean["gradient"] > mean["chance"]


def test_no_mark_of_a_template_is_put_in() -> None:
    tokenizer = make_tokenizer()
    allowed = plain_tokens(tokenizer, len(tokenizer))
    assert not {*tokenizer.all_special_ids} & {*allowed}
    assert allowed == plain_tokens(tokenizer, len(tokenizer) + 64), "embeddings may be padded"


def test_the_same_seed_draws_the_same_texts(engine: RewardEngine) -> None:
    asked = question("wait", ANSWER)
    one, other = (engine.swaps(asked, count=6, top=4, seed=7) for _ in range(2))
    assert one == other
    assert one != engine.swaps(asked, count=6, top=4, seed=8)


def test_an_answer_that_does_not_fit_has_no_gradient(engine: RewardEngine) -> None:
    assert engine.swaps(question("x", "bread " * 300), count=4, top=4, seed=0) is None


def test_the_last_place_of_an_answer_in_its_row_is_meant() -> None:
    assert place_of([1, 2], [1, 2, 9, 1, 2, 3]) == 3
    assert place_of([7], [1, 2]) is None


def test_texts_are_few_where_few_differ(engine: RewardEngine) -> None:
    row = [*engine.chat.text_ids(["wait"])[0], 2]
    gains = swap_gains(engine.model, row, 0, len(row) - 1)
    found = swapped_texts(gains, engine.chat, allowed=[row[0], row[0] + 1], count=50, top=2, seed=0)
    assert 1 <= len(found) <= 2 * (len(row) - 1)


def test_a_model_that_is_trained_here_is_read_at_its_end_token_by_swaps_too(tmp_path: Path) -> None:
    folder = write(tmp_path, id2label={0: "reward"}, label2id={"reward": 0})
    opened = open_engine(f"reward:{folder}", device="cpu")
    assert isinstance(opened, RewardEngine)
    assert not opened.whole
    assert opened.swaps(question("wait", "bread"), count=2, top=2, seed=0)
