from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.feedback.pairing import candidate_pairs
from rlaif.feedback.score import ScoredCompletion, score_completions
from rlaif.records import State
from tests.judging.builders import completion, constitution, judged, principle, prompt

HOUSE = constitution(
    principle("greet"),
    principle("warn", weight=3.0),
    principle("sum", applies_to=("sum",)),
    principle("safe", hard=True),
)
TAGGED = prompt(tags=("personal",))
ONE, OTHER = completion("one", TAGGED), completion("other", TAGGED)


def scored(*said: tuple[str, float | None], state: State = State.UNREADABLE) -> ScoredCompletion:
    judgments = [
        judged((ONE.id,), name, value, state=None if value is not None else state, to=TAGGED)
        for name, value in said
    ]
    return score_completions(TAGGED, [ONE], judgments, HOUSE)[0]


def test_the_score_is_the_weighted_mean_over_what_applies() -> None:
    found = scored(("greet", 1.0), ("warn", 0.5), ("safe", 0.75), ("sum", 0.0))
    assert found.score == pytest.approx((1.0 + 1.5 + 0.75) / 5)
    assert found.violated == ()


def test_what_was_not_read_is_left_out() -> None:
    found = scored(("greet", None), ("warn", 0.5), ("safe", 0.75))
    assert found.score == pytest.approx((1.5 + 0.75) / 4)
    assert found.states == {State.UNREADABLE: 1, State.SCORE: 2}


@pytest.mark.parametrize("state", [State.UNREADABLE, State.TRANSPORT, State.JUDGE_REFUSED])
def test_too_few_readings_are_no_score(state: State) -> None:
    found = scored(("greet", 1.0), ("warn", None), ("safe", None), state=state)
    assert found.score is None


def test_an_abstention_is_no_failure() -> None:
    found = scored(("greet", 1.0), ("warn", None), ("safe", None), state=State.ABSTAIN)
    assert found.score == 1.0


def test_nothing_said_is_no_score() -> None:
    found = scored()
    assert (found.score, found.states) == (None, {State.TRANSPORT: 3})


def test_ratings_count_as_their_share_of_the_scale() -> None:
    said = [judged((ONE.id,), name, 4.0, to=TAGGED, protocol="score") for name in ("greet", "warn", "safe")]
    assert score_completions(TAGGED, [ONE], said, HOUSE)[0].score == pytest.approx(0.75)


def test_judgments_of_another_prompt_do_not_count() -> None:
    elsewhere = [judged((ONE.id,), name, 1.0, to=prompt("another")) for name in ("greet", "warn", "safe")]
    assert score_completions(TAGGED, [ONE], elsewhere, HOUSE)[0].score is None


def test_a_violated_hard_principle_outweighs_every_score() -> None:
    bad = scored(("greet", 1.0), ("warn", 1.0), ("safe", 0.49))
    poor = scored(("greet", 0.0), ("warn", 0.0), ("safe", 0.51))
    assert bad.violated == ("safe",)
    assert bad.rank_key < poor.rank_key


def some(*scores: float) -> list[ScoredCompletion]:
    return [
        ScoredCompletion(completion=completion(f"text {n}"), score=score) for n, score in enumerate(scores)
    ]


def test_the_best_completion_is_paired_with_the_worst() -> None:
    ((better, worse),) = candidate_pairs(some(0.2, 0.9, 0.5, 0.1), "best-worst", 0)
    assert (better.score, worse.score) == (0.9, 0.1)


def test_rank_sets_neighbours_against_each_other() -> None:
    pairs = candidate_pairs(some(0.2, 0.9, 0.5), "rank", 0)
    assert [(better.score, worse.score) for better, worse in pairs] == [(0.9, 0.5), (0.5, 0.2)]


@given(st.lists(st.floats(0, 1), max_size=6), st.integers(0, 5))
def test_all_is_every_two_and_none_depends_on_the_order_given(scores: list[float], seed: int) -> None:
    given_ = some(*scores)
    for pairing, count in (
        ("all", len(scores) * (len(scores) - 1) // 2),
        ("random", 1 if len(scores) > 1 else 0),
    ):
        pairs = candidate_pairs(given_, pairing, seed)  # type: ignore[arg-type]
        assert len(pairs) == count
        assert pairs == candidate_pairs(given_[::-1], pairing, seed)  # type: ignore[arg-type]
        assert all(one.completion.id != other.completion.id for one, other in pairs)
        if pairing == "all":
            assert all(better.rank_key >= worse.rank_key for better, worse in pairs)


def test_same_pairs_those_that_were_compared_before_and_no_others() -> None:
    texts = some(0.2, 0.9, 0.5, 0.5)
    before = frozenset(frozenset(texts[place].completion.id for place in two) for two in ((0, 2), (2, 3))) | {
        frozenset(("elsewhere", texts[0].completion.id))
    }
    pairs = candidate_pairs(texts, "same", 0, before)
    assert {frozenset((better.completion.id, worse.completion.id)) for better, worse in pairs} < before
    assert sorted((better.score, worse.score) for better, worse in pairs) == [(0.5, 0.2), (0.5, 0.5)]
