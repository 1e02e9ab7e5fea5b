"""Whether a run is trustworthy is said in a sentence, by its audit, its doubts and how much was measured."""

from __future__ import annotations

import pytest

from rlaif.review.trust import measured_prompts, trust


@pytest.mark.parametrize(
    ("doubts", "faults", "verdict", "begins"),
    [
        ([], [], "better", "Yes, as far as was looked"),
        ([], None, "unclear", "Nothing that it noted"),
        (
            ["the judge cannot apply it.", "more"],
            None,
            "unclear",
            "With doubt: the judge cannot apply it (and 1 ",
        ),
        ([], ["position_bias"], "worse", "Not as it stands: the audit of its labels found position bias."),
        (
            ["x"],
            ["a", "b", "c"],
            "worse",
            "Not as it stands: the audit of its labels found a, b and c; 1 ",
        ),
    ],
)
def test_faults_weigh_more_than_doubts_and_no_audit_is_no_yes(
    doubts: list[str], faults: list[str] | None, verdict: str, begins: str
) -> None:
    found = trust(doubts, faults)
    assert found.verdict == verdict
    assert found.says.startswith(begins)


def test_a_long_doubt_is_cut_behind_a_whole_word() -> None:
    assert trust(["word " * 80], None).says.endswith("word ....")


def test_the_fewest_prompts_of_several_comparisons_count() -> None:
    helped = {"a": {"by": {"gold": {"prompts": 40}}}, "b": {"by": {"gold": {"prompts": 8}}}}
    assert measured_prompts({"helped": helped}) == 8
    assert measured_prompts({"win_rates": [{}], "prompts": 12}) == 12
    assert measured_prompts({"pairs": 3, "prompts": 12}) is None
