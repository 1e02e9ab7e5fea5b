"""Draws that are kept come back as they were, by step and prompt."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.engines.samplers import TokenText
from rlaif.errors import RunError
from rlaif.training.online.kept_draws import KeptDraws

ONE = TokenText((1, 2, 3), (-0.1, -1 / 3, -2e-17))
TWO = TokenText((4,), (-7.25,))


def test_they_come_back_to_the_last_bit(tmp_path: Path) -> None:
    kept = KeptDraws(tmp_path / "draws")
    assert kept.of(3) == {}
    kept.keep(3, {"a": [ONE, TWO]})
    kept.keep(3, {"b": [TWO, ONE]})
    kept.keep(4, {"a": [TWO]})
    again = KeptDraws(tmp_path / "draws")
    assert again.of(3) == {"a": [ONE, TWO], "b": [TWO, ONE]}
    assert again.of(4) == {"a": [TWO]}


def test_earlier_steps_are_forgotten(tmp_path: Path) -> None:
    kept = KeptDraws(tmp_path)
    kept.forget_before(5)
    for step in (8, 9, 10, 11):
        kept.keep(step, {"a": [ONE]})
    kept.forget_before(10)
    assert [step for step in range(20) if kept.of(step)] == [10, 11]


@pytest.mark.parametrize("text", ["{", '{"prompt": "a"}\n', "[1]\n"])
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    KeptDraws(tmp_path).keep(0, {"a": [ONE]})
    next(tmp_path.iterdir()).write_text(text)
    with pytest.raises(RunError, match="remove it: its rollouts are then drawn again"):
        KeptDraws(tmp_path).of(0)
