"""Critique and revision several times: each step from where the last one ended, with a principle of its own."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.feedback.revise import Outcome
from rlaif.feedback.revision_chains import ChainPlan, RevisionChain, revise_chains
from rlaif.records import GenerateRequest, Sampling, ToolCall
from tests.judging.builders import RuleEngine, completion, constitution, principle, prompt

RULES = [principle(name, f"say {name}") for name in ("one", "two", "three")]
HOUSE = constitution(*RULES, principle("poems", applies_to=("poem",)))


def engine(write: Any) -> RuleEngine:
    return RuleEngine(lambda *_: {}, write)


def appends() -> RuleEngine:
    """Writes the rule that it is shown behind the response."""

    def write(request: GenerateRequest) -> str:
        text = request.messages[-1].content
        response = text.split("Response:\n```\n")[1].split("\n```")[0]
        return f"{response} {text.rpartition('say ')[2]}"

    return engine(write)


def chains(
    critic: RuleEngine, reviser: RuleEngine | None = None, first: Any = None, **given: Any
) -> RevisionChain:
    how = Sampling(max_tokens=8)
    plan = ChainPlan(critic_sampling=how, sampling=how, **given)
    asked = prompt(tags=("sum",))
    (found,) = revise_chains(
        reviser or appends(), critic, HOUSE, [(asked, first or completion("start", asked))], plan
    )
    return found


FAULT = engine(lambda _: "It does not.")


def test_each_step_begins_where_the_last_one_ended() -> None:
    made = chains(FAULT, times=3)
    assert [stage.number for stage in made.stages] == [1, 2, 3]
    for before, after in zip(made.stages, made.stages[1:], strict=False):
        assert after.parent is before.revision
    assert len(made.last.text.split()) == 4
    assert [made.at(stage).id for stage in range(4)] == [
        made.first.id,
        *(each.after.id for each in made.stages),
    ]


def test_principles_are_drawn_anew_at_each_step_of_those_that_apply() -> None:
    found = chains(FAULT, times=20)
    ids = [each.id for stage in found.stages for each in stage.principles]
    assert set(ids) == {"one", "two", "three"}
    assert ids == [each.id for stage in chains(FAULT, times=20).stages for each in stage.principles]
    other = chains(FAULT, times=20, seed=1)
    assert ids != [each.id for stage in other.stages for each in stage.principles]


def test_all_principles_are_shown_at_once_and_only_those_that_apply() -> None:
    critic = engine(lambda _: "It does not.")
    made = chains(critic, choice="all")
    assert critic.asked[0].endswith("Rules:\n1. say one\n2. say two\n3. say three")
    assert made.last.origin is not None
    assert made.last.origin.principle == "one,two,three"


def test_a_stage_keeps_its_number_after_one_in_which_nothing_was_revised() -> None:
    said = iter(["No violation.", "It does not."])
    made = chains(engine(lambda _: next(said)), times=2)
    assert [each.outcome for each in made.stages] == [Outcome.NO_VIOLATION, Outcome.REVISED]
    assert made.last.origin is not None
    assert (made.last.origin.stage, made.last.origin.parent) == (2, made.first.id)


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        (" ", Outcome.CRITIQUE_EMPTY),
        ("I'm sorry, but I can't help with that.", Outcome.CRITIQUE_REFUSED),
    ],
)
def test_a_critic_that_says_nothing_or_refuses_revises_nothing(says: str, outcome: Outcome) -> None:
    reviser = appends()
    made = chains(engine(lambda _: says), reviser)
    assert [each.outcome for each in made.stages] == [outcome]
    assert made.last is made.first
    assert reviser.asked == []


def test_what_ends_in_a_call_of_a_tool_asks_nobody() -> None:
    critic = engine(lambda _: "It does not.")
    call = completion("", prompt(tags=("sum",)), tool_calls=(ToolCall(name="add", arguments="{}"),))
    made = chains(critic, first=call, times=2)
    assert [each.outcome for each in made.stages] == [Outcome.TOOL_CALL, Outcome.TOOL_CALL]
    assert critic.asked == []


def test_where_no_principle_applies_nothing_is_asked() -> None:
    critic = engine(lambda _: "It does not.")
    made = chains(critic, choice=("poems",))
    assert [each.outcome for each in made.stages] == [Outcome.NO_PRINCIPLE]
    assert critic.asked == []


def test_worst_without_a_readable_judgment_says_so() -> None:
    assert [each.outcome for each in chains(FAULT, choice="worst").stages] == [Outcome.NOT_JUDGED]


def test_two_draws_with_one_text_are_revised_each_with_a_chance_of_its_own() -> None:
    seeds: list[int] = []

    def write(request: GenerateRequest) -> str:
        seeds.append(request.seed)
        return f"new {len(seeds)}"

    how = Sampling(max_tokens=8)
    asked = prompt(tags=("sum",))
    drawn = [(asked, completion("start", asked, draw=n)) for n in (0, 1)]
    plan = ChainPlan(critic_sampling=how, sampling=how, direct=True)
    found = revise_chains(engine(write), engine(write), HOUSE, drawn, plan)
    assert len(set(seeds)) == 2
    assert [each.last.draw for each in found] == [0, 1]
