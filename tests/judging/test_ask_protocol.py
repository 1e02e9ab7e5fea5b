"""What a protocol from outside returns is checked, and recorded under its name and with its own templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import InputError, PluginError
from rlaif.judging import ModelJudge
from rlaif.judging.ask_protocol import ask_pairwise, ask_pointwise, templates_of
from rlaif.judging.controls import RandomJudge
from rlaif.judging.protocol import Judge
from rlaif.judging.protocols import PROTOCOLS, Asking, Pairwise, Pointwise, Scale, stated
from rlaif.records import Judgment, Principle, State
from rlaif.templates import load_template

from .builders import RuleEngine, completion, principle, prompt

Found = Callable[[list[Judgment]], object]
PROMPT, ONE, TWO = prompt(), completion("hi"), completion("hello")
PRINCIPLES = (principle("kind"), principle("brief"))


@pytest.fixture(autouse=True)
def nothing_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PROTOCOLS, "_added", {})


def alone(change: Found, **facts: Any) -> list[Judgment]:
    def ask(judge: Judge, items: Any, principles: Sequence[Principle], how: Asking) -> Any:
        return change(judge.checklist(items, principles))

    mine = Pointwise(name="mine", says="mine", ask=ask, **facts)
    PROTOCOLS.add(mine)
    return ask_pointwise(mine, RandomJudge(3), [(PROMPT, ONE), (PROMPT, TWO)], PRINCIPLES, Asking())


def both(change: Found) -> list[Judgment]:
    def ask(judge: Judge, items: Any, principles: Sequence[Principle], how: Asking) -> Any:
        return change(judge.compare(items, principles))

    mine = Pairwise(name="mine", says="mine", ask=ask)
    PROTOCOLS.add(mine)
    return ask_pairwise(mine, RandomJudge(3), [(PROMPT, ONE, TWO)], PRINCIPLES, Asking())


def valued(number: float) -> Found:
    return lambda found: [replace(each, value=number) for each in found]


def raising(_: list[Judgment]) -> object:
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("asked", [alone, both])
def test_its_judgments_have_its_name(asked: Callable[[Found], list[Judgment]]) -> None:
    assert {each.protocol for each in asked(list)} == {"mine"}


@pytest.mark.parametrize("asked", [alone, both])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found[:3], "returned 3 judgments; 1 are missing, the first of "),
        (lambda found: [], "returned 0 judgments; 4 are missing"),
        (lambda found: [*found, found[0]], "returned 5 judgments, 1 of them unasked"),
        (lambda found: [replace(each, principle_id="other") for each in found], "4 of them unasked"),
        (lambda found: None, "returned None; a p"),
        (lambda found: [0.5 for _ in found], "returned a float in its list"),
        (valued(7.0), "returned the number 7.0 for .*; its numbers must be from 0 to 1"),
        (valued(float("nan")), "returned the number nan"),
        (raising, r"raised ZeroDivisionError: division by zero \(.*test_ask_protocol.py:\d+, in raising\)"),
    ],
)
def test_what_it_must_not_return_is_refused_with_its_name(
    asked: Callable[[Found], list[Judgment]], change: Found, said: str
) -> None:
    with pytest.raises(PluginError, match=f"^protocol 'mine' of this process.*{said}"):
        asked(change)


def test_numbers_of_the_other_shape_are_refused() -> None:
    with pytest.raises(
        PluginError, match="returned the state `preference`; a number of its shape is `score`"
    ):
        alone(lambda found: [replace(each, state=State.PREFERENCE) for each in found])


def test_a_failure_is_a_judgment_without_a_number_and_a_scale_is_its_own() -> None:
    failed = alone(lambda found: [replace(each, state=State.UNREADABLE, value=None) for each in found])
    assert {each.state for each in failed} == {State.UNREADABLE}
    PROTOCOLS._added.clear()
    assert alone(valued(7.0), scale=Scale(lowest=1.0, highest=10.0))[0].value == 7.0


def test_one_judgment_that_names_no_principle_stands_for_all() -> None:
    whole = alone(lambda found: [replace(each, principle_id=None) for each in found[::2]])
    assert [each.completion_ids for each in whole] == [(ONE.id,), (TWO.id,)]


def test_a_template_that_is_not_there_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape("protocol 'mine': no template 'own'")):
        alone(list, templates=("own",))
    with pytest.raises(InputError, match=re.escape(f"{tmp_path} has no own.txt")):
        alone(list, templates=("own",), templates_from=tmp_path)


def test_its_own_templates_go_before_the_shipped_ones_and_stand_in_the_provenance(tmp_path: Path) -> None:
    (tmp_path / "compare.txt").write_text("{{principle}}? {{prompt}}: {{response_a}} or {{response_b}}\n")
    judge = ModelJudge(RuleEngine(lambda *_: {"A": 0.9, "B": 0.1}))
    own = load_template("compare", tmp_path)

    def ask(asked: Any, items: Any, principles: Sequence[Principle], how: Asking) -> list[Judgment]:
        found: list[Judgment] = asked.compare(items, principles)
        return found

    declared = Pairwise(name="declared", says="", ask=ask, templates=("compare",), templates_from=tmp_path)
    PROTOCOLS.add(declared)
    assert templates_of(declared, judge) == {"compare": own.digest}
    hidden = Pairwise(name="hidden", says="", ask=lambda j, *rest: ask(ModelJudge(j.engine, tmp_path), *rest))  # type: ignore[attr-defined]
    PROTOCOLS.add(hidden)
    before = stated(["declared"])
    (tmp_path / "compare.txt").write_text("Edited. {{principle}} {{prompt}} {{response_a}} {{response_b}}\n")
    assert stated(["declared"]) != before
    own = load_template("compare", tmp_path)
    for each in (declared, hidden):
        ask_pairwise(each, judge, [(PROMPT, ONE, TWO)], PRINCIPLES, Asking())
        assert templates_of(each, judge) == {"compare": own.digest}
    assert templates_of(PROTOCOLS.get("compare"), judge) == {"compare": load_template("compare").digest}
