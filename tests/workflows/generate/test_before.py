"""What can be seen to go wrong before anything is paid is refused or said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rlaif.errors import InputError, RunError
from rlaif.runs.claim import claim
from rlaif.workflows.configs import GenerateConfig
from rlaif.workflows.generate.before import look_before


@pytest.fixture
def config(tmp_path: Path) -> GenerateConfig:
    """One that nothing is said of."""
    return GenerateConfig(
        out=tmp_path / "r",
        prompts="micro:train",
        policy=("micro",),
        judge="micro",
        constitution="micro-default",
        limit=8,
    )


def test_a_command_that_is_in_order_is_not_spoken_of(config: GenerateConfig) -> None:
    assert look_before(config) == []


def test_equal_draws_of_one_policy_are_refused_and_of_several_said(config: GenerateConfig) -> None:
    with pytest.raises(InputError, match="all 6 draws of a prompt would be the same text"):
        look_before(replace(config, temperature=0.0))
    [said] = look_before(replace(config, temperature=0.0, policy=("micro", "micro:weak")))
    assert "--n 2 is enough" in said
    assert look_before(replace(config, temperature=0.0, policy=("micro", "micro:weak"), n=2)) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_tokens": 4}, "--max-tokens 4"),
        ({"limit": 2}, "2 prompts are few"),
        ({"policy": ("hf:x",), "judge": "hf:x"}, "judges what it wrote itself"),
    ],
)
def test_what_hardly_makes_sense_is_said(config: GenerateConfig, given: dict[str, object], said: str) -> None:
    [found] = look_before(replace(config, **given))  # type: ignore[arg-type]
    assert said in found


def test_a_place_inside_a_run_or_with_other_files_is_refused_first(
    config: GenerateConfig, tmp_path: Path
) -> None:
    with (
        claim(tmp_path / "held", {}, command="generate"),
        pytest.raises(InputError, match="lies inside the run"),
    ):
        look_before(replace(config, out=tmp_path / "held" / "again"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "todo.txt").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match="is no run of ours"):
        look_before(replace(config, out=tmp_path / "notes"))
