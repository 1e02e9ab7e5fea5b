from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.local.reward import RewardEngine
from rlaif.engines.open import open_engine
from rlaif.errors import ModelError
from rlaif.records import Message
from tests.engines.conftest import ModelDir
from tests.engines.test_chat_turns import TOOLS
from tests.engines.tiny import CHATML, draw, make_tokenizer, question


def write(folder: Path, labels: int = 1, pad: int | None = 0, template: str = CHATML, **own: Any) -> Path:
    from transformers import LlamaConfig, LlamaForSequenceClassification

    tokenizer = make_tokenizer()
    tokenizer.chat_template = template
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=256, initializer_range=0.3, eos_token_id=2, bos_token_id=None, pad_token_id=pad,
        num_labels=labels, **own,
    )  # fmt: skip
    LlamaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RewardEngine:
    opened = open_engine(f"reward:{write(tmp_path_factory.mktemp('reward'))}", device="cpu")
    assert isinstance(opened, RewardEngine)
    return opened


@torch.inference_mode()
def plain(engine: Any, text: str, answer: str) -> float:
    """As the cards of reward models say: the whole conversation as the template writes it."""
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
    whole = engine.chat.tokenizer.apply_chat_template(turns, tokenize=False)
    ids = engine.chat.tokenizer(whole, add_special_tokens=False)["input_ids"]
    assert ids[-1] != 2  # behind the end token comes a line feed
    return float(engine.model(input_ids=torch.tensor([ids])).logits[0, 0])


def test_rewards_are_those_of_plain_transformers(engine: RewardEngine) -> None:
    answers = ("mix flour and water", "wait", "Hello, thank you; please warn me of the hot oven")
    requests = [question("how do I bake bread", *answers), question("wait", *answers[:1])]
    for request, reply in zip(requests, engine.score(requests), strict=True):
        wanted = [plain(engine, request.id, answer) for answer in request.continuations]
        assert reply.logprobs == pytest.approx(wanted, abs=1e-5)


def test_a_reward_model_writes_nothing(engine: RewardEngine) -> None:
    with pytest.raises(ModelError, match="writes no text"):
        list(engine.generate([draw("x")]))


def test_an_answer_that_does_not_fit_has_failed(engine: RewardEngine) -> None:
    replies = list(engine.score([question("x", "bread " * 300), question("x", "bread")]))
    assert replies[0].error
    assert replies[1].error is None


def test_two_labels_are_no_reward(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has 2 labels"):
        open_engine(f"reward:{write(tmp_path, labels=2)}", device="cpu")


def test_without_a_pad_token_no_end_is_found(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pad_token_id"):
        open_engine(f"reward:{write(tmp_path, pad=None)}", device="cpu")


def test_a_language_model_is_no_reward_model(model_dir: ModelDir) -> None:
    with pytest.raises(ModelError, match="no reward model"):
        open_engine(f"reward:{model_dir()}", device="cpu")


@torch.inference_mode()
def test_what_was_trained_here_is_read_at_the_end_token_as_it_learned(tmp_path: Path) -> None:
    ours = open_engine(f"reward:{write(tmp_path, id2label={0: 'reward'})}", device="cpu")
    assert isinstance(ours, RewardEngine)
    ids = [*ours.chat.prompt_ids([question("x").messages])[0], *ours.chat.text_ids(["wait"])[0], 2]
    wanted = float(ours.model(input_ids=torch.tensor([ids])).logits[0, 0])
    assert next(iter(ours.score([question("x", "wait")]))).logprobs == pytest.approx([wanted], abs=1e-5)
    assert ours.fingerprint == model_fingerprint(tmp_path, own_code=False)


@pytest.mark.parametrize(("tail", "kept"), [("<|end|>\n", False), ("<|end|>", True)])
def test_only_what_was_read_at_another_token_before_is_another_model(
    tmp_path: Path, tail: str, kept: bool
) -> None:
    template = CHATML.replace("<|end|>\n", tail, 1)
    opened = open_engine(f"reward:{write(tmp_path, template=template)}", device="cpu")
    assert (opened.fingerprint == model_fingerprint(tmp_path, own_code=False)) is kept


def test_what_somebody_spells_is_text_to_a_reward_model_too(engine: RewardEngine) -> None:
    spelled, end = "wait <|end|>", engine.chat.tokenizer.convert_tokens_to_ids("<|end|>")
    turns = [*question("x").messages, Message(role="assistant", content=spelled)]
    assert engine.chat.each_conversation([turns])[0].count(end) == 2


def test_an_answer_whose_conversation_the_template_refuses_fails_alone(tmp_path: Path) -> None:
    check = "{% if 'Nothing' in messages[0]['content'] %}{{ raise_exception('no such question') }}{% endif %}"
    engine = open_engine(f"reward:{write(tmp_path, template=check + CHATML)}", device="cpu")
    first, second = engine.score(
        [question("how do I bake bread", "wait"), question("Nothing", "wait", "mix")]
    )
    assert len(first.logprobs) == 1
    assert (second.logprobs, "no such question" in str(second.error)) == ((), True)


TOOLED = CHATML.replace(
    "{% for m in", "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}{% for m in", 1
)


@pytest.mark.parametrize("labels", [{}, {"id2label": {0: "reward"}}])
def test_a_reward_model_reads_the_tools_of_a_conversation(tmp_path: Path, labels: dict[str, Any]) -> None:
    """Read as whole conversations, and up to an end token."""
    engine: Any = open_engine(f"reward:{write(tmp_path / 'tooled', template=TOOLED, **labels)}", device="cpu")
    assert engine.whole is not bool(labels)
    asked = question("how do I bake bread", "mix flour and water", "wait")
    plain_one, tooled = engine.score([asked, replace(asked, id="t", tools=TOOLS)])
    kwargs = {"tools": list(TOOLS), "tokenize": False, "add_generation_prompt": bool(labels)}
    for answer, reward in zip(asked.continuations, tooled.logprobs, strict=True):
        turns = [{"role": "user", "content": asked.id}, {"role": "assistant", "content": answer}]
        text = engine.chat.tokenizer.apply_chat_template(turns[:1] if labels else turns, **kwargs)
        ids = engine.chat.tokenizer(text, add_special_tokens=False)["input_ids"]
        if labels:
            ids += [*engine.chat.text_ids([answer])[0], engine.end_id]
        assert reward == pytest.approx(
            float(engine.model(input_ids=torch.tensor([ids])).logits[0, 0]), abs=1e-5
        )
    assert tooled.logprobs != plain_one.logprobs


def test_fields_for_a_server_are_refused(engine: RewardEngine) -> None:
    (reply,) = engine.score([replace(question("wait", "a"), body={"top_k": 3})])
    assert "fields of a request to a server" in str(reply.error)
