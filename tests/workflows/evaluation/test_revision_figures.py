"""Figures of revising, by hand arithmetic on four chains whose gold is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rlaif.feedback.revise import Outcome
from rlaif.feedback.revision_chains import RevisionChain, RevisionStage
from rlaif.records import Completion, Origin, State
from rlaif.workflows.evaluation.revision_figures import by_gold, by_judge, followed, outcomes, says
from tests.judging.builders import completion, constitution, judged, principle, prompt

GREET = principle("greet", "The response greets the user.")
LONG = "It is a nice day. " * 7
BRIEF = principle("brief", "The response is brief.")
HOUSE = constitution(GREET, BRIEF)
ASKED = [prompt(f"What is {n} plus 2?", gold="micro", tags=("sum",)) for n in range(4)]


def chain(number: int, before: str, outcome: Outcome, after: str = "") -> RevisionChain:
    asked = ASKED[number]
    first = completion(before, asked)
    made = (
        Completion(
            prompt_id=asked.id,
            text=after,
            policy="b2:policy",
            origin=Origin(kind="revision", parent=first.id, stage=1, principle="greet"),
        )
        if after
        else None
    )
    stage = RevisionStage(
        number=1, parent=first, principles=(GREET,), outcome=outcome, critique="So.", revision=made
    )
    return RevisionChain(prompt=asked, first=first, stages=[stage])


CHAINS = [
    chain(0, "It is 2.", Outcome.REVISED, "Hello. It is 2."),  # confirmed, fixed
    chain(1, "Hello. It is 3.", Outcome.REVISED, f"Hello. {LONG}"),  # not confirmed, breaks `brief`
    chain(2, "It is 4.", Outcome.NO_VIOLATION),  # missed
    chain(3, "It is 5.", Outcome.EMPTY),  # confirmed
]


def test_shares_are_of_what_gold_can_tell() -> None:
    found = by_gold(HOUSE, CHAINS, direct=False)
    assert found["whole"] == {"confirmed": pytest.approx(2 / 3), "missed": 1.0, "fixed": 1.0, "broke": 0.5}
    assert found["gold"] == [(0.5 + 1 + 0.5 + 0.5) / 4, (1 + 0.5 + 0.5 + 0.5) / 4]
    assert found["gold_by_principle"] == [{"greet": 0.25, "brief": 1.0}, {"greet": 0.5, "brief": 0.75}]
    assert found["gold_gain"]["value"] == 0.0
    assert found["gold_gain"]["low"] < 0 < found["gold_gain"]["high"]


def test_without_critiques_none_is_confirmed_or_missed() -> None:
    whole = by_gold(HOUSE, CHAINS[:2], direct=True)["whole"]
    assert (whole["confirmed"], whole["missed"]) == (None, None)


def test_every_chain_counts_once_in_each_stage() -> None:
    (stage,) = outcomes(CHAINS)
    assert stage == {
        "stage": 1,
        "outcomes": {"revised": 2, "the critique names no violation": 1, "the revision is empty": 1},
    }


def test_a_judges_gain_is_of_chains_that_it_could_read_at_both_ends() -> None:
    rated = {"It is 2.": 0.2, "Hello. It is 2.": 0.8, "Hello. It is 3.": 0.9, f"Hello. {LONG}": 0.5}

    def ask(items):
        return [
            judged((said.id,), name, rated.get(said.text), to=asked, state=state(said.text))
            for asked, said in items
            for name in ("greet", "brief")
        ]

    def state(text: str) -> State:
        return State.SCORE if text in rated else State.UNREADABLE

    found = by_judge(HOUSE, CHAINS[:3], ask)
    assert found["measured"] == 2
    assert (found["judge_first"], found["judge_last"]) == (pytest.approx(0.55), pytest.approx(0.65))
    assert found["judge_gain"]["value"] == pytest.approx(0.1)


def test_a_judge_that_reads_nothing_is_told_with_its_reason() -> None:
    found = by_judge(
        HOUSE,
        CHAINS[:1],
        lambda items: [
            replace(judged((each.id,), "greet", None, state=State.TRANSPORT), detail="nobody answers")
            for _, each in items
        ],
    )
    assert (found["measured"], found["judge_gain"]) == (0, None)
    (told,) = says({**found, "stages": []})
    assert "0 measured: all 2 judgments failed (transport), most often with: nobody answers" in told


def test_shares_by_principle_leave_out_what_was_not_read() -> None:
    readings = [judged(("a",), "greet", 0.25), judged(("a",), "brief", None, state=State.TRUNCATED)]
    readings += [judged(("a",), "foreign", 0.5), judged(("a", "b"), "greet", 0.5)]
    assert followed(HOUSE, readings, lambda each: each.value) == {"a": {"greet": 0.25}}


def test_a_sure_loss_and_what_went_wrong_are_said() -> None:
    sure = {"value": -0.2, "low": -0.3, "high": -0.1}
    unsure = {"value": -0.2, "low": -0.5, "high": 0.1}
    told = says({"gold_gain": sure, "judge_gain": unsure, "stages": outcomes(CHAINS)})
    assert told == [
        "revising makes answers worse by gold: -0.200 (-0.300 to -0.100); do not train on these revisions",
        "revise, stage 1: of 4 completions the revision is empty 1; they stay as they were",
    ]
