"""What an edit of a constitution costs: ablating a principle or changing a weight asks a judge nothing new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from rlaif.judging import decide, from_checklist
from rlaif.judging.protocols import Asking, Pointwise, protocol
from rlaif.records import Constitution, Judgment
from tests.judging.builders import RuleEngine, completion, constitution, principle, prompt
from tests.judging.protocols.oracles import ASKED_OF_MODELS, Judging, judge_of

WORDS = ("hello", "oven", "mix")
HOUSE = constitution(*(principle(word, f"The response says {word}.") for word in WORDS))
TEXTS = [completion(text) for text in ("hello oven", "mix", "oven mix", "hello", "mix hello", "none", "oven")]
ABLATED = replace(HOUSE, principles=HOUSE.principles[:2])
REWEIGHED = replace(
    HOUSE,
    principles=tuple(
        replace(each, weight=weight, hard=weight > 3)
        for each, weight in zip(HOUSE.principles, (5.0, 0.1, 2.0), strict=True)
    ),
    decide=replace(HOUSE.decide, rule="majority", temperature=3.0),
)
WEIGHED = {"rank", "rubric", "rubric-list"}
"""A tournament sets players of near standing against each other, by weighed standing; a rubric's number is weighed."""


def said(name: str, house: Constitution) -> tuple[set[str], Sequence[Judgment]]:
    """The different questions of a protocol, and the judgments of the first two texts."""
    judging = Judging(
        lambda response, rule: any(word in response for word in WORDS if f"says {word}." in rule)
    )
    engine = RuleEngine(judging.score, judging.write)
    judge, chosen = judge_of(engine, name), protocol(name)
    if isinstance(chosen, Pointwise):
        found = chosen.ask(judge, [(prompt(), each) for each in TEXTS], house.principles, Asking())
        return set(engine.asked), from_checklist(found, *TEXTS[:2])
    found = chosen.ask(judge, [(prompt(), *TEXTS[:2])], house.principles, Asking())
    return set(engine.asked), found


@pytest.mark.parametrize("name", [name for name in ASKED_OF_MODELS if name not in WEIGHED])
@pytest.mark.parametrize("edited", [ABLATED, REWEIGHED], ids=["ablated", "reweighed"])
def test_no_question_is_new(name: str, edited: Constitution) -> None:
    before, held = said(name, HOUSE)
    after, anew = said(name, edited)
    assert after <= before
    # the judgments that are held say what judging again would say
    one = decide(edited, prompt(), held, first=TEXTS[0].id, inconsistent="average")
    other = decide(edited, prompt(), anew, first=TEXTS[0].id, inconsistent="average")
    assert one == other


@pytest.mark.parametrize("name", ["compare", "checklist", "score", "compare-cot", "compare-json"])
def test_a_principle_that_is_ablated_had_a_share_in_the_calls(name: str) -> None:
    """So that the test above tests something."""
    assert len(said(name, ABLATED)[0]) == len(said(name, HOUSE)[0]) * 2 // 3


def test_in_a_tournament_only_those_who_meet_can_change() -> None:
    """Ablating moves the standing, and with it who meets whom; a principle is never asked about in other words."""
    before, _ = said("rank", HOUSE)
    after, _ = said("rank", ABLATED)
    new = after - before
    assert len(new) < len(after)
