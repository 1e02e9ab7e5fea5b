"""When a figure speaks of a fault: beyond a limit, beyond chance, over all figures together."""

from __future__ import annotations

import math

import pytest
from scipy.stats import binom, norm

from rlaif.auditing.fault_table import FAULTS
from rlaif.auditing.faults import ALPHA, MIN_PROMPTS, find, surprise, suspects
from rlaif.auditing.resample import Estimate

BY_NAME = {each.name: each for each in FAULTS}


def share_of(hits: int, prompts: int) -> Estimate:
    value = hits / prompts
    error = math.sqrt(value * (1 - value) / prompts)
    return Estimate(value, value - 2 * error, value + 2 * error, error, float(prompts))


@pytest.mark.parametrize("hits", [0, 3, 12, 40, 100])
def test_a_share_is_as_surprising_as_the_binomial_distribution_says(hits: int) -> None:
    fault = BY_NAME["unreadable"]
    assert surprise(fault, share_of(hits, 100)) == pytest.approx(float(binom.sf(hits - 1, 100, fault.limit)))
    fault = BY_NAME["people-disagree"]
    assert surprise(fault, share_of(hits, 100)) == pytest.approx(float(binom.cdf(hits, 100, fault.limit)))


def test_a_figure_that_is_off_on_either_side_is_tested_against_its_limit() -> None:
    fault = BY_NAME["position"]
    for side in (0.62, 0.38):
        found = surprise(fault, Estimate(side, 0.0, 1.0, 0.03, 200.0))
        assert found == pytest.approx(float(norm.sf((0.12 - 0.05) / 0.03)))


def test_what_lies_within_its_limit_is_no_fault_however_sure() -> None:
    assert find({"order_disagreement": share_of(24_000, 100_000)}) == []


def test_few_prompts_say_nothing() -> None:
    assert find({"unreadable:looks": share_of(MIN_PROMPTS - 1, MIN_PROMPTS - 1)}) == []
    assert find({"unreadable:looks": share_of(MIN_PROMPTS, MIN_PROMPTS)})


def test_many_figures_share_one_error_rate() -> None:
    """Holm by hand: a figure that alone would fire does not among many that do not."""
    one = share_of(11, 100)
    alone = surprise(BY_NAME["unreadable"], one)
    assert alone < ALPHA
    assert find({"unreadable:looks": one})
    quiet = {f"unreadable:{n}": share_of(0, 100) for n in range(9)}
    assert 10 * alone > ALPHA
    assert find({"unreadable:looks": one, **quiet}) == []


def test_the_most_striking_of_many_is_corrected_for_all_it_was_chosen_from() -> None:
    each = Estimate(0.35, 0.2, 0.5, 0.075, 200.0)
    assert find({"effect:word 'so'": each})
    assert find({"effect:word 'so'": each}, tries={"effect:word 'so'": 400}) == []


def test_a_finding_says_what_it_is_and_what_to_do() -> None:
    (found,) = find({"looks_agree:greet": share_of(10, 100)})
    assert found.fault == "ignored-principle"
    assert "'greet'" in found.says
    assert "10%" in found.says
    assert "rlaif constitution test" in found.remedy
    assert found.p < ALPHA


@pytest.mark.parametrize(
    ("figure", "value", "says", "mirrored"),
    [
        ("first_slot", 0.8, "shown first wins 80%", "shown second wins 80% of the verdicts"),
        (
            "effect:length",
            0.5,
            "prefers longer answers (effect +0.50)",
            "prefers shorter answers (effect -0.50)",
        ),
        ("effect:lists", 0.5, "prefers lists", "prefers answers without lists"),
        ("effect:bold", 0.5, "prefers bold print", "prefers answers without bold print"),
        ("effect:headers", 0.5, "prefers headings", "prefers answers without headings"),
        ("effect:exclaims", 0.5, "prefers exclamation marks", "prefers answers without exclamation marks"),
        ("effect:confident", 0.5, "prefers a confident tone", "prefers a doubtful tone"),
        ("effect:flatters", 0.5, "prefers flattery", "prefers answers without flattery"),
        ("effect:refuses", 0.5, "prefers refusals", "prefers answers that do not decline"),
        ("effect:own", 0.5, "prefers its own model's answers", "prefers other models' answers to its own"),
        (
            "effect:word 'so'",
            0.5,
            "prefers answers with the word 'so'",
            "prefers answers without the word 'so'",
        ),
    ],
)
def test_a_fault_and_its_mirror_image_have_different_words(
    figure: str, value: float, says: str, mirrored: str
) -> None:
    other = 1 - value if figure == "first_slot" else -value
    for each, expected in ((value, says), (other, mirrored)):
        (found,) = find({figure: Estimate(each, each - 0.02, each + 0.02, 0.01, 400.0)})
        assert expected in found.says


def test_scores_that_say_nothing_are_not_called_inverted() -> None:
    coin, upside_down = (find({"looks_agree": share_of(hits, 100)})[0] for hits in (52, 5))
    assert "hardly agree" in coin.says
    assert "inverted" in upside_down.says
    coin, upside_down = (find({"looks_agree:greet": share_of(hits, 100)})[0] for hits in (52, 5))
    assert "hardly applied" in coin.says
    assert "in reverse" in upside_down.says


def test_what_follows_from_a_greater_fault_is_not_said_again() -> None:
    upside_down = {"looks_agree": share_of(5, 100), "looks_agree:greet": share_of(5, 100)}
    assert [each.fault for each in find(upside_down)] == ["inverted-scores"]


def test_every_fault_has_a_sentence_and_a_remedy_that_can_be_filled() -> None:
    for each in FAULTS:
        for value in (-0.5, 0.1, 0.9):
            assert all(each.sentences("it", value))
    assert len(BY_NAME) == len(FAULTS)


def test_a_figure_beyond_its_limit_that_chance_may_explain_is_a_doubt_of_any_number_of_prompts() -> None:
    few = {"first_slot": Estimate(0.75, 0.556, 0.88, 0.08, 16.0), "order_disagreement": share_of(10, 16)}
    assert find(few) == []
    doubts = suspects(few)
    assert [each.fault for each in doubts] == ["inconsistent", "position"]
    assert all(each.remedy for each in doubts)
    within = {"first_slot": Estimate(0.51, 0.4, 0.6, 0.08, 16.0), "order_disagreement": share_of(1, 16)}
    assert suspects(within) == []


def test_a_doubt_is_no_figure_whose_interval_holds_its_limit_where_nothing_bounds_it() -> None:
    fault = next(
        each for each in FAULTS if not each.share and each.side == "above" and ":" not in each.figure
    )
    wide = Estimate(fault.limit + 0.5, fault.limit - 1.0, fault.limit + 2.0, 0.4, 12.0)
    sure = Estimate(fault.limit + 0.5, fault.limit + 0.2, fault.limit + 0.8, 0.15, 12.0)
    assert suspects({fault.figure: wide}) == []
    assert [each.fault for each in suspects({fault.figure: sure})] == [fault.name]
