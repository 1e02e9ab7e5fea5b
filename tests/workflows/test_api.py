"""The Python door leads to the same rooms as the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import rlaif
from rlaif.errors import InputError

from .conftest import Configured


def test_generate_takes_the_names_of_the_options(configured: Configured, tmp_path: Path) -> None:
    own = configured()
    made = rlaif.generate(
        out=str(tmp_path / "by-hand"),  # type: ignore[arg-type]
        policy=own.policy[0],  # type: ignore[arg-type]
        judge=own.judge,
        prompts=own.prompts,
        constitution=own.constitution,
        n=4,
    )
    assert made.funnel["kept"] == 8
    assert made.run == tmp_path / "by-hand"


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="n_completions"):
        rlaif.generate(out=Path("x"), n_completions=4)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("door", "given"),
    [
        (rlaif.generate, {"pairing": "bst-worst", "out": Path("x")}),
        (rlaif.train, {"method": "nash-md", "source": Path("x")}),
        (rlaif.train, {"labels": "sharp", "source": Path("x")}),
    ],
)
def test_an_unknown_word_is_refused_and_never_the_default(door: Any, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"must be one of|is no train method; known"):
        door(**given)


def test_a_missing_judge_is_an_error_here_too(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--judge is missing"):
        rlaif.generate(out=tmp_path / "run", policy=("hf:a",))


def test_results_say_what_the_command_prints(configured: Configured) -> None:
    own = configured()
    made = rlaif.judge(
        source=rlaif.generate(
            out=own.out,
            policy=own.policy,
            judge=own.judge,
            prompts=own.prompts,
            constitution=own.constitution,
        ).run,
        judge=own.judge,
        out=own.out.parent / "again",
    )
    assert made.as_dict()["calls"]["new"] == 0
