"""The page of a lab: whether gold fell while the proxy was climbed, its curves, and texts that stay texts."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.review.lab_report import falls, lab_doubts, lab_verdict, render_lab

HOSTILE = "<script>alert(1)</script>{{ 7331 * 7177 }}"


def group(
    name: str = "grpo, size 1", last: float = 0.5, seeds: int = 1, peak: float | None = None
) -> dict[str, Any]:
    curve = {"distance": [0.0, 1.2345, 2.5], "gold": [0.5, 0.6, last], "proxy": [0.0, 1.0, 2.0]}
    return {
        "group": name,
        "method": name.partition(",")[0],
        "seeds": list(range(seeds)),
        "gold_first": 0.5,
        "gold_best": 0.6,
        "gold_last": last,
        "distance_last": 2.5,
        "curves": [curve] * seeds,
        "fit": {"peak_distance": None if peak is None else [peak, peak - 1, peak + 1]},
    }


@pytest.mark.parametrize(
    ("peaks", "kind", "begins"),
    [
        ([1.0, None, 9.0], "worse", "Yes, in 1 of 3 cells"),
        ([None, 9.0, 2.0], "unclear", "Not for sure: in none of 3 cells"),
    ],
)
def test_gold_falls_where_the_fitted_peak_lies_within_what_was_measured(
    peaks: list[float | None], kind: str, begins: str
) -> None:
    groups = [group(peak=each) for each in peaks]
    assert [falls(each) for each in groups] == [each == 1.0 for each in peaks]
    found = lab_verdict({"groups": groups})
    assert found[0] == kind
    assert found[1].startswith(begins)


def test_a_cell_without_a_curve_a_single_seed_and_the_quick_form_are_doubts() -> None:
    bare = group() | {"fit": None}
    assert lab_verdict({"groups": [bare]}) == ("unclear", "No cell has points enough for a curve.")
    said = " ".join(each.says for each in lab_doubts({"groups": [bare], "quick": True}))
    assert "Too few points for a curve in 1 cells, the first of them grpo, size 1." in said
    assert "One seed: intervals are over prompts alone" in said
    assert "its figures say nothing" in said
    assert lab_doubts({"groups": [group(seeds=2)]}) == []


def test_gold_and_proxy_of_each_method_are_drawn_the_mean_over_seeds() -> None:
    page = render_lab({"gold_by": "gold", "groups": [group(seeds=2), group("dpo, size 1")]}, [])
    assert page.count("<figure>") == 4
    assert "sqrt(KL) to the first policy, nats" in page
    assert "2 seeds" in page


def test_what_a_file_says_stays_text() -> None:
    lab = {"gold_by": HOSTILE, "groups": [group(f"grpo, {HOSTILE}"), group("grpo, other")]}
    page = render_lab(lab, [(HOSTILE, [HOSTILE], [[HOSTILE]])])
    assert "<script" not in page
    assert str(7331 * 7177) not in page
    assert "http://" not in page
