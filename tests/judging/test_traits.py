"""Which of two traits shows: the judge's word, in both orders, as games, and games as Elo."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlaif.judging import ModelJudge
from rlaif.judging.protocols import Asking, pointwise
from rlaif.judging.traits import ELO, OfferedTraits, TraitGames, by_choice, by_each
from rlaif.records import GenerateRequest
from tests.judging.builders import RuleEngine, completion, principle, prompt

KIND, CURT = principle("kind", "I am kind."), principle("curt", "I am curt.")


def offer(text: str = "Dear friend.") -> OfferedTraits:
    return OfferedTraits(prompt=prompt(), completion=completion(text), first=KIND, second=CURT)


def says(trait: str, p: float = 0.9) -> Mapping[str, Mapping[str, float]]:
    """P(A) of a judge that finds a trait, wherever it stands."""
    return {f"Trait A: {trait}": {"A": p, "B": 1 - p}, f"Trait B: {trait}": {"A": 1 - p, "B": p}}


def oracle(text: str, _: Sequence[str]) -> Mapping[str, float]:
    """Kind where somebody is called a friend, curt elsewhere."""
    shows = "I am kind." if "friend" in text else "I am curt."
    return next(chances for begins, chances in says(shows).items() if begins in text)


def test_a_judge_that_sees_the_trait_is_right_wherever_it_stands() -> None:
    engine = RuleEngine(oracle)
    found = by_choice(ModelJudge(engine), [offer(), offer("No."), offer("My friend!")])
    assert found.lost == {}
    assert found.games == [
        ("kind", "curt", pytest.approx(0.9)),
        ("kind", "curt", pytest.approx(0.1)),
        ("kind", "curt", pytest.approx(0.9)),
    ]
    assert len(engine.asked) == 6


def test_a_judge_that_follows_the_place_plays_no_game() -> None:
    found = by_choice(ModelJudge(RuleEngine(lambda *_: {"A": 0.9, "B": 0.1})), [offer()])
    assert (found.games, found.lost) == ([], {"inconsistent": 1})


def test_a_judge_that_cannot_be_read_plays_no_game_and_gives_no_number() -> None:
    found = by_choice(ModelJudge(RuleEngine(lambda *_: {"Well": 0.9})), [offer()])
    assert (found.games, found.lost) == ([], {"unreadable": 1})
    assert found.elo(["kind", "curt"]) == {}


def test_one_answer_is_asked_about_by_several_pairs_of_traits() -> None:
    bold = principle("bold", "I am bold.")
    other = OfferedTraits(prompt=prompt(), completion=completion("Dear friend."), first=bold, second=KIND)
    found = by_choice(ModelJudge(RuleEngine(lambda text, _: _where(text))), [offer(), other])
    assert found.games == [("kind", "curt", pytest.approx(0.9)), ("bold", "kind", pytest.approx(0.1))]


def _where(text: str) -> Mapping[str, float]:
    return {"A": 0.9, "B": 0.1} if "Trait A: I am kind." in text else {"A": 0.1, "B": 0.9}


def test_a_judge_in_writing_is_asked_for_a_verdict_behind_its_reasons() -> None:
    def write(request: GenerateRequest) -> str:
        return f"I look.\nAnswer: {'A' if 'Trait A: I am kind.' in request.messages[-1].content else 'B'}"

    judge = ModelJudge(RuleEngine(lambda *_: {}, write), in_writing=True)
    [(one, other, p)] = by_choice(judge, [offer()]).games
    assert (one, other) == ("kind", "curt")
    assert p > 0.9


def test_of_each_trait_by_itself_the_odds_are_that_one_shows_and_not_the_other() -> None:
    def yes(text: str, _: Sequence[str]) -> Mapping[str, float]:
        p = 0.8 if "I am kind." in text else 0.3
        return {"yes": p, "no": 1 - p}

    engine = RuleEngine(yes)
    found = by_each(ModelJudge(engine), [offer(), offer()], pointwise("checklist"), Asking())
    # .8 x .7 against .3 x .2
    assert found.games == [("kind", "curt", pytest.approx(0.56 / 0.62))] * 2
    assert len(engine.asked) == 2  # equal answers are asked about once


def test_a_trait_that_cannot_be_read_of_an_answer_is_no_game() -> None:
    def yes(text: str, _: Sequence[str]) -> Mapping[str, float]:
        return {"yes": 0.8, "no": 0.2} if "I am kind." in text else {"Well": 1.0}

    found = by_each(ModelJudge(RuleEngine(yes)), [offer()], pointwise("checklist"), Asking())
    assert (found.games, found.lost) == ([], {"unreadable": 1})


def test_elo_is_400_for_odds_of_ten_to_one() -> None:
    """With many games the half a game against the ghost hardly counts: ten wins for each loss are 400 apart."""
    games = [("kind", "curt", 1.0)] * 5000 + [("kind", "curt", 0.0)] * 500
    found = TraitGames(games=games, lost={}).elo(["kind", "curt", "bold"])
    assert found["kind"] - found["curt"] == pytest.approx(400, abs=1.5)
    assert (found["kind"] + found["curt"]) / 2 == pytest.approx(1000, abs=1e-3)
    assert "bold" not in found  # it was in no game
    assert pytest.approx(400 / math.log(10)) == ELO


@settings(max_examples=30)
@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_order_in_which_traits_were_offered_changes_no_elo(shares: list[float]) -> None:
    games = [("kind", "curt", share) for share in shares]
    turned = [("curt", "kind", 1 - share) for share in shares]
    one, other = (TraitGames(games=each, lost={}).elo(["kind", "curt"]) for each in (games, turned))
    assert one == pytest.approx(other, abs=1e-3)
