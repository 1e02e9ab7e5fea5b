"""vLLM's own reasoning parser behind `openai:`: thoughts, budgets, and labels that are read behind a thought.

The model is random but for two rows of its head, and shaped as Qwen3: whatever it writes, one of two letters is likely.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.open import open_engine
from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest
from tests.engines.tiny import END, make_tokenizer, plain_logprob
from tests.ports import closed_port

from .conftest import PLAIN, START_S, _awaited, _started

pytestmark = pytest.mark.heavy
TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m['role'] }}\n"
    "{% if m['reasoning_content'] %}<think>\n{{ m['reasoning_content'] }}\n</think>\n\n{% endif %}"
    "{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n<think>\n{% endif %}"
)
LETTERS = ("A", "B")
TURNS = (Message(role="user", content="Which one follows it better? A B"),)


@pytest.fixture(scope="module")
def thinking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with the marks of thoughts among its tokens, and a template that writes the first of them."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder = tmp_path_factory.mktemp("thinking") / "model"
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(3)
    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, head_dim=64, max_position_embeddings=512, initializer_range=0.3,
        bos_token_id=None, eos_token_id=tokenizer.convert_tokens_to_ids(END), pad_token_id=0,
        tie_word_embeddings=False,
    )  # fmt: skip
    model = Qwen3ForCausalLM(config)
    rows = [tokenizer.encode(each, add_special_tokens=False)[0] for each in LETTERS]
    with torch.no_grad():
        model.lm_head.weight[rows[0]] = torch.randn(64) * 2
        model.lm_head.weight[rows[1]] = -model.lm_head.weight[rows[0]]
        model.lm_head.weight[config.eos_token_id] = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def served(python: str, thinking: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's model name without settings, as soon as it answers."""
    place = tmp_path_factory.mktemp("server")
    module = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(thinking)]
    with closed_port() as port:
        wanted = ["--port", str(port), *PLAIN, "--max-model-len", "512", "--reasoning-parser", "qwen3"]
        process = _started([*module, *wanted], place)
        try:
            _awaited(f"http://127.0.0.1:{port}", process, place)
            yield f"openai:http://127.0.0.1:{port}/v1%s#micro@test"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(START_S)


def drawn(served: str, most: int, thought: int | None, count: int = 8, **more: Any) -> list[Any]:
    how = Sampling(max_tokens=most, max_thought_tokens=thought)
    requests = [
        GenerateRequest(id=f"r{n}", messages=TURNS, sampling=how, seed=n, draw=n, **more)
        for n in range(count)
    ]
    return list(open_engine(served % "").generate(requests))


def test_a_model_that_never_ends_its_thought_is_truncated_and_its_tokens_are_counted(served: str) -> None:
    for reply in drawn(served, 16, None):
        assert reply.error is None
        assert reply.usage.completion_tokens <= 16
        if reply.finish == "length" and reply.open_thought:
            assert (reply.text, reply.usage.completion_tokens) == ("", 16)
            assert reply.thought
    assert any(reply.open_thought for reply in drawn(served, 16, None))


def test_a_budget_ends_the_thought_and_an_answer_follows(served: str) -> None:
    replies = drawn(served, 16, 8)
    assert {reply.error for reply in replies} == {None}
    assert all(reply.thought and reply.text and not reply.open_thought for reply in replies)
    assert all(reply.usage.completion_tokens <= 24 for reply in replies)
    # as many tokens in one room: hardly a thought ends of itself
    assert sum(reply.open_thought for reply in drawn(served, 24, None)) > 4


def test_thoughts_of_earlier_turns_reach_the_chat_template(served: str, thinking: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(thinking)
    talk = (
        TURNS[0],
        Message(role="assistant", content="A", thought="the first one is warm"),
        Message(role="user", content="not sure"),
    )
    request = GenerateRequest(id="t", messages=talk, sampling=Sampling(max_tokens=1))
    (reply,) = open_engine(served % "").generate([request])
    assert reply.error is None
    rows = [{"role": each.role, "content": each.content, "reasoning_content": each.thought} for each in talk]
    ids = tokenizer.apply_chat_template(rows, add_generation_prompt=True, return_dict=False)
    assert reply.usage.prompt_tokens == len(ids)


def test_labels_behind_a_thought_are_what_transformers_says_of_the_same_text(
    served: str, thinking: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(thinking), AutoModelForCausalLM.from_pretrained(thinking)
    model.eval()
    how = Sampling(max_tokens=12)
    requests = [
        ScoreRequest(id=f"s{n}", messages=TURNS, continuations=LETTERS, thinking=how, seed=n)
        for n in range(4)
    ]
    scores = list(open_engine(served % "").score(requests))
    for score in scores:
        assert score.error is None
        assert score.thought
        front = tokenizer.apply_chat_template(
            [{"role": "user", "content": TURNS[0].content}], add_generation_prompt=True, tokenize=False
        )
        ids = tokenizer.encode(f"{front}{score.thought}\n</think>\n\n", add_special_tokens=False)
        best = max(range(2), key=lambda place: score.logprobs[place])
        label = tokenizer.encode(LETTERS[best], add_special_tokens=False)
        assert math.exp(score.logprobs[best]) > 0.02
        assert score.logprobs[best] == pytest.approx(plain_logprob(model, ids, label), abs=2e-3)


def test_votes_have_room_for_thoughts(served: str) -> None:
    how = Sampling(max_tokens=12, max_thought_tokens=8)
    request = ScoreRequest(id="v", messages=TURNS, continuations=LETTERS, thinking=how)
    (score,) = open_engine(served % "?logprobs=0&votes=4").score([request])
    assert score.error is None
    assert score.votes == 4
    assert score.thought
