"""Whether it helped: one sentence that says no more than its interval, and names judge and constitution."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.review.verdict import (
    answer,
    contradiction,
    first_verdict,
    principle_lines,
    principle_tables,
    size_line,
)


def helped(**own: Any) -> dict[str, Any]:
    return {"judge": "micro", "constitution": "house 1.0.0", "against": "base", "by": {}, "won": None, **own}


def won(low: float | None, high: float | None, rate: float | None = 0.62) -> dict[str, Any]:
    return {"win_rate": rate, "low": low, "high": high, "wins": 50, "losses": 30, "even": 20, "failed": 4}


def changed(change: float, low: float, high: float) -> dict[str, Any]:
    own = {"before": 0.5, "after": 0.5 + change, "change": change, "low": low, "high": high, "prompts": 1200}
    return own | {"by_principle": {"greet": own, "brief": {**own, "change": -change, "after": 0.5 - change}}}


@pytest.mark.parametrize(
    ("low", "high", "verdict", "word"),
    [
        (0.51, 0.7, "better", "better"),
        (0.3, 0.49, "worse", "worse"),
        (0.5, 0.7, "unclear", "no difference that so many prompts can show"),
        (0.4, 0.6, "unclear", "no difference that so many prompts can show"),
    ],
)
def test_a_side_is_named_only_where_the_interval_leaves_out_one_half(
    low: float, high: float, verdict: str, word: str
) -> None:
    assert answer(helped(won=won(low, high)), "mine") == (
        verdict,
        f"{word}: mine wins 0.62 [{low:.2f}, {high:.2f}] of 100 prompts against base, by micro under house 1.0.0",
    )


def test_what_nobody_could_read_is_no_verdict() -> None:
    assert answer(helped(won=won(None, None, None)), "mine") == (
        "none",
        "unknown: mine against base: no comparison could be read (by micro under house 1.0.0)",
    )
    assert answer(helped(), "mine") == ("none", "")


def test_gold_decides_where_it_was_measured_and_the_judge_is_named_behind_it() -> None:
    by = {"gold": changed(0.1, 0.02, 0.18), "judge": changed(-0.1, -0.2, 0.01)}
    verdict, said = answer(helped(by=by, won=won(0.3, 0.4), against="initial"), "the policy")
    assert verdict == "better"
    assert said == (
        "better: answers meet 0.60 of house 1.0.0 by gold, 0.50 before: +0.10 [+0.02, +0.18] on 1,200 prompts; "
        "by judge micro 0.50 -> 0.40, -0.10 [-0.20, +0.01]; it wins 0.62 [0.30, 0.40] against the first policy"
    )


def test_of_rules_the_sentence_says_that_they_are_rules() -> None:
    _, said = answer(helped(judge="rules:house.yaml", by={"judge": changed(0.1, 0.02, 0.18)}), "mine")
    assert "by judge rules:house.yaml, 0.50 those of base" in said


def test_a_judge_that_is_pleased_while_gold_falls_is_a_doubt() -> None:
    fell, rose = changed(-0.1, -0.2, -0.01), changed(0.1, 0.01, 0.2)
    assert "the judge says better and gold says worse" in contradiction(
        helped(by={"gold": fell, "judge": rose})
    )
    assert contradiction(helped(by={"gold": rose, "judge": rose})) == ""


def test_principles_that_rose_and_fell_are_named_with_both_ends() -> None:
    by = {"gold": changed(0.25, 0.1, 0.4)}
    assert principle_lines(helped(by=by)) == ["by gold: up greet 0.50 -> 0.75; down brief 0.50 -> 0.25"]
    [(title, head, rows)] = principle_tables(helped(by=by))
    assert title == "principles by gold: the share of answers that meet each"
    assert (head[:3], rows[0][:3]) == (["principle", "before", "after"], ["greet", 0.5, 0.75])


def test_where_a_judge_only_compared_principles_have_their_share_of_comparisons() -> None:
    preferred = {
        name: {"value": value, "low": 0.1, "high": 0.9, "prompts": 9}
        for name, value in (("a", 0.75), ("b", 0.25))
    }
    assert principle_lines(helped(preferred=preferred)) == [
        "by judge micro, share of comparisons: better at a 0.75; worse at b 0.25"
    ]
    [(_, head, rows)] = principle_tables(helped(preferred=preferred))
    assert (head[1], rows[1][:2]) == ("better", ["b", 0.25])


def test_length_and_kl_share_a_line_of_what_is_known() -> None:
    words = {"before": 36.0, "after": 40.0, "change": 4.0, "low": -1.0, "high": 9.0}
    assert size_line(helped(words=words, kl=0.5)) == (
        "words of an answer 36 -> 40 [-1.0, +9.0], KL from it 0.50 nats per completion"
    )
    assert size_line(helped()) == ""


def test_of_several_comparisons_the_first_gives_the_verdict_and_each_has_a_sentence() -> None:
    several = {"a": helped(won=won(0.6, 0.7)), "b": helped(won=won(0.1, 0.2), against="other")}
    verdict, said = first_verdict(several, "mine")
    assert (verdict, len(said)) == ("better", 2)
    assert first_verdict({}, "mine") == ("none", [])


def test_where_gold_cannot_tell_and_the_judge_can_both_are_said_at_once() -> None:
    by = {"gold": changed(0.3, -0.01, 0.57), "judge": changed(0.2, 0.05, 0.39)}
    verdict, said = answer(helped(by=by, won=won(0.54, 0.95), against="initial"), "the policy")
    assert verdict == "unclear"
    assert said.startswith("no difference that so many prompts can show by gold, better by the judge: ")
    apart = {"gold": changed(0.3, -0.01, 0.57), "judge": changed(0.2, -0.05, 0.39)}
    assert answer(helped(by=apart, won=won(0.4, 0.6)), "x")[1].startswith(
        "no difference that so many prompts can show: "
    )


def test_a_tie_is_no_fall_few_prompts_are_told_and_a_kl_below_zero_is_none() -> None:
    own = {"before": 0.37, "after": 0.369, "change": -0.001, "low": -0.1, "high": 0.1, "prompts": 1200}
    rare = {"before": 1.0, "after": 0.5, "change": -0.5, "low": -1.0, "high": 0.0, "prompts": 2}
    by = {"gold": {**changed(0.1, 0.0, 0.2), "by_principle": {"brief": own, "right-sum": rare}}}
    assert principle_lines(helped(by=by)) == ["by gold: down right-sum 1.00 -> 0.50 (2 prompts)"]
    assert size_line({"kl": -0.05}) == "KL from it -0.05 nats per completion, none within its error"
