"""The step `meta-judge` in a recipe: pairs of judgments, and what is refused before anything is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.pairs import read_pairs
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import Write, judge_rows

RECIPE = """\
name: meta
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: {draws}, prompts: 4}}
  - {{step: meta-judge, questions: 2, {more}}}
"""


@pytest.fixture
def recipe(tmp_path: Path, policy: str, script: Write, prompts: Path, constitution: Path) -> Any:
    judge = script(
        "meta",
        [
            # whoever is shown first wins, whatever it says
            {"contains": ["gave two judgments"], "labels": {"A": 0.9, "B": 0.1}},
            {"contains": ["Is the judgment right", "Judgment: A"], "labels": {"yes": 0.9, "no": 0.1}},
            {"contains": ["Is the judgment right"], "labels": {"yes": 0.2, "no": 0.8}},
            {
                "contains": ["Say what each response does"],
                "texts": ["One.\nAnswer: A", "Two.\nAnswer: B", "Hm."],
            },
            *judge_rows(),
        ],
    )

    def write(more: str, draws: int = 2, **own: str) -> Path:
        path = tmp_path / "meta.yaml"
        held = {"policy": policy, "judge": judge, "constitution": constitution, "prompts": prompts, **own}
        path.write_text(RECIPE.format(more=more, draws=draws, **held))
        return path

    return write


def play(path: Path) -> Finished:
    return run(prepare_recipe(RunConfig(recipe=str(path), out=path.parent / "out")))


def test_the_judgment_that_is_found_right_is_preferred_to_the_other(recipe: Any) -> None:
    done = play(recipe("n: 3, form: each"))
    found = read_pairs(done.run / "round-1" / "judgment-pairs.jsonl")
    assert len(found) == 4
    assert {(each.chosen[0].content, each.rejected[0].content) for each in found} == {
        ("One.\nAnswer: A", "Two.\nAnswer: B")
    }
    assert all("Say what each response does" in each.prompt[0].content for each in found)
    row = done.rounds[-1]["meta_judge"]
    assert (row["pairs"], row["judgments"], row["unreadable"]) == (4, 2 * 2 * 4, 2 * 4)


def test_a_meta_judge_that_always_prefers_the_first_tells_nothing_apart(recipe: Any) -> None:
    done = play(recipe("n: 3, form: both"))
    assert "4 all equal" in str(done.unmet)
    facts = json.loads((done.run / "round-1" / "battles.json").read_text())
    assert (facts["first_shown_wins"], facts["weights"]) == (1.0, [0.0, 1.0])


@pytest.mark.parametrize(
    ("more", "draws", "said"),
    [
        ("n: 1", 2, "one judgment a question and nothing to compare it with; raise n"),
        ("n: 3, protocol: compare", 2, "writes no reasoning"),
        ("n: 3, protocol: checklist-cot, form: each", 2, "set `form: both`"),
        ("n: 3", 1, "compares two completions of a prompt, and 'sample' draws 1"),
    ],
)
def test_what_gives_no_two_judgments_is_refused_with_the_line_before_anything_is_asked(
    recipe: Any, more: str, draws: int, said: str
) -> None:
    path = recipe(more, draws)
    with pytest.raises(RecipeError, match=said) as refused:
        play(path)
    assert "meta.yaml:8" in str(refused.value)
    assert not (path.parent / "out").exists()


def test_greedy_completions_of_a_prompt_are_one_text_and_refused_before_anything_is_asked(
    recipe: Any,
) -> None:
    path = recipe("n: 3, form: both")
    path.write_text(path.read_text().replace("n: 2, prompts", "n: 2, temperature: 0, prompts"))
    with pytest.raises(
        RecipeError, match=r"meta\.yaml:8: .* at temperature 0 all 2 that 'sample' draws are one"
    ):
        play(path)


def test_a_dry_run_counts_judgments_and_battles(recipe: Any) -> None:
    from rlaif.workflows.dry_run.recipe import plan

    planned = plan(prepare_recipe(RunConfig(recipe=str(recipe("n: 3, form: both")), out=Path("nowhere"))))
    calls = {each["step"]: each["calls"] for each in (node.as_dict() for node in planned.graph)}
    # 4 prompts x 2 questions x 3 judgments, and 4 x 3 x 2 battles
    assert calls["meta-judge"] == 4 * 2 * 3 + 4 * 3 * 2
