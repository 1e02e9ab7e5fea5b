"""A recipe made of a few lines, in the world of two texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe

HEAD = """\
name: steps
models: {{policy: "{policy}", judge: "{judge}"{roles}}}
constitution: {constitution}
prompts: {{train: {prompts}{sets}}}
rounds: 1
round:
"""
Prepare = Callable[..., PreparedRecipe]


@pytest.fixture
def prepare(tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path) -> Prepare:
    """Prepares a recipe of these steps; `roles` and `sets` are further models and prompts."""

    def made(*steps: str, roles: str = "", sets: str = "", out: str = "run") -> PreparedRecipe:
        head = HEAD.format(
            policy=policy,
            judge=judge,
            constitution=constitution,
            prompts=prompts,
            roles=f", {roles}" if roles else "",
            sets=f", {sets}" if sets else "",
        )
        path = tmp_path / "steps.yaml"
        path.write_text(head + "".join(f"  - {{{each}}}\n" for each in steps))
        return prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / out))

    return made
