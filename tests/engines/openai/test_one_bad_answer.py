"""One bad answer costs its own call: no capability, no other call, no kind of score goes with it."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from rlaif.engines.openai.capabilities import REFUSALS, capabilities_of, forget
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.name import Settings
from rlaif.engines.recorded import RecordedEngine
from rlaif.records import GenerateRequest, Message, Sampling, ScoreRequest
from rlaif.store import Store

from .tables import named, rows

Handler = Callable[[dict[str, Any]], httpx.Response]
USED = {"prompt_tokens": 7, "completion_tokens": 5}
LOGPROBS = math.log(0.75)
pytestmark = pytest.mark.timing


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    forget()


def engine(handle: Handler, *more: Handler, **settings: Any) -> OpenAIEngine:
    """The servers are called h0, h1 ..."""
    handlers = [handle, *more]

    def answer(request: httpx.Request) -> httpx.Response:
        return handlers[int(request.url.host[1:])](json.loads(request.content))

    return OpenAIEngine(
        "openai:x", [f"http://h{n}/v1/" for n in range(len(handlers))], "m", "1",
        settings=Settings(**{"wait": 0.001, "tries": 6, **settings}), transport=httpx.MockTransport(answer),
    )  # fmt: skip


def draws(count: int, **how: Any) -> list[GenerateRequest]:
    return [
        GenerateRequest(id=f"r{n}", messages=(Message(role="user", content=f"text {n // 4}"),),
                        sampling=Sampling(**how), seed=n, draw=n)
        for n in range(count)
    ]  # fmt: skip


def labels(count: int) -> list[ScoreRequest]:
    turns = [(Message(role="user", content=f"question {n}"),) for n in range(count)]
    return [ScoreRequest(id=f"s{n}", messages=each, continuations=("A", "B")) for n, each in enumerate(turns)]


def text(content: Any, finish: Any = "stop", count: int = 1, **more: Any) -> httpx.Response:
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": finish}
    return httpx.Response(200, json={"choices": [choice] * count, "usage": USED, **more})


def weighed() -> httpx.Response:
    top = [{"token": "A", "logprob": LOGPROBS}, {"token": "B", "logprob": math.log(0.25)}]
    choice = {
        "message": {"content": "A"},
        "finish_reason": "length",
        "logprobs": {"content": [{"top_logprobs": top}]},
    }
    return httpx.Response(200, json={"choices": [choice], "usage": USED})


def judged(body: dict[str, Any]) -> httpx.Response:
    return weighed() if body.get("logprobs") else text("A", "length", body.get("n", 1))


@pytest.mark.parametrize("votes", [0, 8])
@pytest.mark.parametrize(
    "bad",
    [
        lambda body: httpx.Response(200, json={"choices": [{"index": 0, "message": None}]}),
        lambda body: text("A", "length", body.get("n", 1)),  # a backend without log-probabilities
        lambda body: httpx.Response(400, json={"error": {"message": "Unsupported parameter: 'logprobs'"}}),
        lambda body: httpx.Response(
            403, json={"error": {"message": "You are not allowed to request logprobs"}}
        ),
    ],
)
def test_log_probabilities_are_not_lost_and_never_mixed_with_votes(votes: int, bad: Handler) -> None:
    turn = itertools.count(1)
    model = engine(lambda body: bad(body) if not next(turn) % 9 else judged(body), votes=votes, tries=20)
    scores = list(model.score(labels(300)))
    assert [each.error for each in scores] == [None] * 300
    assert {each.logprobs[0] for each in scores} == {LOGPROBS}


def test_a_server_that_takes_no_notice_is_known_after_a_few_answers_and_votes_are_all_that_is_scored() -> (
    None
):
    asked: list[bool] = []

    def handle(body: dict[str, Any]) -> httpx.Response:
        asked.append("logprobs" in body)
        return text("A", "length", body.get("n", 1))

    scores = list(engine(handle, votes=4, at_once=1).score(labels(20)))
    assert {each.logprobs[0] for each in scores} == {0.0}
    assert sum(asked) == REFUSALS
    # what those answers have cost is counted too
    assert sum(each.usage.prompt_tokens for each in scores) == 7 * len(asked)


def test_votes_that_have_begun_are_not_followed_by_log_probabilities() -> None:
    first = engine(lambda body: text("A", "length", body.get("n", 1)), votes=4)
    assert [each.logprobs[0] for each in first.score(labels(3))] == [0.0] * 3
    capabilities_of("http://h0/v1/", "m").missing.clear()  # another address of the same model
    assert [each.logprobs[0] for each in engine(judged, votes=4).score(labels(3))] == [0.0] * 3


def test_scores_by_log_probabilities_are_not_followed_by_votes() -> None:
    assert next(engine(judged, votes=4).score(labels(1))).logprobs[0] == LOGPROBS
    capabilities_of("http://h0/v1/", "m").lose("logprobs", "another address of the same model")
    (score,) = engine(judged, votes=4).score(labels(1))
    assert "votes are another figure" in str(score.error)


@pytest.mark.parametrize("by_votes", [True, False])
def test_a_later_run_scores_as_the_recorded_scores_were_made(tmp_path: Path, by_votes: bool) -> None:
    """The server has learned, or lost, its log-probabilities meanwhile."""

    def lacking(body: dict[str, Any]) -> httpx.Response:
        return text("A", "length", body.get("n", 1))

    before, after = (lacking, judged) if by_votes else (judged, lacking)
    with Store.open(tmp_path / "store.sqlite") as store:
        first = list(RecordedEngine(engine(before, votes=3), store, commit="call").score(labels(2)))
        forget()
        later = list(RecordedEngine(engine(after, votes=3), store, commit="call").score(labels(6)))
    assert [each.error for each in first] == [None] * 2
    assert [each.votes for each in later if each.error is None] == [3] * 6 if by_votes else [0] * 2
    assert by_votes or {"votes are another figure" in str(each.error) for each in later[2:]} == {True}


def test_the_server_that_tells_log_probabilities_is_asked_for_them() -> None:
    plain: list[bool] = []

    def lacking(body: dict[str, Any]) -> httpx.Response:
        plain.append("logprobs" in body)
        return text("A", "length", body.get("n", 1))

    scores = list(engine(lacking, judged, votes=4).score(labels(60)))
    assert {each.logprobs[0] for each in scores} == {LOGPROBS}
    model = engine(lacking, judged, votes=4)
    plain.clear()
    list(model.score(labels(60)))
    assert plain == []
    assert [each.error for each in model.generate(draws(60))] == [None] * 60
    assert plain


def test_a_vote_that_ends_in_thoughts_is_a_failed_call_with_its_remedy() -> None:
    asked: list[int] = []

    def handle(body: dict[str, Any]) -> httpx.Response:
        asked.append(body["max_tokens"])
        return text(None, "length", body.get("n", 1))

    (score,) = engine(handle, votes=4, logprobs=0, thought_tokens=100).score(labels(1))
    assert "thinks before it answers" in str(score.error)
    assert asked == [4, 104]  # no vote ends in its thoughts before it has had room for them
    assert score.usage.completion_tokens == 10


@pytest.mark.parametrize("row", rows("replies"), ids=named)
def test_an_odd_reply_costs_as_many_calls_as_another_try_may_help(row: dict[str, Any]) -> None:
    asked = []

    def handle(body: dict[str, Any]) -> httpx.Response:
        asked.append(body)
        return httpx.Response(200, json={"choices": [row["choice"]], "usage": USED})

    (reply,) = engine(handle).generate(draws(1))
    assert len(asked) == (6 if row.get("again") else 1)
    assert reply.usage.prompt_tokens == 7 * len(asked)
    assert (reply.error is None) == ("text" in row)
    assert row.get("problem", "") in str(reply.error)


def test_a_filtered_draw_of_several_costs_itself_alone() -> None:
    asked = []

    def handle(body: dict[str, Any]) -> httpx.Response:
        asked.append(body["n"])
        choices = [{"message": {"content": f"text {n}"}, "finish_reason": "stop"} for n in range(body["n"])]
        choices[1]["finish_reason"] = "content_filter"
        return httpx.Response(200, json={"choices": choices, "usage": USED})

    replies = list(engine(handle, n=4).generate(draws(4)))
    assert asked == [4]
    assert [each.error is None for each in replies] == [True, False, True, True]
    assert sum(each.usage.prompt_tokens for each in replies) == 7


@pytest.mark.parametrize(
    "ids",
    [
        lambda turn, draw: f"chatcmpl-{draw.randrange(999)}",
        lambda turn, draw: f"chatcmpl-{turn // 40}",  # of the clock: many answers a second
        lambda turn, draw: "chatcmpl-1",
        lambda turn, draw: draw.choice(["", "x", f"y{turn}"]),
    ],
)
def test_ids_that_recur_cost_no_call(ids: Callable[[int, random.Random], str]) -> None:
    draw, turn = random.Random(5), itertools.count()

    def handle(body: dict[str, Any]) -> httpx.Response:
        number = next(turn)
        said = f"answer number {body['seed'] % 97}, {body['messages'][0]['content']}"
        return text(said, id=ids(number, draw), created=number // 100)

    replies = list(engine(handle).generate(draws(400)))
    assert [each.error for each in replies] == [None] * 400
    assert next(turn) <= 400 + 2  # two answers may have met before an id came with two texts


def test_one_answer_sent_to_several_calls_is_asked_for_again() -> None:
    kept: list[httpx.Response] = []
    turn = itertools.count(1)

    def handle(body: dict[str, Any]) -> httpx.Response:
        number = next(turn)
        if not number % 10:
            return kept[-1]
        kept.append(text(body["messages"][0]["content"].upper(), id=f"id-{number}"))
        return httpx.Response(200, content=kept[-1].content)

    asked = [replace(each, messages=(Message(role="user", content=each.id),)) for each in draws(100)]
    found = {each.request_id: each.text for each in engine(handle, tries=12).generate(asked)}
    assert found == {each.id: each.id.upper() for each in asked}


TEMPERATURE = (
    "Unsupported value: 'temperature' does not support {} with this model. "
    "Only the default (1) value is supported."
)
EXCLUSIVE = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."


class Sampler:
    """Refuses sampling parameters as a model with fixed ones does."""

    def __init__(self, *fixed: str, one_of_two: bool = False) -> None:
        self.fixed, self.one_of_two = fixed, one_of_two
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, body: dict[str, Any]) -> httpx.Response:
        self.bodies.append(body)
        for name in self.fixed:
            if body.get(name, 1) != 1 or (name != "temperature" and name in body):
                words = TEMPERATURE.replace("temperature", name).format(body[name])
                return httpx.Response(400, json={"error": {"message": words}})
        if self.one_of_two and "temperature" in body and "top_p" in body:
            return httpx.Response(400, json={"error": {"message": EXCLUSIVE}})
        return text("x")


def test_both_sampling_parameters_are_sent_as_servers_have_defaults_of_their_own() -> None:
    server = Sampler()
    list(engine(server).generate(draws(1)))
    assert (server.bodies[0]["temperature"], server.bodies[0]["top_p"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("how", "left"),
    [
        ({}, {"temperature": 1.0}),
        ({"temperature": 0.7}, {"temperature": 0.7}),
        ({"top_p": 0.9}, {"top_p": 0.9}),
    ],
)
def test_of_two_that_are_not_taken_together_the_neutral_one_is_left_out(
    how: dict[str, float], left: dict[str, float]
) -> None:
    server = Sampler(one_of_two=True)
    replies = list(engine(server).generate(draws(8, **how)))
    assert [each.error for each in replies] == [None] * 8
    assert {
        name: server.bodies[-1][name] for name in ("temperature", "top_p") if name in server.bodies[-1]
    } == left


def test_two_that_are_not_taken_together_and_both_wanted_are_refused_by_name() -> None:
    server = Sampler(one_of_two=True)
    replies = list(engine(server, at_once=1).generate(draws(8, temperature=0.7, top_p=0.9)))
    assert all("temperature 0.7 and top_p 0.9" in str(each.error) for each in replies)
    assert "?omit=top_p" in str(replies[0].error)
    assert len(server.bodies) == 1  # known from then on, and not paid again


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.0), ("top_p", 0.9)])
def test_a_parameter_whose_loss_would_change_the_texts_is_refused_and_may_be_declared(
    name: str, value: float
) -> None:
    server = Sampler(name)
    (neutral,) = engine(server).generate(draws(1))
    (refused,) = engine(server).generate(draws(1, **{name: value}))
    assert neutral.error is None
    assert f"no {name} but its own, and this call is at {value}" in str(refused.error)
    assert f"?omit={name}" in str(refused.error)
    declared = engine(server, omit=name)
    (reply,) = declared.generate(draws(1, **{name: value}))
    assert reply.error is None
    assert name not in server.bodies[-1]
    assert declared.fingerprint != engine(server).fingerprint


@pytest.mark.parametrize("name", ["top_k", "min_p", "stop"])
def test_further_parameters_are_refused_by_name_and_not_left_out(name: str) -> None:
    asked: list[dict[str, Any]] = []

    def handle(body: dict[str, Any]) -> httpx.Response:
        asked.append(body)
        words = f"Unsupported parameter: '{name}' is not supported with this model."
        return httpx.Response(400, json={"error": {"message": words}}) if name in body else text("x")

    how = {"top_k": 5, "min_p": 0.1, "stop": ("x",)}
    replies = list(engine(handle, at_once=1).generate(draws(4, **{name: how[name]})))
    assert all(f"the server has no {name}" in str(each.error) for each in replies)
    assert len(asked) == 1
    assert [each.error for each in engine(handle).generate(draws(2))] == [None] * 2


def test_a_seed_that_is_left_out_is_the_same_model_and_what_answers_is_another() -> None:
    plain = engine(judged)
    assert engine(judged, omit="seed").fingerprint == plain.fingerprint
    others = [
        engine(judged, **how).fingerprint
        for how in ({"omit": "top_p"}, {"answers_as": "x"}, {"answers_as": "*"})
    ]
    assert len({plain.fingerprint, *others}) == 4
    assert (
        engine(judged, omit="top_p,temperature").fingerprint
        == engine(judged, omit="temperature, top_p").fingerprint
    )


def test_a_deployment_may_answer_under_the_name_that_is_declared() -> None:
    def handle(body: dict[str, Any]) -> httpx.Response:
        return text("x", model="gpt-4o-2024-08-06")

    replies = list(engine(handle, answers_as="gpt-4o").generate(draws(3)))
    assert [each.error for each in replies] == [None] * 3


def test_a_refused_server_does_not_hold_up_a_call_that_needs_what_it_alone_had() -> None:
    """The one that tells log-probabilities turns out to be another model: the other one votes, or says why not."""

    def other(body: dict[str, Any]) -> httpx.Response:
        return text("x", model="another")

    def lacking(body: dict[str, Any]) -> httpx.Response:
        return text("A", "length", body.get("n", 1))

    async def scored() -> list[Any]:
        async with asyncio.timeout(300):
            return await asyncio.to_thread(list, engine(other, lacking, votes=2, tries=30).score(labels(30)))

    assert {each.error for each in asyncio.run(scored())} == {None}
