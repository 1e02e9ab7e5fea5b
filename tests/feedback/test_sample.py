from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from rlaif.errors import EngineError
from rlaif.feedback import sample
from rlaif.feedback.system_turn import SystemTurn
from rlaif.hashing import derived_seed
from rlaif.records import GenerateRequest, Generation, Sampling, ToolCall
from tests.judging.builders import RuleEngine, prompt

PROMPTS = [prompt(f"prompt {number}") for number in range(5)]
WARM = Sampling(temperature=0.7, max_tokens=9)


def echo(request: GenerateRequest) -> str:
    return f"{request.messages[-1].content} / {request.draw} / {request.seed}"


def engine(seed: int = 0) -> RuleEngine:
    return RuleEngine(lambda *_: {}, echo, seed)


@pytest.mark.parametrize("shuffle", range(3))
def test_completions_join_their_prompts_whatever_comes_back_first(shuffle: int) -> None:
    found = sample(engine(shuffle), PROMPTS, n=3, sampling=WARM, seed=7).completions
    assert [(each.prompt_id, each.draw) for each in found] == [(to.id, n) for to in PROMPTS for n in range(3)]
    for to, each in zip([to for to in PROMPTS for _ in range(3)], found, strict=True):
        assert each.text == f"{to.text} / {each.draw} / {derived_seed(7, to.id, each.draw)}"
        assert each.policy == "b2:rule"


def test_a_draw_does_not_depend_on_the_other_prompts() -> None:
    whole = {each.id for each in sample(engine(), PROMPTS, n=3, sampling=WARM, seed=7).completions}
    part = sample(engine(), PROMPTS[2:3], n=2, sampling=WARM, seed=7).completions
    assert {each.id for each in part} <= whole


def test_rules_can_stand_before_the_prompt() -> None:
    seen = []

    def write(request: GenerateRequest) -> str:
        seen.append([(each.role, each.content) for each in request.messages])
        return "x"

    sample(
        RuleEngine(lambda *_: {}, write),
        PROMPTS[:1],
        n=1,
        sampling=WARM,
        seed=0,
        system=SystemTurn(named="text", text="Be warm."),
    )
    assert seen == [[("system", "Be warm."), ("user", "prompt 0")]]


class Broken(RuleEngine):
    """Fails where the id of a request ends with one of these."""

    def __init__(self, *ends: str) -> None:
        super().__init__(lambda *_: {}, echo)
        self.ends = ends

    def generate(self, requests):
        for each in super().generate(requests):
            bad = each.request_id.endswith(self.ends)
            yield (
                Generation(request_id=each.request_id, text="", finish="stop", error="no memory")
                if bad
                else each
            )


def test_a_failed_draw_costs_itself_alone() -> None:
    found = sample(Broken(f"{PROMPTS[1].id}|0", f"{PROMPTS[1].id}|1"), PROMPTS, n=2, sampling=WARM, seed=0)
    assert [each.prompt_id for each in found.completions] == [
        each.id for each in PROMPTS if each != PROMPTS[1] for _ in range(2)
    ]
    assert [(each.prompt, each.draw, each.reason) for each in found.failed] == [
        (PROMPTS[1], 0, "no memory"),
        (PROMPTS[1], 1, "no memory"),
    ]


def test_half_of_the_draws_may_fail() -> None:
    found = sample(Broken("|1"), PROMPTS, n=2, sampling=WARM, seed=0)
    assert (len(found.completions), len(found.failed)) == (5, 5)


def test_more_than_half_stop_the_step_and_say_why() -> None:
    with pytest.raises(
        EngineError,
        match=r"10 of 15 draws failed, the first with: no memory .prompt 'prompt 0'.*more than 50%.*run again",
    ):
        sample(Broken("|1", "|2"), PROMPTS, n=3, sampling=WARM, seed=0)


def test_lost_draws_are_failures() -> None:
    class Forgetful(RuleEngine):
        def generate(self, requests):
            yield from list(super().generate(requests))[1:]

    found = sample(Forgetful(lambda *_: {}, echo), PROMPTS, n=1, sampling=WARM, seed=0)
    assert [each.reason for each in found.failed] == ["no answer came back"]


def test_thought_calls_and_tools_go_from_the_prompt_to_the_request_and_from_the_reply_to_the_completion() -> (
    None
):
    tools = ({"type": "function", "function": {"name": "add"}},)
    call = ToolCall(name="add", arguments="{}")
    seen = []

    class Calls(RuleEngine):
        def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
            for each in requests:
                seen.append(each.tools)
                yield Generation(
                    request_id=each.id,
                    text="",
                    finish="stop",
                    thought="hm",
                    tool_calls=(call,),
                    token_ids=(1, 2),
                )

    [found] = sample(
        Calls(lambda *_: {}, echo), [replace(PROMPTS[0], tools=tools)], n=1, sampling=WARM, seed=0
    ).completions
    assert seen == [tools]
    assert (found.thought, found.tool_calls, found.open_thought, found.token_ids) == (
        "hm",
        (call,),
        False,
        (1, 2),
    )


def test_a_draw_that_calls_tools_twice_under_one_id_is_a_failed_one() -> None:
    call = ToolCall(name="add", arguments="{}", id="c1")

    class Twice(RuleEngine):
        def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Generation]:
            for each in requests:
                calls = (call, call) if each.id.endswith("|0") else (call,)
                yield Generation(request_id=each.id, text="", finish="stop", tool_calls=calls)

    found = sample(Twice(lambda *_: {}, echo), PROMPTS[:1], n=2, sampling=WARM, seed=0)
    assert [each.reason for each in found.failed] == ["it calls tools twice under the id 'c1'"]
    assert [each.tool_calls for each in found.completions] == [(call,)]
