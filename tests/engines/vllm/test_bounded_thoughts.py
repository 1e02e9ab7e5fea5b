"""Thoughts by the engine for vLLM, with a tiny model in the place of vLLM: the same as `hf` gives, greedily."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rlaif.engines.chat_template import Chat
from rlaif.engines.local.engine import HfEngine
from rlaif.engines.vllm.engine import VllmEngine
from rlaif.libraries import vllm
from rlaif.records import Sampling
from tests.engines.makes import make_of
from tests.engines.tiny import draw, make_model, make_tokenizer, question


class Stand:
    """What vLLM does with prompts and settings, one text at a time."""

    def __init__(self, model: Any, decode: Any) -> None:
        self.model, self.decode = model, decode
        self.calls: list[int] = []

    @torch.inference_mode()
    def run(self, model: Any, prompts: Any, sampling: Any, adapter: Any) -> list[Any]:
        self.calls.append(len(prompts))
        return [self.one(list(ids), how) for ids, how in zip(prompts, sampling, strict=True)]

    def one(self, ids: list[int], how: dict[str, Any]) -> Any:
        if "wanted" in how:
            logprobs = self.next(ids)
            at = {token: SimpleNamespace(logprob=float(logprobs[token])) for token in how["wanted"]}
            return SimpleNamespace(outputs=[SimpleNamespace(logprobs=[at])])
        drawn: list[int] = []
        total, why = 0.0, "length"
        while len(drawn) < how["max_tokens"] and why == "length":
            logprobs = self.next([*ids, *drawn])
            drawn.append(int(logprobs.argmax()))
            total += float(logprobs.max())
            text = self.decode(drawn)
            if drawn[-1] in how["stop_token_ids"] or any(each in text for each in how["stop"]):
                why = "stop"
        one = SimpleNamespace(token_ids=drawn, cumulative_logprob=total, finish_reason=why)
        return SimpleNamespace(outputs=[one])

    def next(self, ids: list[int]) -> Any:
        return self.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].log_softmax(-1)


def both(monkeypatch: pytest.MonkeyPatch, chat: Chat) -> tuple[HfEngine, VllmEngine, Stand]:
    model = make_model("qwen3", len(chat.tokenizer))
    stand = Stand(model, chat.decode)
    monkeypatch.setattr(vllm, "drawing", lambda schema, **how: how)
    monkeypatch.setattr(vllm, "reading", lambda wanted: {"wanted": wanted})
    monkeypatch.setattr(vllm, "run", stand.run)
    monkeypatch.setattr(vllm, "context_of", lambda model: 512)
    hf = HfEngine("x", model, chat, fingerprint="x")
    return hf, VllmEngine("x", model, chat, fingerprint="x", eos_ids=[2]), stand


MAKES = {
    "begins the thought": lambda: Chat(make_of("deepseek-r1")),
    "does not think": lambda: Chat(make_of("qwen3")),
    "knows no thoughts": lambda: Chat(make_tokenizer()),
}


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("room", [0, 1, 5, None])
def test_budgeted_texts_are_those_of_hf(monkeypatch: pytest.MonkeyPatch, make: str, room: int | None) -> None:
    hf, engine, _ = both(monkeypatch, MAKES[make]())
    asked = [
        draw(text, temperature=0.0, max_tokens=6, max_thought_tokens=room) for text in ("how", "bake bread")
    ]
    for one, other in zip(hf.generate(asked), engine.generate(asked), strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-3)
        assert replace(one, logprob=None) == replace(other, logprob=None)


def test_a_thought_that_its_mark_ends_is_followed_by_an_answer_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain, *_ = both(monkeypatch, Chat(make_tokenizer()))
    asked = draw("how", temperature=0.0, max_tokens=9)
    (first,) = plain.generate([asked])
    assert first.token_ids is not None
    end = plain.chat.decode(first.token_ids[3:5])
    chat = Chat(make_tokenizer(), marks=("assistant", end))
    hf, engine, stand = both(monkeypatch, chat)
    budgeted = replace(asked, sampling=replace(asked.sampling, max_tokens=3, max_thought_tokens=8))
    (one,), (other,) = hf.generate([budgeted]), engine.generate([budgeted])
    assert replace(one, logprob=None) == replace(other, logprob=None)
    assert other.token_ids == first.token_ids[:8]
    assert other.thought == chat.decode(first.token_ids[:3]).strip()
    assert stand.calls == [1, 1]


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("prefix", ["Answer:", ""])
@pytest.mark.parametrize("stops", [False, True])
def test_labels_behind_thoughts_are_those_of_hf(
    monkeypatch: pytest.MonkeyPatch, make: str, prefix: str, stops: bool
) -> None:
    hf, engine, _ = both(monkeypatch, MAKES[make]())
    how = Sampling(temperature=0.0, max_tokens=7)
    asked = [
        replace(question("how", "yes", "no", prefix=prefix), thinking=how),
        question("bake"),
        replace(question("bake", "not sure", "yes"), thinking=how),
        replace(question("long " * 600), thinking=how),
    ]
    if stops:
        (first, *_) = hf.score(asked)
        stop = first.thought[2:4]
        asked = [replace(each, thinking=each.thinking and replace(how, stop=(stop,))) for each in asked]
    for one, other in zip(hf.score(asked), engine.score(asked), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-3)
        assert (one.thought, one.alike, bool(one.error)) == (other.thought, other.alike, bool(other.error))
        assert one.usage.prompt_tokens == other.usage.prompt_tokens or one.error
