"""The step `self-talk` in a recipe: through the store, resumable, and its examples are learned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.examples import read_examples
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE = """\
name: talk
models: {{policy: {policy}, judge: "{judge}", talker: "{talker}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: self-talk, model: talker, prompts: 3, turns: 4, max_tokens: 24, system: neutral}}
  - {{step: train, method: sft, steps: 2, batch_size: 2, learning_rate: 1.0e-3}}
"""


def config(tmp_path: Path, **world: object) -> RunConfig:
    path = tmp_path / "talk.yaml"
    path.write_text(RECIPE.format(**world))
    return RunConfig(recipe=str(path), out=tmp_path / "run")


def test_two_copies_talk_and_all_that_both_said_is_learned(
    tmp_path: Path, mini: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    names = {"policy": mini, "judge": judge, "talker": policy}
    how = config(tmp_path, **names, constitution=constitution, prompts=prompts)
    planned = plan(prepare_recipe(how))
    assert sum(each.calls for each in planned.graph) == 12
    done = run(prepare_recipe(how))
    told = done.rounds[1]["self_talk"]
    assert told["talks"] == 3
    examples = read_examples(done.run / "round-1" / "self-talk.jsonl")
    said = [turn for each in examples for turn in each.messages[-each.learned :] if turn.role == "assistant"]
    assert len(said) == told["said"] == 12
    assert len(examples) == 6
    assert all(each.messages[0].role == "system" for each in examples)
    record = json.loads((done.run / "models/round-1/train.json").read_text())
    assert record["counts"]["examples"]["given"] == len(examples)
    again = run(prepare_recipe(how))
    assert (again.calls["new"], again.rounds) == (0, done.rounds)


def test_several_talks_of_one_text_are_refused_with_the_line(
    tmp_path: Path, mini: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    names = {"policy": mini, "judge": judge, "talker": policy}
    how = config(tmp_path, **names, constitution=constitution, prompts=prompts)
    path = Path(str(how.recipe))
    path.write_text(path.read_text().replace("turns: 4", "turns: 4, n: 2, temperature: 0"))
    with pytest.raises(RecipeError, match=r"talk\.yaml:7: at temperature 0 all 2 conversations"):
        prepare_recipe(how)
