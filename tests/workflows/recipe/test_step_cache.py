"""Steps are keyed by their inputs: nothing is made twice, and nothing stale is used."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlaif import templates
from rlaif.shipped import shipped
from rlaif.templates import load_template
from rlaif.workflows.recipe.step_cache import StepCache


class Maker:
    """Counts how often it is asked, and writes one file."""

    def __init__(self, steps: StepCache, text: str = "made") -> None:
        self.steps, self.text, self.times = steps, text, 0

    def __call__(self) -> dict[str, Any]:
        self.times += 1
        target = self.steps.run / "out.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(self.text)
        return {"times": self.times}


@pytest.fixture
def steps(tmp_path: Path) -> Callable[[str], StepCache]:
    return lambda name: StepCache(tmp_path / name, tmp_path / "shelf")


def test_equal_inputs_make_nothing_again(steps: Callable[[str], StepCache]) -> None:
    make = Maker(steps("a"))
    facts = [make.steps.do("round-1/sample", {"n": 2}, ["out.txt"], make) for _ in range(2)]
    assert (make.times, facts) == (1, [{"times": 1}, {"times": 1}])


def test_a_changed_input_makes_it_again(steps: Callable[[str], StepCache]) -> None:
    make = Maker(steps("a"))
    for n in (2, 3):
        make.steps.do("round-1/sample", {"n": n}, ["out.txt"], make)
    assert make.times == 2


def test_a_step_is_made_again_when_a_template_it_was_asked_with_is_another_one(
    steps: Callable[[str], StepCache], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "templates"
    shutil.copytree(shipped("prompts/templates"), folder)
    monkeypatch.setattr(templates, "shipped", lambda _: folder)

    def do(run: str) -> int:
        make = Maker(steps(run))

        def asked() -> dict[str, Any]:
            load_template("checklist").render(prompt="a", response="b", principle="c")
            return make()

        make.steps.do("judge", {}, ["out.txt"], asked)
        assert make.steps.templates() == {"checklist": load_template("checklist").digest}
        return make.times

    assert [do("a"), do("a"), do("b")] == [1, 0, 0]
    (folder / "compare.txt").write_text("another text", encoding="utf-8")
    assert do("a") == 0
    path = folder / "checklist.txt"
    path.write_text(path.read_text(encoding="utf-8") + "Now.\n", encoding="utf-8")
    assert [do("a"), do("b")] == [1, 0]


def test_a_lost_output_is_made_again(steps: Callable[[str], StepCache]) -> None:
    make = Maker(steps("a"))
    make.steps.do("sample", {}, ["out.txt"], make)
    (make.steps.run / "out.txt").unlink()
    other = Maker(steps("a"))
    other.steps.do("sample", {}, ["out.txt"], other)
    assert other.times == 1


def test_another_run_takes_what_this_one_made(steps: Callable[[str], StepCache]) -> None:
    make, other = Maker(steps("a")), Maker(steps("b"), "never")
    make.steps.do("round-1/sample", {"n": 2}, ["out.txt"], make)
    facts = other.steps.do("round-1/sample", {"n": 2}, ["out.txt"], other)
    assert (other.times, facts) == (0, {"times": 1})
    assert (other.steps.run / "out.txt").read_text() == "made"


def test_another_run_does_not_take_what_has_since_changed(steps: Callable[[str], StepCache]) -> None:
    make, other = Maker(steps("a")), Maker(steps("b"))
    make.steps.do("sample", {"n": 2}, ["out.txt"], make)
    (make.steps.run / "steps" / "sample.json").write_text('{"key": "b2:0", "facts": {}}')
    other.steps.do("sample", {"n": 2}, ["out.txt"], other)
    assert other.times == 1


def test_a_step_that_failed_leaves_no_note(steps: Callable[[str], StepCache]) -> None:
    make = Maker(steps("a"))

    def fail() -> dict[str, Any]:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        make.steps.do("sample", {}, ["out.txt"], fail)
    make.steps.do("sample", {}, ["out.txt"], make)
    assert make.times == 1


@pytest.mark.parametrize("edit", ["text", "directory"])
def test_an_edited_output_is_made_again(steps: Callable[[str], StepCache], edit: str) -> None:
    make, other = Maker(steps("a")), Maker(steps("b"))
    make.steps.do("sample", {}, ["out.txt"], make)
    target = make.steps.run / "out.txt"
    if edit == "text":
        target.write_text("edited")
    else:
        target.unlink()
        target.mkdir()
    other.steps.do("sample", {}, ["out.txt"], other)
    assert other.times == 1
