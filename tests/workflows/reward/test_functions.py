"""A function that a reward names: of a module, of a file, and what is none."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rlaif.errors import InputError
from rlaif.workflows.reward.functions import load_function

SOURCE = "def short(prompt, completion):\n    return -float(len(completion.text))\n\nclass Shelf:\n    inner = short\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_of_a_module_beside_us_or_of_a_file_is_loaded(here: Path) -> None:
    (here / "house_rewards_of_a_test.py").write_text(SOURCE)
    assert load_function("house_rewards_of_a_test:short").__name__ == "short"
    assert load_function("house_rewards_of_a_test.py:short").__name__ == "short"
    assert load_function("house_rewards_of_a_test.py:Shelf.inner").__name__ == "short"
    assert load_function("math:fsum")([1, 2]) == 3


def test_a_file_that_was_edited_is_read_anew_though_its_length_and_its_second_are_the_same(
    here: Path,
) -> None:
    file = here / "mine.py"
    for said in (1.0, 2.0, 3.0):
        file.write_text(f"def f(prompt, completion):\n    return {said}\n")
        os.utime(file, (1_700_000_000, 1_700_000_000))
        assert load_function("mine.py:f")(None, None) == said


def test_a_file_may_have_dataclasses_of_its_own(here: Path) -> None:
    (here / "mine.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import InitVar, dataclass\n"
        "@dataclass\nclass Length:\n    least: InitVar[int] = 0\n"
        "def f(prompt, completion):\n    return 1.0\n"
    )
    assert load_function("mine.py:f")(None, None) == 1.0


@pytest.mark.parametrize(
    ("named", "why"),
    [
        ("short", "names no function; write module:name"),
        (":short", "names no function"),
        ("no_such_module_at_all:f", "No module named 'no_such_module_at_all'"),
        ("missing.py:f", "no such file"),
        ("mine.py:shrot", "has no function 'shrot'; it has: Shelf, short"),
        ("broken.py:f", "cannot be imported: SyntaxError"),
        ("raises.py:f", "cannot be imported: RuntimeError: not today"),
    ],
)
def test_what_is_no_function_is_refused(here: Path, named: str, why: str) -> None:
    (here / "mine.py").write_text(SOURCE)
    (here / "broken.py").write_text("def f(:\n")
    (here / "raises.py").write_text("raise RuntimeError('not today')\n")
    with pytest.raises(InputError, match=why):
        load_function(named)
