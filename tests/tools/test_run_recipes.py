"""`make recipes`: each recipe is run afresh, what failed is told, and who is drawn is known by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlaif.version import __version__

Tool = Callable[[str], Any]
HEAVY = 3
"""Recipes that `make test-heavy` runs; the next version runs others."""
BROKEN = """\
name: broken
models: {policy: micro, judge: micro}
constitution: micro-default
prompts: {train: micro:train}
rounds: 1
round:
  - {step: sample, prompts: 2}
"""


def test_the_recipes_that_are_drawn_are_known_by_name_and_other_versions_draw_others(tool: Tool) -> None:
    module = tool("run_recipes")
    names = [f"recipe-{number}" for number in range(20)]
    drawn = module.drawn(names, 6, "1.0")
    assert len(set(drawn)) == 6
    assert module.drawn(reversed(names), 6, "1.0") == drawn
    # of a further recipe at most one place is lost
    assert len(set(module.drawn([*names, "newcomer"], 6, "1.0")) & set(drawn)) >= 5
    many = Counter(name for version in range(200) for name in module.drawn(names, 6, str(version)))
    assert set(many) == set(names)
    assert max(many.values()) < 2 * min(many.values())


@pytest.mark.parametrize(
    ("rounds", "said"),
    [
        ([{"gold_mean": 0.5}, {"gold_mean": 0.625}], "gold_mean 0.500 -> 0.625"),
        ([{"gold_mean": None, "judge_mean": 0.5}, {"judge_mean": 0.25}], "judge_mean 0.500 -> 0.250"),
        ([{"pairs": 0}, {"pairs": 7}], "pairs 7"),
        ([{"gold_mean": 0.5}], "gold_mean 0.500"),
        ([], "no figure"),
    ],
)
def test_the_headline_is_the_first_figure_that_the_rounds_have(
    tool: Tool, rounds: list[dict[str, Any]], said: str
) -> None:
    assert tool("run_recipes").headline(rounds) == said


def test_a_recipe_that_fails_is_told_with_its_last_words(tool: Tool, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text(BROKEN)
    ran = tool("run_recipes").quick_run(str(tmp_path / "broken.yaml"), tmp_path)
    assert not ran.ok
    first, *said = ran.lines(10)
    assert "failed  exit code 2" in first
    assert "has no quick form" in said[-1]
    assert "has no quick form" in (tmp_path / "broken.log").read_text()


@pytest.mark.heavy
def test_three_recipes_drawn_by_name_run_in_their_quick_form(tool: Tool, tmp_path: Path) -> None:
    module = tool("run_recipes")
    names = module.drawn(module.shipped_recipes(), HEAVY, __version__)
    wrong = [
        line for name in names if not (ran := module.quick_run(name, tmp_path)).ok for line in ran.lines(20)
    ]
    assert not wrong, "\n".join(wrong)
