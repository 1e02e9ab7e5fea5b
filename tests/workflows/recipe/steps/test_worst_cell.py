"""The step `worst-cell`: a judgment that failed is in no cell, and a policy that fails nowhere is not fixed."""

from __future__ import annotations

from pathlib import Path

from rlaif.auditing.cells import Cell
from rlaif.auditing.intervals import Interval
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Judgment, State
from rlaif.workflows.recipe.steps.worst_cell import judged_values, of_cell
from tests.workflows.conftest import Write, judge_rows
from tests.workflows.recipe.playing import play, prompt

STEPS = """
step: sample, n: 4
step: judge
step: worst-cell, least: {least}, above: {above}
"""


def test_a_judgment_that_failed_is_an_answer_of_no_cell() -> None:
    def judged(state: State, value: float | None) -> Judgment:
        return Judgment(
            protocol="checklist", judge="j", prompt_id="p", completion_ids=("c",), principle_id="greets",
            state=state, value=value,
        )  # fmt: skip

    assert judged_values([judged(State.UNREADABLE, None), judged(State.SCORE, 0.2)]) == [("p", "greets", 0.2)]


def test_the_prompts_of_a_cell_carry_its_principle_and_its_kind() -> None:
    one, other = prompt("One?", tags=("a",), meta={"own": 1}), prompt("Two?", tags=("b",))
    cell = Cell(principle="greets", kind="a", met=Interval(0.1, 0.0, 0.2), answers=9)
    [found] = of_cell([one, other], cell)
    assert found.meta == {"own": 1, "cell": "greets", "cell_kind": "a"}
    assert found.id == one.id
    assert found.tags == one.tags


def test_the_cell_that_the_judge_likes_least_is_written(
    tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path
) -> None:
    world = {"policy": policy, "judge": judge, "prompts": prompts, "constitution": constitution}
    done = play(tmp_path / "a", STEPS.format(least=4, above=0.9), **world)
    found = read_prompts(done.run / "round-1" / "worst-cell.jsonl")
    assert len(found) == 8
    assert {each.meta["cell_kind"] for each in found} == {"sum"}
    assert done.rounds[-1]["worst_cell"].endswith(" x sum")


def test_where_nothing_fails_the_run_ends_and_says_so(
    tmp_path: Path, policy: str, prompts: Path, constitution: Path, script: Write
) -> None:
    likes = script(
        "likes", [{"contains": ["Does the response"], "labels": {"yes": 0.99, "no": 0.01}}, *judge_rows()]
    )
    world = {"policy": policy, "judge": likes, "prompts": prompts, "constitution": constitution}
    done = play(tmp_path / "a", STEPS.format(least=4, above=0.9), **world)
    assert "nothing is to be fixed" in (done.unmet or "")
    few = play(tmp_path / "b", STEPS.format(least=900, above=0.9), **world)
    assert "lower least" in (few.unmet or "")
