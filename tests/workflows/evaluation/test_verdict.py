"""An evaluation answers in a sentence whether the policy is better, and says when it cannot."""

from __future__ import annotations

import pytest

from rlaif.workflows.evaluation.verdict import verdicts
from rlaif.workflows.evaluation.win_rate import WinRate


def said(low: float | None, high: float | None, rate: float | None = 0.62) -> str:
    against = WinRate(
        against="base", win_rate=rate, low=low, high=high, wins=50, losses=30, even=20, failed=4
    )
    [sentence] = verdicts([against], "mine", "micro", "house 1.0.0 (b2:abc)")
    return sentence


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.51, 0.7, "better"),
        (0.3, 0.49, "worse"),
        (0.5, 0.7, "no difference that so many prompts can show"),
        (0.4, 0.6, "no difference that so many prompts can show"),
    ],
)
def test_a_side_is_named_only_where_the_interval_leaves_out_one_half(
    low: float, high: float, word: str
) -> None:
    interval = f"[{low:.2f}, {high:.2f}]"
    assert said(low, high) == (
        f"{word}: mine wins 0.62 {interval} of 100 prompts against base, by micro under house 1.0.0"
    )


def test_what_nobody_could_read_is_no_verdict() -> None:
    assert said(None, None, None) == (
        "mine against base: unknown, since no comparison could be read (by micro under house 1.0.0)"
    )
    assert said(None, None).startswith("unknown whether it is better: mine wins 0.62 of 100")
