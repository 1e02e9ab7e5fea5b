"""A function as an engine: its texts are answers, what it raises is the failure of a call, scores are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from rlaif.engines import kinds
from rlaif.engines.function import NO_LOGPROBS, FunctionEngine, function_kind
from rlaif.engines.kinds import ENGINES, judges_in_writing, kind_of
from rlaif.engines.open import open_engine
from rlaif.errors import InputError, ModelError
from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest

ASKED = (Message(role="user", content="one two"),)


def backwards(messages: Sequence[Message], sampling: Sampling) -> str:
    """Answers with the last turn backwards, cut to what may be written."""
    return " ".join(reversed(messages[-1].content.split()))[: sampling.max_tokens]


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(ENGINES, "_added", {})
    ENGINES.add(function_kind("backwards", backwards, version="1"))
    return "backwards:"


def request(name: str = "a") -> GenerateRequest:
    return GenerateRequest(id=name, messages=ASKED, sampling=Sampling(max_tokens=5))


def test_its_text_is_the_answer(added: str) -> None:
    (reply,) = open_engine(added).generate([request()])
    assert (reply.request_id, reply.text, reply.finish, reply.error) == ("a", "two o", "stop", None)


def test_a_thought_that_its_text_begins_with_is_split_off() -> None:
    engine = FunctionEngine("x", lambda *_: "<think>wait</think>yes", fingerprint="x")
    (reply,) = engine.generate([request()])
    assert (reply.thought, reply.text, reply.open_thought) == ("wait", "yes", False)


def test_its_fingerprint_is_what_is_declared(added: str) -> None:
    assert open_engine(added).fingerprint == f"function:{__name__}.backwards@version:1"


def test_the_word_alone_names_it_too_and_nothing_follows_the_colon(added: str) -> None:
    assert open_engine("backwards").fingerprint == open_engine(added).fingerprint
    with pytest.raises(ModelError, match="nothing follows backwards:"):
        open_engine("backwards:other")


@pytest.mark.parametrize(
    ("answer", "said"), [(lambda *_: 1 / 0, "ZeroDivisionError"), (lambda *_: None, "returned NoneType")]
)
def test_what_it_raises_or_returns_beside_text_is_the_failure_of_that_call(answer: object, said: str) -> None:
    (reply,) = FunctionEngine("mine:", answer, fingerprint="x").generate([request()])  # type: ignore[arg-type]
    assert reply.error is not None
    assert said in reply.error
    assert reply.text == ""


def test_its_scores_are_refused_and_a_judge_of_it_writes_its_verdicts(added: str) -> None:
    asked = ScoreRequest(id="s", messages=ASKED, continuations=("yes", "no"))
    (score,) = open_engine(added).score([asked])
    assert (score.logprobs, score.error) == ((), NO_LOGPROBS)
    assert judges_in_writing(added, wanted=False)


def test_no_other_process_knows_it(added: str) -> None:
    found = kind_of(added)
    assert found is not None
    assert not found[0].elsewhere
    assert not found[0].worker_processes


def test_a_name_that_is_taken_is_refused(added: str) -> None:
    with pytest.raises(InputError, match="is a model kind already"):
        ENGINES.add(function_kind("hf", backwards, version="1"))
    assert kinds.ENGINES.from_outside() == ["backwards"]


@pytest.mark.parametrize(
    "said", [{"tools": ({"name": "oven"},)}, {"chat_template_kwargs": {"a": 1}}, {"body": {"a": 1}}]
)
def test_what_a_function_is_not_told_fails_the_call_by_name(added: str, said: dict[str, Any]) -> None:
    (reply,) = open_engine(added).generate([replace(request(), **said)])
    assert f"has no use for {next(iter(said))}" in str(reply.error)
