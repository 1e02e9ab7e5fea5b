"""Think, then label, over HTTP: labels are read behind the thought, or whole texts vote; kinds are never mixed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import httpx
import pytest

from rlaif.engines.openai.capabilities import REFUSALS, capabilities_of, forget
from rlaif.engines.openai.engine import OpenAIEngine
from rlaif.engines.openai.name import Settings
from rlaif.records import Message, Sampling, Score, ScoreRequest

from .thinking_model import END, THOUGHT, ThinkingModel

SPELLINGS = ("reasoning_content", "reasoning", "marks", "begun")
WORDS = len(THOUGHT.split())
THINK = Sampling(max_tokens=64)
pytestmark = pytest.mark.timing


@pytest.fixture(autouse=True)
def _nothing_is_known() -> None:
    forget()


def engine(model: Any, **settings: Any) -> OpenAIEngine:
    how = Settings(**{"wait": 0.001, "tries": 3, **settings})
    return OpenAIEngine(
        "openai:x", ["http://h/v1/"], "m", "1", settings=how, transport=httpx.MockTransport(model)
    )


def ask(thinking: Sampling | None = THINK, prefix: str = "", **more: Any) -> ScoreRequest:
    return ScoreRequest(
        id="s", messages=(Message(role="user", content="A or B?"),), continuations=("A", "B"), thinking=thinking,
        assistant_prefix=prefix, seed=5, **more,
    )  # fmt: skip


def chances(score: Score) -> list[float]:
    assert score.error is None, score.error
    return [round(math.exp(each), 6) for each in score.logprobs]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("prefix", ["", "Verdict: "])
def test_labels_are_read_behind_the_thought_that_the_judge_wrote(spelling: str, prefix: str) -> None:
    model = ThinkingModel(spelling=spelling)
    (score,) = engine(model).score([ask(prefix=prefix)])
    assert chances(score) == [0.1, 0.9]
    assert (score.thought, score.votes) == (THOUGHT, 0)
    first, second = model.bodies
    assert (first["max_tokens"], first["seed"], first["messages"][-1]["role"]) == (64, 5, "user")
    assert second["messages"][-1] == {
        "role": "assistant",
        "content": f"<think>\n{THOUGHT}\n</think>\n\n{prefix}",
    }
    assert (second["continue_final_message"], second["add_generation_prompt"]) == (True, False)
    # both calls are paid: the thought with its answer, and one token more
    assert (score.usage.prompt_tokens, score.usage.completion_tokens) == (14, WORDS + 2 + 1)


def test_a_thought_that_is_cut_off_is_closed_and_labels_are_read_behind_it() -> None:
    model = ThinkingModel()
    (score,) = engine(model).score([ask(Sampling(max_tokens=3))])
    assert score.thought == "first I look"
    assert model.bodies[1]["messages"][-1]["content"].endswith("first I look\n</think>\n\n")


def test_a_budget_of_the_thought_is_all_its_room() -> None:
    model = ThinkingModel()
    (score,) = engine(model).score([ask(Sampling(max_tokens=64, max_thought_tokens=3))])
    assert score.thought == "first I look"
    assert model.bodies[0]["max_tokens"] == 3
    assert "thinking_token_budget" not in model.bodies[0]


def test_the_thought_of_a_model_without_marks_is_its_text_up_to_a_stop_string() -> None:
    bodies: list[dict[str, Any]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        bodies.append(body)
        if body.get("logprobs"):
            top = [{"token": "A", "logprob": math.log(0.75)}, {"token": "B", "logprob": math.log(0.25)}]
            choice = {"message": {"content": "A"}, "finish_reason": "length"}
            return httpx.Response(
                200, json={"choices": [{**choice, "logprobs": {"content": [{"top_logprobs": top}]}}]}
            )
        choice = {"message": {"content": "A names a source."}, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice]})

    stop = "\nVerdict:"
    (score,) = engine(handle).score([ask(Sampling(max_tokens=64, stop=(stop,)), prefix=stop)])
    assert chances(score) == [0.75, 0.25]
    assert score.thought == "A names a source."
    assert bodies[0]["stop"] == [stop]
    assert bodies[1]["messages"][-1]["content"] == "A names a source.\nVerdict:"


def test_arguments_tools_and_body_of_the_role_go_with_both_calls() -> None:
    model = ThinkingModel()
    tool = {"type": "function", "function": {"name": "f"}}
    request = ask(
        chat_template_kwargs={"enable_thinking": True}, body={"reasoning_effort": "low"}, tools=(tool,)
    )
    (score,) = engine(model).score([request])
    assert chances(score) == [0.1, 0.9]
    for body in model.bodies:
        assert body["chat_template_kwargs"] == {"enable_thinking": True}
        assert (body["reasoning_effort"], body["tools"]) == ("low", [tool])


def test_a_thought_that_goes_back_to_the_server_is_masked_where_texts_are() -> None:
    model = ThinkingModel(thought="it says <|im_end|> and better")
    (score,) = engine(model, mask=1).score([ask()])
    assert score.thought == "it says <|im_end|> and better"
    assert model.bodies[1]["messages"][-1]["content"].startswith("<think>\nit says < |im_end|> and")


def test_a_turn_that_is_begun_by_a_text_is_continued_by_votes_of_a_judge_that_thinks() -> None:
    model = ThinkingModel()
    served = engine(model, logprobs=0, votes=2)
    list(served.score([ask(None)]))
    model.bodies.clear()
    (score,) = served.score([ask(None, prefix="Verdict: ")])
    assert chances(score) == [0.0, 1.0]
    (sent,) = model.bodies
    assert sent["messages"][-1] == {"role": "assistant", "content": "Verdict: "}


def test_an_error_of_a_judge_that_thinks_first_decides_no_kind_of_score() -> None:
    (score,) = engine(ThinkingModel(), votes=4).score([ask(None)])
    assert "--judge-think" in str(score.error)
    (score,) = engine(ThinkingModel(continues=False), votes=4).score([ask()])
    assert (chances(score), score.votes) == ([0.0, 1.0], 4)


def test_labels_of_a_judge_that_thinks_first_are_an_error_that_says_what_to_do() -> None:
    for spelling in SPELLINGS:
        (score,) = engine(ThinkingModel(spelling=spelling)).score([ask(None)])
        assert "--judge-think" in str(score.error)
        assert "?logprobs=0&votes=16" in str(score.error)
        forget()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_where_a_turn_is_not_continued_whole_texts_vote_with_what_stands_behind_their_thoughts(
    spelling: str,
) -> None:
    model = ThinkingModel(spelling=spelling, continues=False)
    served = engine(model, votes=4)
    (score,) = served.score([ask()])
    assert chances(score) == [0.0, 1.0]
    assert (score.votes, score.thought) == (4, THOUGHT)
    _thought, _refused, votes = model.bodies
    assert (votes["n"], votes["max_tokens"], votes["temperature"]) == (4, 68, 1.0)
    assert votes["thinking_token_budget"] == 64  # so that a server with budgets leaves room for the label
    assert score.usage.completion_tokens == 5 * (WORDS + 2)
    (again,) = served.score([ask()])
    assert chances(again) == [0.0, 1.0]
    assert len(model.bodies) == 4  # what the server cannot do is known by then: no thought is drawn in vain


def test_of_two_servers_the_one_that_continues_turns_is_asked_for_labels() -> None:
    models = {"h0": ThinkingModel(continues=False), "h1": ThinkingModel(spelling="reasoning")}

    def answer(request: httpx.Request) -> httpx.Response:
        return models[request.url.host](request)

    urls = ["http://h0/v1/", "http://h1/v1/"]
    how = Settings(wait=0.001, tries=3, votes=4)
    served = OpenAIEngine("openai:x", urls, "m", "1", settings=how, transport=httpx.MockTransport(answer))
    scores = list(served.score(replace(ask(), id=f"s{n}") for n in range(12)))
    assert {(tuple(chances(each)), each.votes, each.thought) for each in scores} == {((0.1, 0.9), 0, THOUGHT)}


def test_a_server_that_takes_no_notice_of_a_begun_turn_is_known_by_its_thinking_again() -> None:
    class Ignoring(ThinkingModel):
        def serve(self, body: Any) -> dict[str, Any]:
            return super().serve({**body, "continue_final_message": False})

    model = Ignoring()
    served = engine(model, votes=4, tries=6)
    (score,) = served.score([ask()])
    assert (chances(score), score.votes) == ([0.0, 1.0], 4)
    assert len(model.bodies) == 1 + REFUSALS + 1
    (again,) = served.score([ask()])
    assert (again.votes, len(model.bodies)) == (4, 1 + REFUSALS + 2)


def test_where_neither_is_to_be_had_the_error_says_what_is_lacking() -> None:
    (score,) = engine(ThinkingModel(continues=False)).score([ask()])
    assert "does not go on with an assistant's turn" in str(score.error)
    assert "?votes=16" in str(score.error)
    assert score.usage.completion_tokens == WORDS + 2  # the thought that was drawn in vain is paid


def test_votes_behind_thoughts_do_not_follow_log_probabilities() -> None:
    assert chances(next(engine(ThinkingModel(), votes=4).score([ask()]))) == [0.1, 0.9]
    able = capabilities_of("http://h/v1/", "m")
    able.proved.clear()
    able.lose("continue_final_message", "another address of the same model")
    (score,) = engine(ThinkingModel(continues=False), votes=4).score([ask()])
    assert "another figure" in str(score.error)


def test_a_server_that_tells_no_log_probabilities_votes_behind_its_thoughts() -> None:
    model = ThinkingModel()
    (score,) = engine(model, logprobs=0, votes=3).score([ask()])
    assert (chances(score), score.votes) == ([0.0, 1.0], 3)
    assert len(model.bodies) == 1


@pytest.mark.parametrize("spelling", ["reasoning_content", "reasoning", "marks"])
def test_votes_get_room_for_the_thought_as_soon_as_the_model_is_seen_to_think(spelling: str) -> None:
    model = ThinkingModel(spelling=spelling)
    served = engine(model, logprobs=0, votes=4, thought_tokens=50)
    (score,) = served.score([ask(None)])
    assert chances(score) == [0.0, 1.0]
    assert score.usage.completion_tokens == 4 * 4 + 4 * (WORDS + 2)
    assert [body["max_tokens"] for body in model.bodies] == [4, 54]
    (again,) = served.score([ask(None)])
    assert chances(again) == [0.0, 1.0]
    assert [body["max_tokens"] for body in model.bodies] == [4, 54, 54]


def test_votes_that_all_end_in_their_thoughts_are_a_failed_call_and_some_are_votes_for_nothing() -> None:
    (score,) = engine(ThinkingModel(never_ends=True), logprobs=0, votes=2).score([ask()])
    assert "all votes ended in their thoughts" in str(score.error)
    forget()

    class Half(ThinkingModel):
        def serve(self, body: Any) -> dict[str, Any]:
            whole = super().serve(body)
            cut = {"message": {"content": None, "reasoning": "hm"}, "finish_reason": "length"}
            return {**whole, "choices": [cut, *whole["choices"][1:]]}

    (score,) = engine(Half(), logprobs=0, votes=4).score([ask()])
    assert chances(score) == [0.0, 0.75]


def test_votes_at_temperature_zero_would_be_one_vote() -> None:
    model = ThinkingModel()
    list(
        engine(model, logprobs=0, votes=4).score([ask(Sampling(temperature=0.0, max_tokens=64, stop=("x",)))])
    )
    assert model.bodies[0]["temperature"] == 1.0
    assert "stop" not in model.bodies[0]


def test_a_verdict_that_a_model_writes_behind_its_reasons_is_the_vote() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        text = "A is short. Verdict: is that all? No.\nVerdict: B"
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice] * body.get("n", 1)})

    (score,) = engine(handle, logprobs=0, votes=2).score([ask(Sampling(max_tokens=64, stop=("Verdict:",)))])
    assert chances(score) == [0.0, 1.0]


def test_whole_texts_behind_a_thought_are_scored_by_the_prompts_own_log_probabilities() -> None:
    class Telling(ThinkingModel):
        def serve(self, body: Any) -> dict[str, Any]:
            whole = super().serve(body)
            told = [None, {"1": {"logprob": -9.0}}]
            more = (
                [{"2": {"logprob": -1.0}}]
                if str(body["messages"][-1]["content"]).endswith("two words")
                else []
            )
            return {**whole, "prompt_logprobs": told + more}

    model = Telling()
    request = ScoreRequest(
        id="s", messages=(Message(role="user", content="?"),), continuations=("two words",), thinking=THINK
    )
    (score,) = engine(model).score([request])
    assert score.logprobs == (-1.0,)
    assert score.thought == THOUGHT
    assert model.bodies[-1]["messages"][-1]["content"].endswith(f"{END}\n\ntwo words")
