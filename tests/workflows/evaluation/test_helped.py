"""Whether a policy got better: paired by prompt, by the judge that judged both ends, with the samples that tell."""

from __future__ import annotations

from typing import Any

from rlaif.auditing.intervals import Resampling
from rlaif.exchange.measured import MeasuredAnswer
from rlaif.records import Completion, Message, Prompt
from rlaif.workflows.evaluation.helped import ComparisonNames, helped

NAMED = ComparisonNames("micro", "house 1.0.0", "initial")


def answer(number: int, text: str, **read: Any) -> MeasuredAnswer:
    prompt = Prompt(messages=(Message(role="user", content=f"question {number}"),))
    return MeasuredAnswer(
        model="policy",
        prompt=prompt,
        answer=Completion(prompt_id=prompt.id, text=text, policy="p"),
        **{name: {"brief": value} for name, value in read.items()},
    )


def found(before: list[MeasuredAnswer], after: list[MeasuredAnswer]) -> dict[str, Any]:
    return helped(before, after, named=NAMED, resampling=Resampling())


def test_the_judge_that_judged_the_beginning_says_what_changed() -> None:
    before = [answer(each, "a", judge=0.2) for each in range(5)]
    after = [answer(each, "b", judge=0.9, first_judge=0.4) for each in range(5)]
    told = found(before, after)["by"]["judge"]
    assert (round(told["before"], 6), round(told["after"], 6), told["prompts"]) == (0.2, 0.4, 5)
    assert told["by_principle"]["brief"]["change"] == told["change"]


def test_the_samples_are_where_it_helped_most_changed_least_and_hurt() -> None:
    ends = {0: (0.0, 1.0), 1: (0.5, 0.5), 2: (1.0, 0.0), 3: (0.0, 0.0)}
    before = [answer(number, "a", gold=one) for number, (one, _) in ends.items()]
    after = [answer(number, "a" if number == 3 else "b", gold=other) for number, (_, other) in ends.items()]
    told = found(before, after)
    by_prompt = {each.prompt.id: number for number, each in enumerate(after)}
    assert [(each["where"], by_prompt[each["prompt"]]) for each in told["samples"]] == [
        ("most", 0),
        ("least", 1),
        ("hurt", 2),
    ]


def test_nothing_that_hurt_is_shown_where_nothing_did() -> None:
    before = [answer(each, "a", gold=0.0) for each in range(3)]
    after = [answer(each, "b", gold=1.0) for each in range(3)]
    assert [each["where"] for each in found(before, after)["samples"]] == ["most", "least"]


def test_what_nobody_read_has_no_change_and_no_sample() -> None:
    told = found([answer(0, "one two")], [answer(0, "one")])
    assert (told["by"], told["samples"]) == ({}, [])
    assert told["words"]["change"] == -1
