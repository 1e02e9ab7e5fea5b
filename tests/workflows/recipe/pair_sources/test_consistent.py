"""The source `consistent` (CREAM): tau and C by hand, the loss of a smoothed label, rankings by judges and models."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import RecipeError
from rlaif.workflows.recipe.pair_sources.consistent import (
    consistency,
    kendall_tau,
    ranked_alike,
    smoothed,
)
from rlaif.workflows.recipe.prepare import prepare_recipe
from tests.workflows.conftest import GREETS, SILENT, Write, judge_rows
from tests.workflows.recipe.playing import config, made, prompt, said
from tests.workflows.tiny import THINKING, make_tiny


@pytest.mark.parametrize(
    ("one", "other", "tau"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 2, 3], [2, 1, 3], 1 / 3),  # one of three twos is the other way round
        ([1, 2, 3, 4], [1, 3, 2, 4], 2 / 3),
        ([1, 1], [1, 2], 0.0),
        ([1], [5], 1.0),
    ],
)
def test_tau_counts_the_comparisons_that_two_rankings_order_alike(
    one: list[float], other: list[float], tau: float
) -> None:
    assert kendall_tau(one, other) == pytest.approx(tau)


def test_consistency_is_the_mean_of_half_of_tau_and_one() -> None:
    assert consistency([1.0, 0.0, -0.5]) == pytest.approx((1 + 0.5 + 0.25) / 3)


@given(h=st.floats(-9, 9), agreed=st.floats(0, 1), label=st.floats(0, 1))
def test_a_smoothed_label_has_the_loss_of_both_ways_round(h: float, agreed: float, label: float) -> None:
    def loss(p: float) -> float:
        return p * math.log1p(math.exp(-h)) + (1 - p) * math.log1p(math.exp(h))

    both = agreed * loss(label) + (1 - agreed) * loss(1 - label)
    assert loss(smoothed(label, agreed)) == pytest.approx(both)


def test_the_best_and_the_worst_by_the_newest_rewards_are_paired() -> None:
    how, why = prompt(), prompt("Why?")
    texts = {text: said(how, text) for text in "abc"}
    drawn = [(how, each) for each in texts.values()] + [(why, said(why, "alone"))]
    now = {texts[text].id: value for text, value in zip("abc", (0.1, 2.0, -1.0), strict=True)}
    before = {texts[text].id: value for text, value in zip("abc", (3.0, 1.0, 0.0), strict=True)}
    found, taus, reasons = ranked_alike(drawn, now, before)
    assert [(each.better.text, each.worse.text) for each in found] == [("b", "c")]
    assert taus == [pytest.approx(1 / 3)]
    assert reasons == {"fewer than two": 1}
    same, _, reasons = ranked_alike(drawn[:3], dict.fromkeys(now, 1.0), before)
    assert (same, reasons) == ([], {"tie": 1})


JUDGED = """
step: sample, n: 2, prompts: 3, as: drawn
step: judge, as: rated
step: judge, of: drawn, judge: old, as: before
step: pairs, source: consistent, by: judge, of: [rated, before], then: none
"""


def judges(folder: Path, world: dict[str, object], likes: str, script: Write) -> tuple[float, str]:
    """The label and the chosen side where the older judge likes what it likes."""
    old = script(f"old-{len(likes)}", judge_rows(likes))
    made_of = config(folder, JUDGED, **world)  # type: ignore[arg-type]
    path = Path(str(made_of.recipe))
    path.write_text(path.read_text().replace("models: {", f'models: {{old: "{old}", '))
    from rlaif.workflows.recipe.run import run

    done = run(prepare_recipe(made_of))
    [pair, *_] = made(done)
    return pair.label_prob, pair.chosen[0].content


def test_judges_that_rank_alike_are_believed_and_others_are_turned(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path, script: Write
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    label, chosen = judges(tmp_path / "a", dict(world), "Hello", script)
    assert chosen == GREETS
    # tau is 1, so that the label is the judge's own: .9 against .2 of both principles
    assert label > 0.9
    turned, chosen = judges(tmp_path / "b", dict(world), "It is", script)
    assert (turned, chosen) == (pytest.approx(label), SILENT)


LIKELY = """
step: sample, n: 6, prompts: 3, max_tokens: 40
step: pairs, source: consistent, base: base
"""


def test_rewards_are_differences_of_log_probabilities_of_local_models(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    policy, base = str(mini), str(make_tiny(tmp_path / "base", kind="qwen3", template=THINKING))
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    with pytest.raises(RecipeError, match="is its own base"):
        prepare_recipe(config(tmp_path / "b", LIKELY.replace(", base: base", ""), **world))  # type: ignore[arg-type]
    made_of = config(tmp_path / "a", LIKELY, **world)  # type: ignore[arg-type]
    path = Path(str(made_of.recipe))
    path.write_text(path.read_text().replace("models: {", f'models: {{base: "{base}", '))
    from rlaif.workflows.recipe.run import run

    done = run(prepare_recipe(made_of))
    found = made(done)
    # the policy and the one before it are one in round 1, so that their rankings agree
    assert all(each.label_prob == 1.0 and (each.score_gap or 0) > 0 for each in found)
    assert done.rounds[-1]["consistency"] == 1.0
    assert found
