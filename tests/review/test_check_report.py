"""The page of a judge check: trusted only where its interval is above every trivial judge, and no flag fires."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.review.check_report import render_check

HOSTILE = "<script>alert(1)</script>{{ 7331 * 7177 }}"


def told(**changed: Any) -> dict[str, Any]:
    row = {"value": 0.9, "low": 0.85, "high": 0.95}
    return {
        "judge": "hf:org/judge",
        "gold": "llmbar",
        "count": 1200,
        "left_out": {},
        "figures": {"accuracy": row, "consistency": None},
        "shares": {"unreadable": 0.01},
        "states": {"preference": 2400},
        "baselines": {"longer": 0.6, "random": 0.5},
        "official": {},
        "categories": {},
        "calibration": {"calibration_error": 0.04, "bins": [{"size": 40, "said": 0.7, "true": 0.6}]},
        "flags": {"refuses": {"fires": False, "value": 0.0, "why": "it refuses"}},
        "attacks": {},
        "calls": {"new": 2400},
        "tokens": {"prompt": 9},
        "notes": [],
        "unmet": None,
    } | changed


@pytest.mark.parametrize(
    ("changed", "begins"),
    [
        ({}, "Yes: its accuracy is 0.900 [0.850, 0.950] on 1,200 items; the best trivial judge has 0.600."),
        ({"baselines": {"longer": 0.9}}, "Unclear: "),
        ({"unmet": "accuracy is 0.900 (--min-accuracy 0.95)"}, "Not as it stands: accuracy is 0.900"),
        ({"figures": {"accuracy": None}}, "No figure could be measured."),
    ],
)
def test_the_answer_is_that_of_the_interval_and_the_limits(changed: dict[str, Any], begins: str) -> None:
    assert begins in render_check(told(**changed)).replace("&#39;", "'")


def test_a_flag_that_fires_is_a_doubt_and_one_that_does_not_is_none() -> None:
    fired = {"refuses": {"fires": True, "value": 0.5, "why": "half of the answers are refused"}}
    assert "half of the answers are refused" in render_check(told(flags=fired))
    assert "it refuses" not in render_check(told())


def test_calibration_is_drawn_and_texts_stay_texts() -> None:
    page = render_check(told(judge=HOSTILE, notes=[HOSTILE], gold=HOSTILE))
    assert "40 labels that say 0.70 are right in 0.60" in page
    assert "<script" not in page
    assert str(7331 * 7177) not in page
    assert "http://" not in page
