from __future__ import annotations

import pytest

from rlaif.errors import EngineError
from rlaif.feedback import sample
from rlaif.hashing import derived_seed
from rlaif.records import GenerateRequest, Generation, Sampling
from tests.judging.builders import RuleEngine, prompt

PROMPTS = [prompt(f"prompt {number}") for number in range(5)]
WARM = Sampling(temperature=0.7, max_tokens=9)


def echo(request: GenerateRequest) -> str:
    return f"{request.messages[-1].content} / {request.draw} / {request.seed}"


def engine(seed: int = 0) -> RuleEngine:
    return RuleEngine(lambda *_: {}, echo, seed)


@pytest.mark.parametrize("shuffle", range(3))
def test_completions_join_their_prompts_whatever_comes_back_first(shuffle: int) -> None:
    found = sample(engine(shuffle), PROMPTS, n=3, sampling=WARM, seed=7)
    assert [(each.prompt_id, each.draw) for each in found] == [(to.id, n) for to in PROMPTS for n in range(3)]
    for to, each in zip([to for to in PROMPTS for _ in range(3)], found, strict=True):
        assert each.text == f"{to.text} / {each.draw} / {derived_seed(7, to.id, each.draw)}"
        assert each.policy == "b2:rule"


def test_a_draw_does_not_depend_on_the_other_prompts() -> None:
    whole = {each.id for each in sample(engine(), PROMPTS, n=3, sampling=WARM, seed=7)}
    part = sample(engine(), PROMPTS[2:3], n=2, sampling=WARM, seed=7)
    assert {each.id for each in part} <= whole


def test_rules_can_stand_before_the_prompt() -> None:
    seen = []

    def write(request: GenerateRequest) -> str:
        seen.append([(each.role, each.content) for each in request.messages])
        return "x"

    sample(RuleEngine(lambda *_: {}, write), PROMPTS[:1], n=1, sampling=WARM, seed=0, system="Be warm.")
    assert seen == [[("system", "Be warm."), ("user", "prompt 0")]]


def test_failed_draws_stop_the_step_and_say_why() -> None:
    class Broken(RuleEngine):
        def generate(self, requests):
            for each in super().generate(requests):
                bad = each.request_id.endswith("|1")
                yield (
                    Generation(request_id=each.request_id, text="", finish="stop", error="no memory")
                    if bad
                    else each
                )

    with pytest.raises(
        EngineError, match=r"5 of 10 draws failed, the first with: no memory .prompt 'prompt 0'.*run again"
    ):
        sample(Broken(lambda *_: {}, echo), PROMPTS, n=2, sampling=WARM, seed=0)


def test_lost_draws_are_failures() -> None:
    class Forgetful(RuleEngine):
        def generate(self, requests):
            yield from list(super().generate(requests))[1:]

    with pytest.raises(EngineError, match="1 of 5 draws failed, the first with: no answer came back"):
        sample(Forgetful(lambda *_: {}, echo), PROMPTS, n=1, sampling=WARM, seed=0)
