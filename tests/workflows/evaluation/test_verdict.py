"""An evaluation answers in a sentence whether the policy is better, and says when it cannot."""

from __future__ import annotations

import pytest

from rlaif.workflows.evaluation.run import Evaluation
from rlaif.workflows.evaluation.verdict import verdicts
from rlaif.workflows.evaluation.win_rate import WinRate


def evaluation(low: float | None, high: float | None, rate: float | None = 0.62) -> Evaluation:
    against = WinRate(
        against="base", win_rate=rate, low=low, high=high, wins=50, losses=30, even=20, failed=4
    )
    return Evaluation(
        policy="mine",
        judge="micro",
        constitution="house 1.0.0 (b2:abc)",
        prompts=104,
        win_rates=(against,),
        gold=(),
        calls={},
    )


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
    [said] = verdicts(evaluation(low, high))
    interval = f"[{low:.2f}, {high:.2f}]"
    assert (
        said == f"{word}: mine wins 0.62 {interval} of 100 prompts against base, by micro under house 1.0.0"
    )


def test_what_nobody_could_read_is_no_verdict() -> None:
    assert verdicts(evaluation(None, None, None)) == [
        "mine against base: unknown, since no comparison could be read (by micro under house 1.0.0)"
    ]
    assert verdicts(evaluation(None, None))[0].startswith(
        "unknown whether it is better: mine wins 0.62 of 100"
    )
