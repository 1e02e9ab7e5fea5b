"""A filter in a recipe: what stays flows on, what does not is kept with why, and what cannot work is refused first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import GREETS, SILENT, Write, judge_rows

from .conftest import Prepare

DRAWN = ("step: sample, n: 4, prompts: 4", "step: judge")


def rows(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_stays_is_paired_and_what_does_not_is_kept_with_why(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: filter, score: 0.5", "step: pairs, critique: false", out="whole"))
    # one text is left of each prompt, so that no two can be paired: the pairs are of what stayed
    assert done.unmet is not None
    assert {each.text for _, each in read_completions(done.run / "round-1/filter.jsonl")} == {GREETS}
    left = rows(done.run / "round-1/dropped.jsonl")
    assert len(left) == 8
    assert {each["completion"] for each in left} == {SILENT}
    assert left[0]["dropped"] == {"rule": "score", "why": "scored 0.2"}
    assert done.rounds[1]["kept"] == 8
    assert done.rounds[1]["dropped"] == {"score": 8}
    assert "dropped" in (done.run / "report.html").read_text()
    # what is left out can be read as what it is
    assert len(read_completions(done.run / "round-1/dropped.jsonl")) == 8


def test_a_filter_that_keeps_nothing_stops_with_a_message(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: filter, score: 0.95", "step: examples"))
    assert done.unmet is not None
    assert "of 16 rows the filter keeps none (score 16)" in done.unmet
    assert not (done.run / "round-1/examples.jsonl").exists()


def test_length_control_keeps_two_of_a_prompt_which_become_its_pair(prepare: Prepare) -> None:
    done = run(prepare(*DRAWN, "step: filter, length: 0.3", "step: pairs, critique: false"))
    assert done.rounds[1]["kept"] == 8
    assert done.rounds[1]["pairs"] == 4


def test_two_filters_count_apart_and_a_run_that_is_done_asks_nothing(prepare: Prepare) -> None:
    steps = (
        *DRAWN,
        "step: pairs, critique: false",
        "step: filter, label: 0.6",
        "step: filter, per_prompt: 1",
    )
    done = run(prepare(*steps))
    assert done.rounds[1]["kept"] == {"filter": 4, "filter-2": 4}
    assert run(prepare(*steps)).calls["new"] == 0


def test_judges_must_agree_by_judgments_of_another_one(prepare: Prepare, script: Write) -> None:
    other = script("other", judge_rows(likes="It is"))
    steps = (
        "step: sample, n: 4, prompts: 4, as: drawn",
        "step: judge, of: drawn, judge: other, as: second",
        "step: judge, of: drawn, as: first",
        "step: pairs, of: first, critique: false, as: made",
        "step: filter, of: [made, second], agreement: drop",
    )
    done = run(prepare(*steps, roles=f'other: "{other}"'))
    assert done.unmet is not None
    assert "the filter keeps none (agreement 4)" in done.unmet


def test_likelihood_is_asked_for_in_the_dry_run_too(prepare: Prepare, script: Write) -> None:
    judge = script("scorer", judge_rows())
    steps = (
        *DRAWN,
        "step: pairs, critique: false",
        "step: filter, self_preference: drop, judge: scorer",
    )
    nodes = {each.name: each for each in plan(prepare(*steps, roles=f'scorer: "{judge}"')).graph}
    assert nodes["round-1/filter"].calls == 16
    assert nodes["round-1/filter"].models == {"judge": judge}
    plain = {each.name: each for each in plan(prepare(*DRAWN, "step: filter, per_prompt: 1")).graph}
    assert plain["round-1/filter"].models == {}


def test_a_model_that_gives_no_log_probabilities_leaves_all_pairs_and_says_so(
    prepare: Prepare, script: Write
) -> None:
    mute = script("mute", [{"contains": [], "texts": ["x"]}])
    steps = (*DRAWN, "step: pairs, critique: false", "step: filter, self_preference: drop, judge: mute")
    done = run(prepare(*steps, roles=f'mute: "{mute}"'))
    assert done.rounds[1]["kept"] == 4
    assert any("self_preference does not know 4 of 4 rows, which stay" in each for each in done.warnings)


WRONG = [
    (("step: filter",), 8, "a filter has no rule; give it one of: agreement, boilerplate"),
    (("step: filter, length: 0.3",), 8, "needs a step 'judge' before it; add one"),
    (("step: judge", "step: filter, gap: 0.1, score: 0.2"), 9, "is a rule of"),
    (
        ("step: judge", "step: pairs, critique: false", "step: filter, agreement: drop"),
        10,
        "agreement needs judgments of another judge",
    ),
    (("step: filter, per_prompt: 1, judge: judge",), 8, "no rule here asks a model; remove `judge`"),
    (("step: filter, length: 2",), 8, "it must be rho: a number from 0"),
    (("step: filter, gab: 1",), 8, "(did you mean 'gap'?)"),
    (
        ("step: judge", "step: sample, n: 2, as: other", "step: filter, score: 0.5"),
        10,
        "the judgments 'judge' are of 'sample', and taken is 'other'",
    ),
]


@pytest.mark.parametrize(("steps", "line", "said"), WRONG)
def test_what_cannot_work_is_refused_where_it_stands_before_anything_is_asked(
    prepare: Prepare, tmp_path: Path, steps: tuple[str, ...], line: int, said: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare("step: sample, n: 4, prompts: 4", *steps)
    assert said in str(caught.value)
    assert f"steps.yaml:{line}: " in str(caught.value)
    assert not (tmp_path / "run").exists()


MIXED = [
    ("step: mix, of: [a, b], shares: {a: 0, b: 0}", "the shares sum to 0"),
    ("step: mix, of: [a]", "mixes 'a' alone"),
    ("step: mix, of: [a, b], shares: {a: 1, c: 1}", "shares has 'c', which is not mixed; mixed are: a, b"),
    ("step: mix, of: [a, b], shares: {a: 1}", "shares says nothing of 'b'"),
    ("step: mix, of: [a, b], rows: 4", "`rows` is divided by `shares`"),
    ("step: mix, of: [a, train]", "'a' is of kind completions, and 'train' of kind prompts"),
]


@pytest.mark.parametrize(("step", "said"), MIXED)
def test_a_mixture_that_is_none_is_refused(prepare: Prepare, step: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare("step: sample, n: 2, as: a", "step: sample, n: 3, as: b", step)
    assert said in str(caught.value)
    assert "steps.yaml:9: " in str(caught.value)


def test_a_mixture_flows_on_and_says_what_came_from_where(prepare: Prepare) -> None:
    done = run(
        prepare(
            "step: sample, n: 2, prompts: 4, as: a",
            "step: sample, n: 1, prompts: 4, temperature: 0.5, as: b",
            "step: mix, of: [a, b], cap: 3",
            "step: judge",
        )
    )
    assert done.rounds[1]["mixed"] == {"a": 3, "b": 0}
    assert len(read_completions(done.run / "round-1/mix.jsonl")) == 3
