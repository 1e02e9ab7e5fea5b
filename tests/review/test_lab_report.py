"""The page of a lab: whether gold fell while the proxy was climbed, its curves, and texts that stay texts."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.review.lab_report import lab_verdict, render_lab

HOSTILE = "<script>alert(1)</script>{{ 7331 * 7177 }}"


def group(name: str = "grpo, size 1", last: float = 0.5, seeds: int = 1) -> dict[str, Any]:
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
    }


@pytest.mark.parametrize(
    ("groups", "kind", "begins"),
    [
        ([group(last=0.4), group("dpo, size 1", last=0.6)], "worse", "Yes: in 1 of 2 settings"),
        ([group(last=0.59)], "unclear", "Not seen: in none of 1 settings"),
    ],
)
def test_the_answer_is_in_how_many_settings_gold_fell_below_its_best(
    groups: list[dict[str, Any]], kind: str, begins: str
) -> None:
    found = lab_verdict({"groups": groups})
    assert found[0] == kind
    assert found[1].startswith(begins)


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
