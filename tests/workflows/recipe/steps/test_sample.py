"""Draws of several policies by shares, under a tag, and from a turn on: who drew what stays known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.errors import RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.steps.sample import SampleSettings, shares
from tests.workflows.conftest import Write

from .conftest import Prepare


@given(st.integers(1, 30), st.lists(st.floats(0.01, 10), min_size=1, max_size=5))
def test_shares_deal_out_all_draws_and_none_is_off_by_one(n: int, given_shares: list[float]) -> None:
    models = {f"m{place}": share for place, share in enumerate(given_shares)}
    found = shares(SampleSettings(n=n, models=models))
    assert sum(found.values()) == n
    for name, share in models.items():
        assert abs(found[name] - n * share / sum(given_shares)) < 1


def test_each_policy_draws_its_share_and_is_named_by_each_completion(prepare: Prepare, script: Write) -> None:
    other = script("other", [{"contains": [], "texts": ["Other 1.", "Other 2."]}])
    prepared = prepare(
        "step: sample, n: 4, prompts: 4, models: {initial: 1, other: 1}", roles=f'other: "{other}"'
    )
    assert {each.name: each.calls for each in plan(prepared).graph}["round-1/sample"] == 16
    done = run(prepared)
    drawn = read_completions(done.run / "round-1/completions.jsonl")
    by_policy: dict[str, set[str]] = {}
    for _, said in drawn:
        by_policy.setdefault(said.policy, set()).add(said.text)
    assert len(drawn) == 16
    assert {"Other 1.", "Other 2."} in by_policy.values()
    assert len(by_policy) == 2


def test_two_names_of_one_model_draw_no_completion_twice(prepare: Prepare) -> None:
    done = run(prepare("step: sample, n: 4, prompts: 4, models: {initial: 1, previous: 1}"))
    drawn = [said.draw for _, said in read_completions(done.run / "round-1/completions.jsonl")]
    assert sorted(drawn) == sorted([0, 1, 2, 3] * 4)


def test_a_tag_stands_before_the_question_and_is_kept_with_what_was_drawn(
    prepare: Prepare, script: Write
) -> None:
    tagged = script(
        "tagged",
        [
            {"contains": ["<|bad|>\nI am Ben."], "texts": ["Go away."]},
            {"contains": [], "texts": ["Hello."]},
        ],
    )
    done = run(
        prepare("step: sample, n: 1, prompts: 4, tag: bad, model: tagged", roles=f'tagged: "{tagged}"')
    )
    for prompt, said in read_completions(done.run / "round-1/completions.jsonl"):
        assert said.text == "Go away."
        assert prompt.text.startswith("I am Ben.")
        assert said.origin is not None
        assert (said.origin.kind, said.origin.side, said.origin.note) == ("tag", "bad", "<|bad|>")


def test_a_system_turn_says_which_side_was_wanted(prepare: Prepare) -> None:
    done = run(prepare("step: sample, n: 1, prompts: 4, system: good"))
    for _, said in read_completions(done.run / "round-1/completions.jsonl"):
        assert said.origin is not None
        assert (said.origin.kind, said.origin.side) == ("system", "good")
        assert said.origin.note == "Give a good response."


WRONG = [
    ("tag: good, system: bad", "`tag` and `system` both say"),
    ("models: {initial: 0, previous: 0}", "the shares of `models` sum to 0"),
    ("model: initial, models: {initial: 1}", "`model` and `models` both name who draws"),
    ("models: {initial: 9, judge: 1}, n: 1", "'judge' draws none; raise n or its share"),
    ("models: {initail: 1}", "names the model 'initail', which there is not (did you mean 'initial'?)"),
    ("tag: fine", "must be one of good, bad"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_draws_that_cannot_be_are_refused_where_they_stand(
    prepare: Prepare, settings: str, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare(f"step: sample, {settings}")
    assert said in str(caught.value)
    assert "steps.yaml:7: " in str(caught.value)
