from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from rlaif.engines.open import open_engine
from rlaif.engines.openai.capabilities import REFUSALS, forget
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.label_scores import FLOOR, vote_logprobs
from rlaif.engines.openai.name import Settings
from rlaif.errors import ModelError
from tests.engines.tiny import draw, question

pytestmark = pytest.mark.timing
Handler = Callable[[dict[str, Any]], httpx.Response]


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    forget()


def engine(handle: Handler, *, chat_template_kwargs: Any = None, **settings: Any) -> OpenAIEngine:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/chat/completions"
        return handle(json.loads(request.content))

    return OpenAIEngine(
        "openai:x", ["http://host/v1/"], "model", "1", transport=httpx.MockTransport(answer),
        settings=Settings(**{"wait": 0.001, "patience": 300.0, "tries": 6, **settings}),
        chat_template_kwargs=chat_template_kwargs,
    )  # fmt: skip


def said(text: str | None, finish: str = "stop") -> httpx.Response:
    choice = {"message": {"content": text}, "finish_reason": finish}
    return httpx.Response(
        200, json={"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    )


def weighed(labels: dict[str, float]) -> httpx.Response:
    top = [{"token": token, "logprob": math.log(p)} for token, p in labels.items()]
    return httpx.Response(200, json={"choices": [{"logprobs": {"content": [{"top_logprobs": top}]}}]})


def test_a_text_is_drawn_with_what_was_asked() -> None:
    bodies: list[dict[str, Any]] = []

    def handle(body: dict[str, Any]) -> httpx.Response:
        bodies.append(body)
        return said("warm", "length")

    model = engine(handle, chat_template_kwargs={"enable_thinking": False})
    (reply,) = model.generate([draw("bake", temperature=0.5, max_tokens=9, stop=("x",))])
    assert (reply.text, reply.finish, reply.usage.prompt_tokens) == ("warm", "length", 3)
    (body,) = bodies
    assert body["messages"] == [{"role": "user", "content": "bake"}]
    assert (body["model"], body["temperature"], body["max_tokens"], body["stop"]) == ("model", 0.5, 9, ["x"])
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_labels_are_the_candidates_of_the_first_token() -> None:
    (score,) = engine(lambda _: weighed({"yes": 0.5, "no": 0.25})).score([question("x", "no", "yes", "Yes")])
    assert [math.exp(each) for each in score.logprobs] == pytest.approx([0.25, 0.5, FLOOR])


def tokens(*top: tuple[str, float]) -> httpx.Response:
    """Candidates of which several may have one text."""
    listed = [{"token": token, "logprob": math.log(p)} for token, p in top]
    return httpx.Response(200, json={"choices": [{"logprobs": {"content": [{"top_logprobs": listed}]}}]})


@pytest.mark.parametrize("rare_last", [True, False])
def test_two_tokens_of_one_text_are_added_whatever_comes_last(rare_last: bool) -> None:
    top = [("A", 0.45), ("B", 0.53), ("A", 0.0001)]
    answer = tokens(*top) if rare_last else tokens(*top[::-1])
    (score,) = engine(lambda _: answer).score([question("x", "A", " A", "B", " B")])
    assert [math.exp(each) for each in score.logprobs] == pytest.approx([0.4501, FLOOR, 0.53, FLOOR])


@pytest.mark.parametrize("p", [0.6, 0.97, 1.0])
def test_a_single_candidate_tells_nothing_of_the_other_label(p: float) -> None:
    (score,) = engine(lambda _: tokens(("A", p))).score([question("x", "A", " A", "B", " B")])
    assert "too few candidates" in str(score.error)


def test_a_label_that_is_not_listed_has_what_the_last_candidate_has_at_most() -> None:
    answer = tokens(("A", 0.9), ("The", 0.05), ("I", 0.01))
    (score,) = engine(lambda _: answer).score([question("x", "A", " A", "B", " B")])
    assert [math.exp(each) for each in score.logprobs] == pytest.approx([0.9, FLOOR, 0.01, FLOOR])


def test_where_the_model_says_something_else_no_label_is_missing() -> None:
    answer = tokens(("The", 0.9), ("I", 0.05))
    (score,) = engine(lambda _: answer).score([question("x", "A", " A", "B", " B")])
    assert score.error is None
    assert [math.exp(each) for each in score.logprobs] == pytest.approx([FLOOR] * 4)


def test_replies_join_by_id_whatever_comes_first() -> None:
    model = engine(lambda body: said(body["messages"][0]["content"].upper()))
    replies = {
        reply.request_id: reply.text for reply in model.generate([draw(f"text {n}") for n in range(100)])
    }
    assert replies == {f"text {n}/0": f"TEXT {n}" for n in range(100)}


@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_a_busy_server_is_asked_again(status: int) -> None:
    left = [httpx.Response(status), httpx.Response(status)]
    (reply,) = engine(lambda _: left.pop() if left else said("warm")).generate([draw("x")])
    assert (reply.text, left) == ("warm", [])


def test_attempts_are_bounded() -> None:
    asked = []
    (reply,) = engine(lambda body: asked.append(body) or httpx.Response(500), tries=3).generate([draw("x")])
    assert len(asked) == 3
    assert "status 500" in str(reply.error)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(400, text="too long"),
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"choices": []}),
        said(None),
    ],
)
def test_what_is_no_answer_has_failed(answer: httpx.Response) -> None:
    model = engine(lambda _: answer)
    assert next(model.generate([draw("x")])).error
    assert next(model.score([question("x")])).error


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_that_knows_no_such_key_or_model_stops_the_run(status: int) -> None:
    with pytest.raises(ModelError, match=f"status {status}"):
        list(engine(lambda _: httpx.Response(status, text="no")).generate([draw("x")]))


def test_a_refused_connection_has_failed() -> None:
    def handle(_: dict[str, Any]) -> httpx.Response:
        raise httpx.ConnectError("refused")

    assert "refused" in str(next(engine(handle).generate([draw("x")])).error)


def test_a_server_without_logprobs_says_so() -> None:
    asked = []
    model = engine(lambda body: asked.append(body) or said("yes"))
    assert "compare-cot" in str(next(model.score([question("x")])).error)
    assert "compare-cot" in str(next(model.score([question("y")])).error)
    assert len(asked) == REFUSALS  # what it cannot do is known by then, and not by one answer


def test_the_fingerprint_is_what_the_user_declares_and_not_the_address() -> None:
    one = open_engine("openai:http://a:1/v1#org/model@3").fingerprint
    assert open_engine("openai:http://b:2/v1#org/model@3").fingerprint == one
    assert open_engine("openai:http://a:1/v1#org/model@4").fingerprint != one


def test_the_key_comes_from_the_variable_that_the_user_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RLAIF_KEY_VARIABLE", "MY_KEY")
    monkeypatch.setenv("MY_KEY", "sesame")
    monkeypatch.setenv("OTHER_KEY", "other")
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return said("x")

    for settings in (Settings(), Settings(key="OTHER_KEY")):
        transport = httpx.MockTransport(answer)
        model = OpenAIEngine("x", ["http://h/v1/"], "m", "1", transport=transport, settings=settings)
        assert next(model.generate([draw("x")])).text == "x"
        assert "sesame" not in repr(vars(model)) + model.fingerprint
    assert sent == ["Bearer sesame", "Bearer other"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("A", "A"), (" A", " A"), ("A\n", "A"), ("A.", "A"), ("**A**", "A"), ("[[B]]", "B"), ("(B)", "B"),
        ("Response B", "B"), ("A: it", "A"), ("A good one", None), ("Apple", None), ("B is", None), ("C", None),
        ("A/B", None), ("a", None), ("A or B", None), ("", None), ("B-", None),
    ],
)  # fmt: skip
def test_a_sampled_text_is_a_vote_for_the_label_that_it_is(text: str, label: str | None) -> None:
    asked = question("x", "A", " A", "B", " B")
    votes = vote_logprobs(asked, [text])
    wanted = [1.0 if each == label else FLOOR for each in asked.continuations]
    assert [math.exp(each) for each in votes] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Yes, the", "Yes"),
        ("No.", "No"),
        ("yes", "yes"),
        ("**YES**", "yes"),
        ("Not", None),
        ("4", None),
        ("Yes-ish", None),
    ],
)
def test_a_word_may_begin_a_sentence(text: str, label: str | None) -> None:
    asked = question("x", "yes", "Yes", "no", "No")
    wanted = [1.0 if each == label else FLOOR for each in asked.continuations]
    assert [math.exp(each) for each in vote_logprobs(asked, [text])] == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "label"), [("4", "4"), ("4/5", None), ("4.5", None), ("4.", "4"), ("45", None)]
)
def test_a_rating_is_a_whole_number(text: str, label: str | None) -> None:
    asked = question("x", "4", "5")
    wanted = [1.0 if each == label else FLOOR for each in asked.continuations]
    assert [math.exp(each) for each in vote_logprobs(asked, [text])] == pytest.approx(wanted)
