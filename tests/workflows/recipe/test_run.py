"""Recipes in rounds: the table, the controls, resuming, and what is not made twice."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, RecipeError, RunError
from rlaif.review.rounds import MADE_OF, REACHED, tables
from rlaif.runs.claim import read_run
from rlaif.templates import template_digests
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.graph import graph, graph_lines
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.table import drifted
from tests.workflows.conftest import CONSTITUTION

KEYS = {
    "round", "gold_mean", "gold_greedy", "gold_by_principle", "judge_mean", "judge_accuracy_on_policy", "policy",
    "judge", "pairs", "pair_precision", "kl", "length_mean",
}  # fmt: skip
RECIPE = """\
name: tiny
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 2
round:
  - {{step: sample, n: 4, prompts: 6, max_tokens: 24}}
  - {{step: judge}}
  - {{step: pairs, critique: false}}
  - {{step: train, beta: 0.2, steps: 4, batch_size: 4, learning_rate: 2.0e-3}}
  - {{step: evaluate, gold: true, against: [initial, previous], prompts: 6}}
"""


@pytest.fixture
def recipe(tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path) -> Path:
    path = tmp_path / "tiny-recipe.yaml"
    path.write_text(RECIPE.format(policy=mini, judge=judge, constitution=constitution, prompts=prompts))
    return path


def play(recipe: Path, out: str = "loop", **given: Any) -> Finished:
    return run(prepare_recipe(RunConfig(recipe=str(recipe), out=recipe.parent / out, **given)))


def test_gold_rises_with_a_judge_that_knows(recipe: Path) -> None:
    done = play(recipe)
    rows = json.loads((done.run / "rounds.json").read_text())
    assert rows == list(done.rounds)
    assert [row["round"] for row in rows] == [0, 1, 2]
    assert all(row.keys() >= KEYS for row in rows)
    assert rows[2]["gold_mean"] > rows[0]["gold_mean"]
    assert rows[0]["kl"] == 0.0
    assert rows[2]["kl"] > 0
    assert rows[1]["pair_precision"] == 1.0
    assert rows[0]["pairs"] == 0
    assert rows[1]["order_consistency"]["greet"] == 1.0
    assert rows[1]["gap"]["judge_best"] >= rows[1]["gap"]["mean"]
    assert rows[1]["against"]["initial"]["failed"] == 0
    assert all(column.partition(".")[0] in rows[1] for column in REACHED | MADE_OF)
    assert (done.run / "report.html").is_file()
    assert (done.run / "models" / "round-2" / "model.safetensors").is_file()


def test_a_principle_that_gold_cannot_read_is_named_once(recipe: Path, tmp_path: Path) -> None:
    file = tmp_path / "foreign.yaml"
    file.write_text(CONSTITUTION + "  - id: rhyme\n    text: The response rhymes.\n")
    done = play(recipe, constitution=str(file), overrides={"rounds": "1"})
    assert [each for each in done.warnings if "gold cannot read" in each] == [
        each for each in done.warnings if each.startswith("round 0: principle 'rhyme'")
    ]
    assert len([each for each in done.warnings if "gold cannot read" in each]) == 1
    assert "ungraded" not in done.rounds[0]


def test_a_principle_that_the_judge_cannot_apply_is_named_once_with_its_rounds(
    recipe: Path, tmp_path: Path
) -> None:
    rules = tmp_path / "tested.yaml"
    rules.write_text(
        CONSTITUTION + "    tests:\n      - {prompt: Hi., better: It is 7., worse: Hello. It is 7.}\n"
    )
    done = play(recipe, constitution=str(rules))
    told = [each for each in done.warnings if "'brief'" in each]
    assert told == [f"rounds 1, 2: {done.rounds[1]['warnings'][0]}"]
    assert "0 of its own 1 tests" in told[0]


def test_a_prompt_that_no_model_can_take_costs_itself_alone(recipe: Path, prompts: Path) -> None:
    whole = prompts.read_text()
    prompts.write_text(json.dumps({"prompt": "word " * 3000, "gold": "micro"}) + "\n" + whole)
    done = play(recipe, overrides={"rounds": "1", "round.0.prompts": "9"})
    assert len([each for each in done.warnings if "4 of 36 draws failed" in each]) == 1
    assert any(
        "1 of 6 draws failed, the first with: " in each and "do not fit" in each for each in done.warnings
    )
    assert done.rounds[1]["against"]["initial"]["failed"] == 1
    assert done.rounds[1]["pairs"] > 0


def test_the_same_command_again_makes_nothing(recipe: Path) -> None:
    first = play(recipe)
    table = (first.run / "rounds.json").read_bytes()
    asked = read_run(first.run)["templates"]
    assert asked == template_digests(["checklist", "compare"])
    again = play(recipe)
    assert again.calls["new"] == 0
    assert (again.run / "rounds.json").read_bytes() == table
    assert read_run(again.run)["templates"] == asked


def test_a_changed_step_makes_again_what_depends_on_it_and_nothing_else(recipe: Path) -> None:
    first = play(recipe, overrides={"rounds": "1"})
    other = play(recipe, "other", overrides={"rounds": "1", "round.train.beta": "0.4"})
    same = [(each / "round-1" / "pairs.jsonl").read_bytes() for each in (first.run, other.run)]
    assert same[0] == same[1]

    def seconds(folder: Path, step: str) -> float:
        made: float = json.loads((folder / "steps" / "round-1" / f"{step}.json").read_text())["seconds"]
        return made

    for step in ("sample", "judge", "pairs"):
        assert seconds(first.run, step) == seconds(other.run, step)
    assert seconds(first.run, "train") != seconds(other.run, "train")


def test_a_longer_run_takes_its_first_rounds_from_a_shorter_one(recipe: Path) -> None:
    play(recipe, overrides={"rounds": "1"})
    longer = play(recipe, "longer")
    assert [row["round"] for row in longer.rounds] == [0, 1, 2]
    note = json.loads((longer.run / "steps" / "round-1" / "train.json").read_text())
    short = json.loads((recipe.parent / "loop" / "steps" / "round-1" / "train.json").read_text())
    assert note == short


@pytest.mark.parametrize(
    ("given", "judges"),
    [
        ({"judge": "gold:"}, "frozen"),
        ({"judge": "random:1"}, "frozen"),
        ({"frozen_judge": True}, "first policy"),
    ],
)
def test_each_control_is_one_option(recipe: Path, given: dict[str, Any], judges: str) -> None:
    prepared = prepare_recipe(RunConfig(recipe=str(recipe), out=recipe.parent / "x", **given))
    expected = prepared.recipe.models.policy if judges == "first policy" else given["judge"]
    assert prepared.recipe.models.judge == expected
    assert f"judge {expected}" in "\n".join(graph_lines(prepared, graph(prepared, {})))


def test_the_gold_judge_is_always_right(recipe: Path) -> None:
    done = play(recipe, judge="gold:", overrides={"rounds": "1"})
    assert done.rounds[1]["pair_precision"] == 1.0
    assert done.rounds[1]["judge_accuracy_on_policy"] == 1.0


def test_with_previous_the_judge_is_the_policy_of_the_round(recipe: Path) -> None:
    done = play(recipe, judge="previous", overrides={"stop.unreadable_share": "1.0"})
    # a model that writes two texts cannot judge: the loop stops there and says why
    assert done.unmet is not None
    assert re.search(r"no prompt gave a pair \([a-z_]+ \d", done.unmet)
    assert all(row["judge"] == row["policy"] for row in done.rounds)


def test_too_many_unreadable_judgments_stop_before_training(recipe: Path) -> None:
    done = play(recipe, judge="previous", overrides={"stop.unreadable_share": "0.05"})
    assert done.unmet is not None
    assert "100.0% of the judgments are unreadable, limit 5.0%" in done.unmet
    assert not (done.run / "models").exists()


def test_another_recipe_is_refused_naming_the_key(recipe: Path) -> None:
    play(recipe, overrides={"rounds": "1"})
    with pytest.raises(RunError, match=r"recipe.rounds: 1 there, 2 asked"):
        play(recipe)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("beta: 0.2", "beta: 0.2, reference: nosuch/model/dir"), "nosuch/model/dir"),
        (("beta: 0.2", "beta: 0.2, replay: {judge: 0.2}"), "name a file of them"),
        (("n: 4", "n: 1"), "pairs need two completions"),
    ],
)
def test_what_a_later_step_lacks_is_said_before_anything_is_sampled(
    recipe: Path, change: tuple[str, str], said: str
) -> None:
    recipe.write_text(recipe.read_text().replace(*change))
    with pytest.raises(InputError, match=said):
        play(recipe)
    assert not (recipe.parent / "loop").exists()


def test_a_policy_that_cannot_be_trained_is_refused_at_once(recipe: Path, policy: str) -> None:
    with pytest.raises(InputError, match="cannot be trained"):
        play(recipe, policy=policy)
    assert not (recipe.parent / "loop").exists()


def test_two_ways_to_name_the_judge_are_one_too_many(recipe: Path) -> None:
    with pytest.raises(RecipeError, match="give one"):
        prepare_recipe(
            RunConfig(recipe=str(recipe), out=recipe.parent / "x", judge="gold:", frozen_judge=True)
        )


@pytest.mark.parametrize(("what", "stops"), [("warn", False), ("stop", True)])
def test_a_drifting_judge_is_told_and_can_stop(recipe: Path, what: str, stops: bool) -> None:
    loaded = load_recipe(recipe, {"stop.judge_drift": what})
    far: dict[str, Any] = {"round": 1, "judge_drift": 0.3, "warnings": []}
    near: dict[str, Any] = {"round": 1, "judge_drift": 0.05, "warnings": []}
    assert (drifted(loaded, far) is not None) is stops
    assert drifted(loaded, near) is None
    assert (len(far["warnings"]), len(near["warnings"])) == (1, 0)


@pytest.mark.heavy
def test_every_round_is_compared_with_all_before_it_and_ranked(recipe: Path) -> None:
    done = play(recipe, overrides={"round.evaluate.rounds": "true"})
    assert [sorted(row.get("rounds", {})) for row in done.rounds] == [[], ["0"], ["0", "1"]]
    assert done.rounds[2]["rounds"]["0"]["win_rate"] == done.rounds[2]["against"]["initial"]["win_rate"]
    assert [each["round"] for each in done.rounds[2]["strengths"]] == [0, 1, 2]
    assert done.rounds[2]["strengths"][2]["value"] > 0
    titles = [title for title, _, _ in tables(done.rounds)]
    assert "rounds by strength (Bradley-Terry, round 0 is 0)" in titles
    assert "win rate against every earlier round" in titles
    again = play(recipe, overrides={"round.evaluate.rounds": "true"})
    assert (again.calls["new"], again.rounds) == (0, done.rounds)
