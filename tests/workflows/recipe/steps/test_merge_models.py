"""The step `merge`: what cannot be summed is refused before the first call."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.errors import RlaifError
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe

RECIPE = """\
name: tiny
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: merge, shares: {shares}}}
  - {{step: evaluate}}
"""


@pytest.mark.parametrize(
    ("shares", "says"),
    [("{initial: 1.0}", "names 1 model"), ("{initial: 1.0, previous: 0.25}", "sum to 1.25")],
)
def test_shares_are_checked(
    shares: str, says: str, tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path
) -> None:
    path = tmp_path / "recipe.yaml"
    text = RECIPE.format(policy=mini, judge=judge, constitution=constitution, prompts=prompts, shares=shares)
    path.write_text(text)
    with pytest.raises(RlaifError, match=says):
        prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
