"""What a server cannot do is worked around, once, and said; or it is refused with the reason."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import httpx
import pytest

from rlaif.engines.openai.capabilities import Lesson, capabilities_of, forget
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.name import Settings
from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest

TURNS = (Message(role="user", content="?"),)
SCHEMA = {"type": "object"}


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    forget()


class Server:
    """Refuses the parameters that it does not know, as vLLM and OpenAI word it."""

    def __init__(self, *unknown: str, words: str = "Unrecognized request argument supplied: {}") -> None:
        self.unknown, self.words = unknown, words
        self.bodies: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        for name in self.unknown:
            if name in body:
                return httpx.Response(400, json={"error": {"message": self.words.format(name)}})
        message = {"message": {"content": "yes"}, "finish_reason": "stop"}
        used = {"prompt_tokens": 7, "completion_tokens": 5}
        return httpx.Response(
            200, json={"choices": [message] * body.get("n", 1), "usage": used, **self.answer}
        )

    def engine(self, **settings: Any) -> OpenAIEngine:
        how = Settings(**{"wait": 0.001, "tries": 3, **settings})
        return OpenAIEngine(
            "openai:x", ["http://h/v1/"], "m", "1", settings=how, transport=httpx.MockTransport(self)
        )


def draws(count: int, **more: Any) -> list[GenerateRequest]:
    return [
        GenerateRequest(id=f"x/{n}", messages=TURNS, sampling=Sampling(), seed=n, draw=n, **more)
        for n in range(count)
    ]


def label(*continuations: str, prefix: str = "") -> ScoreRequest:
    return ScoreRequest(
        id="s", messages=TURNS, continuations=continuations or ("yes", "no"), assistant_prefix=prefix
    )


def test_a_seed_that_is_not_known_is_left_out_from_then_on() -> None:
    server = Server("seed")
    assert [each.text for each in server.engine(at_once=1).generate(draws(3))] == ["yes"] * 3
    assert ["seed" in body for body in server.bodies].count(True) <= 2
    assert "seed" not in server.bodies[-1]


@pytest.mark.parametrize(
    ("unknown", "wanted"),
    [
        ((), "response_format"),
        (("response_format",), "structured_outputs"),
        (("response_format", "structured_outputs"), "guided_json"),
        (("response_format", "structured_outputs", "guided_json"), None),
    ],
)
def test_a_schema_is_asked_for_in_the_way_that_the_server_knows(unknown: Any, wanted: str | None) -> None:
    server = Server(*unknown)
    (reply,) = server.engine().generate(draws(1, schema=SCHEMA))
    assert reply.error is None
    ways = {"response_format", "structured_outputs", "guided_json"} & set(server.bodies[-1])
    assert ways == ({wanted} if wanted else set())


def test_the_newer_name_of_the_length_limit_is_used_where_it_must_be() -> None:
    words = (
        "Unsupported parameter: '{}' is not supported with this model. Use 'max_completion_tokens' instead."
    )
    server = Server("max_tokens", words=words)
    (reply,) = server.engine().generate(draws(1))
    assert reply.error is None
    assert server.bodies[-1]["max_completion_tokens"] == 256


def test_a_limit_that_is_too_large_is_the_calls_own_fault() -> None:
    words = (
        "'{}' or 'max_completion_tokens' is too large: 256. This model's maximum context length is 9 tokens"
    )
    server = Server("max_tokens", words=words)
    (reply,) = server.engine().generate(draws(1))
    assert "too large" in str(reply.error)
    assert len(server.bodies) == 1


def test_fewer_candidates_are_asked_for_where_a_server_gives_at_most_five() -> None:
    class Few(Server):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            if json.loads(request.content)["top_logprobs"] > 5:
                return httpx.Response(400, text="Invalid value for 'top_logprobs': must be at most 5")
            return super().__call__(request)

    server = Few()
    top = [{"token": "yes", "logprob": -0.5}, {"token": "no", "logprob": -1.2}]
    choice = {"message": {"content": "yes"}, "logprobs": {"content": [{"top_logprobs": top}]}}
    server.answer = {"choices": [choice]}
    (score,) = server.engine().score([label()])
    assert score.logprobs[0] == -0.5


def test_neighbouring_draws_are_one_call_where_that_is_wanted_and_share_its_tokens() -> None:
    server = Server()
    replies = list(server.engine(n=4).generate(draws(6)))
    assert sorted(body.get("n", 1) for body in server.bodies) == [2, 4]
    assert all("seed" not in body for body in server.bodies)
    assert {each.request_id for each in replies} == {f"x/{n}" for n in range(6)}
    assert sum(each.usage.prompt_tokens for each in replies) == 14
    assert sum(each.usage.completion_tokens for each in replies) == 10


def test_without_n_each_draw_is_a_call_of_its_own() -> None:
    server = Server("n")
    replies = list(server.engine(n=4).generate(draws(4)))
    assert [each.error for each in replies] == [None] * 4
    assert sum("n" not in body for body in server.bodies) == 4
    assert sorted(body["seed"] for body in server.bodies if "n" not in body) == [0, 1, 2, 3]


def test_a_server_that_takes_no_notice_of_n_is_asked_once_a_draw() -> None:
    class One(Server):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            answer = super().__call__(request)
            told = json.loads(answer.content)
            return httpx.Response(200, json={**told, "choices": told["choices"][:1]})

    server = One()
    replies = list(server.engine(n=4).generate(draws(8)))
    assert [each.error for each in replies] == [None] * 8
    assert not capabilities_of("http://h/v1/", "m").can("n")


def test_a_likeliest_text_and_another_prompt_are_not_drawn_together() -> None:
    engine = Server().engine(n=4)
    cold = [GenerateRequest(id=f"c{n}", messages=TURNS, sampling=Sampling(temperature=0)) for n in range(2)]
    other = GenerateRequest(
        id="o", messages=(Message(role="user", content="!"),), sampling=Sampling(), draw=9
    )
    assert [len(each) for each in engine.groups([*cold, *draws(2), other])] == [1, 1, 2, 1]


def test_labels_are_voted_on_only_where_the_user_asks_for_votes_and_under_another_fingerprint() -> None:
    plain, voting = Server().engine(), Server("logprobs", "n").engine(votes=8)
    assert "?votes=16" in str(next(plain.score([label()])).error)
    forget()
    (score,) = voting.score([label("yes", "no")])
    assert score.logprobs[0] == 0.0
    assert score.logprobs[1] < math.log(1e-20)
    assert score.usage.prompt_tokens == 8 * 7
    assert plain.fingerprint != voting.fingerprint


def test_a_turn_that_cannot_be_continued_is_refused_with_the_reason() -> None:
    (score,) = Server("continue_final_message").engine().score([label(prefix="I think")])
    assert "continue_final_message" in str(score.error)


def test_whole_texts_are_scored_by_the_prompts_own_logprobs() -> None:
    """log P(text | before) = log P(before, text) - log P(before): -1 - 2 here."""

    def told(body: dict[str, Any]) -> list[Any]:
        before = [None, {"11": {"logprob": -9.0}}]
        more = [{"12": {"logprob": -1.0}, "99": {"logprob": -0.1}}, {"13": {"logprob": -2.0}}]
        return before + (more if body["messages"][-1]["role"] == "assistant" else [])

    class Telling(Server):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            self.answer = {"prompt_logprobs": told(json.loads(request.content))}
            return super().__call__(request)

    server = Telling()
    (score,) = server.engine().score([label("two words")])
    assert score.logprobs == (-3.0,)
    assert server.bodies[-1]["messages"][-1] == {"role": "assistant", "content": "two words"}
    assert server.bodies[-1]["continue_final_message"] is True


def test_whole_texts_are_refused_where_a_server_tells_no_prompt_logprobs() -> None:
    assert "hf:" in str(next(Server().engine().score([label("two words")])).error)
    assert next(Server("prompt_logprobs").engine().score([label("two words")])).logprobs == ()


def test_what_is_known_of_a_server_is_known_to_the_next_engine() -> None:
    server = Server("seed")
    list(server.engine().generate(draws(1)))
    assert not capabilities_of("http://h/v1/", "m").can("seed")
    server.bodies.clear()
    list(server.engine().generate(draws(1)))
    assert len(server.bodies) == 1


REFUSALS = [
    # status, what the server says, whether votes are taken in place of log-probabilities (else fewer candidates)
    (400, "Unsupported parameter: 'logprobs' is not supported with this model.", True),
    (403, "You are not allowed to request logprobs from this model.", True),
    (400, "Logprobs is not enabled for models/gemini-2.5-pro", True),
    (400, "deepseek-reasoner does not support the parameter logprobs", True),
    (400, "property 'logprobs' is unsupported", True),
    (400, "logprobs, best_of and echo parameters are not available on this model.", True),
    (422, "Unexpected keys in the request: {'logprobs', 'top_logprobs'}", True),
    (
        422,
        '{"type":"extra_forbidden","loc":["body","logprobs"],"msg":"Extra inputs are not permitted"}',
        True,
    ),
    (500, "UnsupportedParamsError: parameters are not supported: {'logprobs': True}", True),
    (400, "Argument not supported on this model: logprobs", True),
    (400, "Requested sample logprobs of 20, which is greater than max allowed: 5", False),
    (400, "Invalid value for 'top_logprobs': must be less than or equal to 5", False),
    (400, "logprobs 20 > 5: Top logprobs must be between 0 and 5", False),
]


@pytest.mark.parametrize(("status", "words", "votes"), REFUSALS)
def test_log_probabilities_are_known_to_be_missing_however_a_server_words_it(
    status: int, words: str, votes: bool
) -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        asked.append(body)
        if "logprobs" in body and (votes or body["top_logprobs"] > 5):
            return httpx.Response(status, json={"error": {"message": words}})
        top = [{"token": "yes", "logprob": -0.5}, {"token": "no", "logprob": -1.5}]
        told = {"logprobs": {"content": [{"top_logprobs": top}]}} if "logprobs" in body else {}
        choice = {"message": {"content": "yes"}, "finish_reason": "stop", **told}
        return httpx.Response(200, json={"choices": [choice] * body.get("n", 1)})

    engine = OpenAIEngine(
        "openai:x", ["http://h/v1/"], "m", "1", transport=httpx.MockTransport(answer),
        settings=Settings(wait=0.001, tries=2, votes=4),
    )  # fmt: skip
    # all at once: each is refused, the first of them teaches the others
    scores = list(engine.score([replace(label(), id=f"s{n}") for n in range(12)]))
    assert [each.error for each in scores] == [None] * 12
    assert {each.logprobs[0] == 0.0 for each in scores} == {votes}
    assert ("logprobs" in asked[-1]) == (not votes)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "'n' : number must be at most 1"),
        (400, "Only one completion choice is allowed"),
        (400, "Unsupported value: n > 1 is not supported"),
        (422, "multiple completions are not supported"),
        (400, "n must be equal to 1"),
        (200, ""),  # takes no notice
    ],
)
def test_a_vote_is_a_call_where_several_answers_are_not_to_be_had(status: int, words: str) -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        asked.append(body.get("n", 1))
        if body.get("n", 1) > 1 and words:
            return httpx.Response(status, json={"error": {"message": words}})
        return httpx.Response(
            200, json={"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
        )

    engine = OpenAIEngine(
        "openai:x", ["http://h/v1/"], "m", "1", transport=httpx.MockTransport(answer),
        settings=Settings(wait=0.001, tries=2, votes=5, logprobs=0),
    )  # fmt: skip
    (score,) = engine.score([label()])
    assert score.error is None
    assert asked.count(1) == 5
    assert asked.count(5) <= 2


def test_a_refusal_of_something_else_loses_nothing() -> None:
    able = capabilities_of("http://other/", "m")
    sent = {"messages": [], "n": 4, "logprobs": True, "top_logprobs": 20, "max_tokens": 5, "seed": 1}
    for words in (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "Your account is not allowed to use this model",
        "Rate limit exceeded: at most 3 requests a minute are allowed",
    ):
        assert able.learn(sent, words) is Lesson.NOTHING
        assert able.learn(sent, words, plain=False) is Lesson.NOTHING
    assert able.learn(sent, "unexpected error: seed", plain=False) is Lesson.NOTHING
    assert (able.missing, able.tops) == ({}, [20, 5])


def test_calls_under_way_learn_from_each_other_what_is_left_out() -> None:
    for unknown, more in (("seed", {}), ("response_format", {"schema": SCHEMA})):
        forget()
        replies = list(Server(unknown).engine().generate(draws(20, **more)))
        assert [each.error for each in replies] == [None] * 20
