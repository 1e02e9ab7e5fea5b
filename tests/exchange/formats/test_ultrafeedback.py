"""UltraFeedback: ratings are text that may say N/A; best against worst by their mean; no overall_score."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.formats.ultrafeedback import TIE, TOO_FEW, UNCLEAR, pair_of, pair_rows
from rlaif.exchange.rows import Row
from rlaif.records import Pair
from tests.exchange.preferences.builders import pair, turn


def completion(text: str, *ratings: Any, **more: Any) -> dict[str, Any]:
    aspects = {name: {"Rating": each, "Rationale": ""} for name, each in zip("abc", ratings, strict=False)}
    return {"model": f"m-{text}", "response": text, "annotations": aspects, "critique": f"c-{text}", **more}


def read(*completions: Any, **more: Any) -> Pair | str:
    return pair_of(Row("uf.jsonl:1", {"instruction": "How?", "completions": list(completions), **more}))


def test_best_against_worst_by_the_mean_of_what_was_rated() -> None:
    # means: (5 + 2) / 2 = 3.5, (1 + 5) / 2 = 3; y is 1 above the mean of both in the aspect that it was rated in
    found = read(completion("x", "5", "2"), completion("y", "4", "N/A"), completion("z", "1", "5"))
    assert isinstance(found, Pair)
    assert (found.chosen[0].content, found.rejected[0].content) == ("y", "z")
    assert (found.chosen_score, found.rejected_score, found.score_gap) == (4.25, 3.0, 1.25)
    assert found.principles == ({"id": "a", "p": 1.0},)
    assert found.critique == "c-z"
    assert found.provenance["policy"] == ["m-y", "m-z"]


def test_an_overall_score_of_ten_for_the_worst_is_not_believed() -> None:
    found = read(completion("bad", "1", overall_score=10), completion("good", "4", overall_score=7))
    assert isinstance(found, Pair)
    assert found.chosen[0].content == "good"


@pytest.mark.parametrize(
    ("completions", "why"),
    [
        ([completion("x", "5")], TOO_FEW),
        ([completion("x", "5"), completion("y", "N/A")], TOO_FEW),
        ([completion("x", "5", "1"), completion("y", "1", "5")], TIE),
    ],
)
def test_what_makes_no_pair_says_why(completions: Any, why: str) -> None:
    assert read(*completions) == why


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"instruction": "q", "completions": "x"}, "must be a list"),
        ({"instruction": "q", "completions": [{}]}, r"completions\[0\] must be an object with the text"),
        ({"instruction": " ", "completions": []}, "is blank"),
        ({"instruction": 3, "completions": []}, "must be text, not int"),
        (
            {"instruction": "q", "completions": [completion("x", "good")]},
            r"annotations\.a: the rating is 'good'",
        ),
        ({"instruction": "q", "completions": [completion("x", float("nan"))]}, "must be a number or N/A"),
        ({"instruction": "q", "completions": [{"response": "x"}]}, "has no `annotations`"),
    ],
)
def test_a_broken_row_is_one_message_with_its_place(row: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=rf"uf\.jsonl:1: .*{said}"):
        pair_of(Row("uf.jsonl:1", row))


def test_principles_are_aspects_unless_their_mean_contradicts_the_label() -> None:
    [row] = pair_rows(pair(principles=({"id": "kind", "p": 0.75}, {"id": "brief", "p": None})))
    first, second = row["completions"]
    assert {name: each["Rating"] for name, each in first["annotations"].items()} == {
        "kind": "4",
        "brief": "N/A",
    }
    assert second["annotations"]["kind"]["Rating"] == "2"
    [row] = pair_rows(pair(principles=({"id": "kind", "p": 0.25},)))
    assert row["completions"][0]["annotations"] == {"overall": {"Rating": "4.6", "Rationale": ""}}


def test_a_conversation_or_a_tie_is_not_held() -> None:
    turns = (turn("user", "a"), turn("assistant", "b"), turn("user", "c"))
    assert pair_rows(pair(prompt=turns)) == []
    assert pair_rows(pair(label_prob=0.5)) == []
    [row] = pair_rows(pair(prompt=(turn("system", "s"), turn("user", "q"))))
    assert row["system_prompt"] == "s"


def test_a_mean_over_other_aspects_is_no_better_mean() -> None:
    # y has the higher mean, of the aspect alone that everybody does well in; x is better in it
    found = read(completion("x", "5", "1"), completion("y", "4", "N/A"))
    assert isinstance(found, Pair)
    assert (found.chosen[0].content, found.score_gap) == ("x", 1.0)


def test_answers_that_were_rated_in_nothing_together_make_no_pair() -> None:
    assert read(completion("x", "5", "N/A"), completion("y", "N/A", "1")) == TOO_FEW


def test_what_was_rated_of_both_must_say_which_is_better() -> None:
    # w is far above z through x alone: of what was rated of w and of z both, z has more
    rows = [completion("x", "1", "4", "4"), completion("w", "2.9", "N/A", "N/A")]
    rows.append(completion("z", "3", "1", "1"))
    assert read(*rows) == UNCLEAR
