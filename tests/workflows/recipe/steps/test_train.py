"""What a train step learns from: nothing that asks what its recipe measures on, in pairs, examples or replay."""

from __future__ import annotations

import json
from pathlib import Path

from rlaif.exchange.examples import read_examples
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.steps.train import measured_prompts
from tests.workflows.conftest import asked

RECIPE = """\
name: leak
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {held_out}, hard: {hard}, more: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 1, max_tokens: 24, as: own}}
  - {{step: sample, of: held_out, n: 1, max_tokens: 24, as: peek}}
  - {{step: mix, of: [own, peek], as: both}}
  - {{step: examples, of: both}}
  - {{step: train, method: sft, steps: 2, batch_size: 2, learning_rate: 1.0e-3}}
  - {{step: evaluate, on: hard, prompts: 1}}
  - {{step: evaluate, on: more, prompts: 1}}
  - {{step: sample, of: more, n: 1, max_tokens: 24, as: unused}}
"""


def recipe(tmp_path: Path, policy: Path, judge: str, prompts: Path, constitution: Path) -> Path:
    def rows(name: str, numbers: list[int]) -> Path:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"prompt": asked(n), "gold": "micro"}) + "\n" for n in numbers))
        return path

    held_out, hard = rows("held", [8, 9, 10]), rows("hard", [0, 11])
    path = tmp_path / "leak.yaml"
    sets = {"prompts": prompts, "held_out": held_out, "hard": hard}
    path.write_text(RECIPE.format(policy=policy, judge=judge, constitution=constitution, **sets))
    return path


def test_examples_of_what_is_measured_on_are_left_out_counted_and_said(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = recipe(tmp_path, mini, judge, prompts, constitution)
    done = run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run")))
    made = read_examples(done.run / "round-1" / "examples.jsonl")
    texts = {each.messages[0].content for each in made}
    leaked = texts & {asked(n) for n in (0, 8, 9, 10)}
    assert len(leaked) == 4
    record = json.loads((done.run / "models/round-1/train.json").read_text())
    assert record["gate"]["left_out"] == {"leaked": 4}
    assert record["gate"]["rows"] == "examples"
    assert record["counts"]["examples"]["given"] == len(made) - 4
    assert f"the data gate left 4 of {len(made)} examples out: leaked" in done.rounds[1]["warnings"]


def test_measured_on_is_what_no_step_but_a_measuring_one_takes(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = recipe(tmp_path, mini, judge, prompts, constitution)
    found = measured_prompts(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "run")))
    assert sorted(found) == ["hard", "held_out", "train"]
