"""The step `portray`: with the constitution in view it is the good side, without it the bad one; both of one prompt."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

RECIPE = """\
name: tiny
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: portray, n: 2, prompts: 4, max_tokens: 24}}
  - {{step: pairs, source: sides}}
"""


def test_several_greedy_answers_of_a_side_are_refused_with_the_line(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    text = RECIPE.format(policy=mini, judge=judge, constitution=constitution, prompts=prompts)
    path.write_text(text.replace("n: 2", "n: 2, temperature: 0"))
    with pytest.raises(
        RecipeError, match=r"recipe\.yaml:7: at temperature 0 all 2 completions of a side are one text"
    ):
        prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "out"))


def test_both_sides_are_kept_with_the_prompt_as_it_was(
    tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.format(policy=mini, judge=judge, constitution=constitution, prompts=prompts))
    done = run(prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "out")))
    drawn = read_completions(done.run / "round-1/portray.jsonl")
    sides = Counter(said.origin.side for _, said in drawn if said.origin is not None)
    assert sides == {"good": 8, "bad": 8}
    assert all(each.role != "system" for prompt, _ in drawn for each in prompt.messages)
    assert len({(prompt.id, said.draw) for prompt, said in drawn}) == len(drawn)
