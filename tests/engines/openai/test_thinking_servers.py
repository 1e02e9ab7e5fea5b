"""Servers whose models think: one model gives the same data however its thoughts are told, and no call is lost."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from rlaif.engines.openai.capabilities import capabilities_of, forget
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.name import Settings
from rlaif.errors import ModelError
from rlaif.records import GenerateRequest, Message, Sampling

from .faulty_server import FaultyServer
from .thinking_model import THOUGHT, ThinkingModel

SPELLINGS = ("reasoning_content", "reasoning", "both", "marks", "begun")
WORDS = len(THOUGHT.split())
pytestmark = pytest.mark.timing


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    forget()


def engine(
    model: ThinkingModel, url: str = "http://h/v1/", kwargs: Any = None, **settings: Any
) -> OpenAIEngine:
    how = Settings(**{"wait": 0.001, "tries": 6, **settings})
    return OpenAIEngine(
        "openai:x", [url], "m", "1", settings=how, chat_template_kwargs=kwargs, transport=httpx.MockTransport(model)
    )  # fmt: skip


def ask(draw: int = 0, most: int = 100, thought: int | None = None, **more: Any) -> GenerateRequest:
    how = Sampling(max_tokens=most, max_thought_tokens=thought)
    turns = (Message(role="user", content="which?"),)
    return GenerateRequest(id=f"r{draw}", messages=turns, sampling=how, seed=draw, draw=draw, **more)


@pytest.mark.parametrize("n", [1, 3])
def test_one_model_gives_one_kind_of_data_however_its_thoughts_are_told(n: int) -> None:
    found = set()
    for spelling in SPELLINGS:
        model = engine(ThinkingModel(spelling=spelling), n=n)
        replies = list(model.generate(ask(draw) for draw in range(3)))
        assert [each.error for each in replies] == [None] * 3
        found |= {(each.text, each.thought, each.open_thought, each.finish) for each in replies}
        forget()
    assert found == {("B", THOUGHT, False, "stop")}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_out_of_room_inside_of_the_thought_is_truncated_once_and_its_tokens_are_counted(
    spelling: str,
) -> None:
    model = ThinkingModel(spelling=spelling)
    # only who knows that the template writes the start mark can tell a thought without its end from an answer
    (reply,) = engine(model, thought_begun=int(spelling == "begun")).generate([ask(most=4)])
    assert (reply.error, reply.text, reply.finish, reply.open_thought) == (None, "", "length", True)
    assert reply.thought == "first I look at"
    assert len(model.bodies) == 1
    assert reply.usage.completion_tokens == 4


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_turn_that_ends_in_its_thought_has_no_answer_and_fails_nothing(spelling: str) -> None:
    model = ThinkingModel(spelling=spelling, never_ends=True)
    (reply,) = engine(model, thought_begun=int(spelling == "begun")).generate([ask()])
    assert (reply.error, reply.text, reply.finish, reply.open_thought) == (None, "", "stop", True)
    assert (reply.thought, len(model.bodies)) == (THOUGHT, 1)
    assert reply.usage.completion_tokens == WORDS


def test_over_a_socket_and_between_faults_every_thought_arrives() -> None:
    model = ThinkingModel(spelling="reasoning")
    with FaultyServer(share=0.3, faults=("500", "no-choices", "cut"), serve=model.serve, model="m") as server:
        served = OpenAIEngine(
            "openai:x", [f"{server.url}/"], "m", "1", settings=Settings(wait=0.001, tries=20)
        )
        replies = list(served.generate(ask(draw) for draw in range(40)))
        served.close()
    assert {(each.error, each.text, each.thought) for each in replies} == {(None, "B", THOUGHT)}


def test_marks_that_the_table_does_not_know_are_declared_and_make_another_model() -> None:
    model = ThinkingModel(spelling="marks")

    def answer(request: httpx.Request) -> httpx.Response:
        sent = model(request).text.replace("<think>", "(hm)").replace("</think>", "(so)")
        return httpx.Response(200, text=sent, headers={"content-type": "application/json"})

    found = []
    for marks in ("", "(hm),(so)"):
        how = Settings(thought_marks=marks)
        served = OpenAIEngine(
            "openai:x", ["http://h/v1/"], "m", "1", settings=how, transport=httpx.MockTransport(answer)
        )
        found.append((served.fingerprint, *served.generate([ask()])))
    (plain, whole), (declared, parted) = found
    assert whole.text.startswith("(hm)")
    assert (parted.text, parted.thought) == ("B", THOUGHT)
    assert plain != declared


def test_texts_are_left_whole_where_that_is_wanted() -> None:
    (reply,) = engine(ThinkingModel(spelling="marks"), thought_marks="none").generate([ask()])
    assert reply.text.startswith("<think>")
    assert reply.thought == ""


def test_a_budget_is_told_to_a_server_that_takes_it_and_the_limit_is_the_sum() -> None:
    model = ThinkingModel(budget="thinking_token_budget")
    (reply,) = engine(model).generate([ask(most=5, thought=6)])
    assert (reply.text, reply.thought) == ("B", " ".join(THOUGHT.split()[:6]))
    assert (model.bodies[0]["max_tokens"], model.bodies[0]["thinking_token_budget"]) == (11, 6)


@pytest.mark.parametrize(("unknown", "calls"), [((), 1), (("thinking_token_budget",), 2)])
def test_a_server_without_budgets_is_held_to_the_sum_and_says_when_no_answer_came(
    unknown: Any, calls: int
) -> None:
    model = ThinkingModel(unknown=unknown)
    served = engine(model)
    (reply,) = served.generate([ask(most=2, thought=6)])
    assert (reply.text, reply.finish, reply.open_thought) == ("", "length", True)
    assert reply.usage.completion_tokens == 8
    assert len(model.bodies) == calls
    assert ("thinking_token_budget" in model.bodies[-1]) == (not unknown)
    list(served.generate([ask(most=2, thought=6)]))
    assert len(model.bodies) == calls + 1  # a refusal is learned once


def test_a_way_that_the_user_names_is_not_left_out_where_it_is_refused() -> None:
    model = ThinkingModel(unknown=("thinking_budget",))
    (reply,) = engine(model, budget_as="qwen").generate([ask(most=2, thought=6)])
    assert "thinking_budget" in str(reply.error)
    assert len(model.bodies) == 1


def test_no_budget_is_sent_where_none_is_asked_for() -> None:
    model = ThinkingModel()
    list(engine(model, budget_as="vllm").generate([ask()]))
    assert set(model.bodies[0]) == {"messages", "max_tokens", "temperature", "top_p", "seed", "model"}


def test_what_the_role_adds_is_sent_and_counts_before_what_the_engine_has() -> None:
    model = ThinkingModel()
    request = ask(
        chat_template_kwargs={"enable_thinking": True},
        body={"reasoning_effort": "low", "chat_template_kwargs": {"depth": 2}},
    )
    list(engine(model, kwargs={"enable_thinking": False, "lang": "en"}).generate([request]))
    sent = model.bodies[0]
    assert sent["reasoning_effort"] == "low"
    assert sent["chat_template_kwargs"] == {"enable_thinking": True, "lang": "en", "depth": 2}


def test_a_budget_and_a_body_meet_in_one_object() -> None:
    model = ThinkingModel()
    request = ask(thought=6, body={"reasoning": {"effort": "low", "exclude": False}})
    list(engine(model, budget_as="openrouter").generate([request]))
    assert model.bodies[0]["reasoning"] == {"max_tokens": 6, "effort": "low", "exclude": False}


@pytest.mark.parametrize(
    "name", ["messages", "model", "n", "seed", "max_tokens", "tools", "logprobs", "stream"]
)
def test_a_body_that_sets_what_a_call_is_is_refused_by_name(name: str) -> None:
    model = ThinkingModel()
    with pytest.raises(ModelError, match=f"must not hold '{name}'"):
        list(engine(model).generate([ask(body={name: 1})]))
    assert model.bodies == []


def test_draws_with_other_arguments_are_not_drawn_together() -> None:
    served = engine(ThinkingModel(), n=4)
    requests = [
        ask(0),
        ask(1),
        ask(2, body={"reasoning_effort": "low"}),
        ask(3, tools=({"type": "function"},)),
    ]
    assert [len(each) for each in served.groups(requests)] == [2, 1, 1]


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


class Calling(ThinkingModel):
    """Calls a tool behind its thought."""

    def serve(self, body: Any) -> dict[str, Any]:
        """A call, whatever is asked."""
        message = {"content": None, "reasoning": "I look.\n", "tool_calls": [CALL]}
        return {
            "choices": [{"message": message, "finish_reason": "tool_calls"}],
            "usage": {"completion_tokens": 9},
        }


def test_a_call_of_an_offered_tool_is_the_answer_behind_its_thought() -> None:
    model = Calling()
    (reply,) = engine(model).generate([ask(tools=(LOOK,))])
    assert (reply.error, reply.text, reply.thought, reply.open_thought) == (None, "", "I look.", False)
    (call,) = reply.tool_calls
    assert (call.name, call.arguments, call.id) == ("look", '{"at": "sky"}', "c1")
    assert model.bodies[0]["tools"] == [LOOK]


def test_a_call_where_no_tool_was_offered_stays_a_failed_call_that_is_asked_once() -> None:
    model = Calling()
    (reply,) = engine(model).generate([ask()])
    assert "called a tool" in str(reply.error)
    assert (len(model.bodies), reply.usage.completion_tokens) == (1, 9)


def test_a_developer_is_the_system_to_a_server_that_knows_none_and_that_is_learned_once() -> None:
    model = ThinkingModel(roles=("system", "user", "assistant"))
    turns = (Message(role="developer", content="be brief"), Message(role="user", content="which?"))
    served = engine(model)
    for draw in range(2):
        (reply,) = served.generate([GenerateRequest(id=f"d{draw}", messages=turns, sampling=Sampling())])
        assert reply.error is None
    assert [body["messages"][0]["role"] for body in model.bodies] == ["developer", "system", "system"]


def test_thoughts_of_earlier_turns_are_sent_until_a_server_refuses_them() -> None:
    turns = (
        Message(role="user", content="a"),
        Message(role="assistant", content="b", thought="hm"),
        Message(role="user", content="c"),
    )
    request = GenerateRequest(id="t", messages=turns, sampling=Sampling())
    kind = ThinkingModel()
    (reply,) = engine(kind).generate([request])
    assert (reply.error, kind.bodies[0]["messages"][1]["reasoning_content"]) == (None, "hm")
    forget()
    strict = ThinkingModel(unknown=("reasoning_content",))
    (reply,) = engine(strict).generate([request])
    assert reply.error is None
    assert strict.bodies[-1]["messages"][1] == {"role": "assistant", "content": "b"}
    assert not capabilities_of("http://h/v1/", "m").can("reasoning_content")
