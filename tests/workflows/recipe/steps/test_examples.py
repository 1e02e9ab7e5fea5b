"""Completions and pairs become examples: which are learned, under what, and what is none of them and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.examples import read_examples
from rlaif.records import Completion, Example, Origin
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.steps.examples import _stage, _whole
from tests.workflows.conftest import GREETS, SILENT

from .conftest import Prepare

DRAWN = ("step: sample, n: 4, prompts: 4", "step: judge")


def learned(run: Path, name: str = "examples") -> list[Example]:
    return read_examples(run / f"round-1/{name}.jsonl")


def test_the_best_by_judgments_is_learned_one_a_prompt(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: examples, learn: best, kind: best"))
    found = learned(done.run)
    assert [each.messages[-1].content for each in found] == [GREETS] * 4
    assert {each.kind for each in found} == {"best"}
    assert done.rounds[1]["left_out"] == {"not among the best": 4, "the same text twice": 8}


def test_thresholds_put_tags_before_good_and_bad_answers(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: examples, condition: tag, good: 0.5"))
    found = {each.messages[-1].content: each for each in learned(done.run)}
    assert found[GREETS].kind == "good"
    assert found[GREETS].messages[0].content.startswith("<|good|>\nI am Ben.")
    assert found[SILENT].messages[0].content.startswith("<|bad|>\nI am Ben.")
    assert done.rounds[1]["kinds"] == {"good": 4, "bad": 4}


def test_a_system_turn_can_tell_them_apart_and_what_is_between_is_left_out(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: examples, condition: system, good: 0.8, bad: 0.1"))
    found = learned(done.run)
    assert {each.messages[0].content for each in found} == {"Give a good response."}
    assert done.rounds[1]["left_out"]["neither good nor bad"] == 4


def test_a_thumb_leaves_the_prompt_as_it_was(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: examples, condition: thumb, good: 0.5"))
    found = learned(done.run)
    assert {each.kind for each in found} == {"thumb-up", "thumb-down"}
    assert all(each.messages[0].content.startswith("I am Ben.") for each in found)


def test_what_an_answer_was_made_to_be_counts_where_no_score_does(prepare: Prepare) -> None:
    done = run(
        prepare(
            "step: sample, n: 2, prompts: 4, system: good, as: nice",
            "step: sample, n: 2, prompts: 4, tag: bad, temperature: 0.9, as: nasty",
            "step: mix, of: [nice, nasty]",
            "step: examples, condition: tag",
        )
    )
    sides = {said.origin.side for _, said in read_completions(done.run / "round-1/mix.jsonl") if said.origin}
    assert sides <= {"good", "bad"}
    assert set(done.rounds[1]["kinds"]) <= {"good", "bad"}
    assert done.rounds[1]["examples"] > 0


@pytest.mark.parametrize(("under", "first"), [("drop", "I am Ben."), ("keep", "Answer in rhymes.")])
def test_the_system_turn_of_a_draw_is_dropped_or_kept(prepare: Prepare, under: str, first: str) -> None:
    done = run(
        prepare(
            'step: sample, n: 1, prompts: 4, system: "Answer in rhymes."', f"step: examples, under: {under}"
        )
    )
    assert all(each.messages[0].content.startswith(first) for each in learned(done.run))


def test_pairs_give_their_chosen_sides_and_under_a_condition_both(prepare: Prepare) -> None:
    steps = (*DRAWN, "step: pairs, critique: false")
    plain = run(prepare(*steps, "step: examples", out="plain"))
    assert {each.messages[-1].content for each in learned(plain.run)} == {GREETS}
    both = run(prepare(*steps, "step: examples, condition: thumb", out="both"))
    assert both.rounds[1]["kinds"] == {"thumb-up": 4, "thumb-down": 4}


def answer(text: str, **more: object) -> Completion:
    return Completion(prompt_id="p", text=text, policy="x", **more)  # type: ignore[arg-type]


def test_the_last_stage_is_what_nothing_else_was_made_of() -> None:
    first = answer("a")
    second = answer("b", origin=Origin(kind="revision", parent=first.id, stage=1))
    third = answer("b", origin=Origin(kind="revision", parent=second.id, stage=2))
    left: dict[str, int] = {}
    assert _stage([first, second], "last", left) == [second]
    # a revision that changed nothing is its own parent by id, and does not take itself away
    assert _stage([first, second, third], "last", left) == [second, third]
    assert _stage([first, second], "all", {}) == [first, second]


def test_what_broke_off_is_learned_by_nobody() -> None:
    left: dict[str, int] = {}
    kept = _whole([answer("a"), answer("b", finish="length"), answer(" "), answer("a", draw=1)], left)
    assert [each.text for each in kept] == ["a"]
    assert left == {"cut off or empty": 2, "the same text twice": 1}


WRONG = [
    ("condition: tag, bad: 0.1", "`bad` goes with `good`"),
    ("condition: tag, good: 0.2, bad: 0.4", "bad must be the lower one"),
    ("good: 0.2", "without `condition` all are learned alike"),
    ("condition: tag, good: 0.5, under: keep", "remove `under`"),
    ("learn: worst", "must be one of all, last, best"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_settings_that_say_nothing_are_refused_where_they_stand(
    prepare: Prepare, settings: str, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare(*DRAWN, f"step: examples, {settings}")
    assert said in str(caught.value)
    assert "steps.yaml:9: " in str(caught.value)


def test_scores_need_a_step_that_judges(prepare: Prepare) -> None:
    with pytest.raises(RecipeError, match="needs a step 'judge' before it"):
        prepare(DRAWN[0], "step: examples, learn: best")
    with pytest.raises(RecipeError, match="name what belongs together"):
        prepare(*DRAWN, "step: sample, n: 2, as: other", "step: examples, learn: best")


def test_a_step_that_leaves_nothing_to_learn_stops(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: examples, condition: tag, good: 0.99, bad: 0.01"))
    assert done.unmet is not None
    assert "no completion became an example (neither good nor bad 8, the same text twice 8)" in done.unmet
