"""Which judge, protocol and rules made the pairs of a directory, round by round of a loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.engines.open import open_engine
from rlaif.errors import RunError
from rlaif.feedback.pairing import PairPlan
from rlaif.judging.protocols import Asking
from rlaif.runs.layout import step_note
from rlaif.workflows.configs import JudgeConfig
from rlaif.workflows.generate.run import generate, judge
from rlaif.workflows.impact.recorded_runs import judged_runs, load_side
from tests.workflows.conftest import Configured
from tests.workflows.recipe.test_run import play, recipe  # noqa: F401  (a fixture)


def test_of_generate_and_judge_it_is_what_their_options_said(
    configured: Configured, tmp_path: Path, judge: str
) -> None:
    made = generate(configured(pairing="rank", inconsistent="average", seed=5))
    [found] = judged_runs(made.run)
    assert (found.folder, found.judge, found.pointwise) == (made.run, judge, "checklist")
    assert (found.asking, found.plan.asking) == (None, Asking(seed=5))
    assert (found.plan.pairing, found.plan.inconsistent, found.plan.seed) == ("rank", "average", 5)
    assert found.constitution["digest"] == load_side(str(made.run)).digest


def test_a_pointwise_protocol_keeps_how_it_was_asked(
    configured: Configured, tmp_path: Path, judge: str, constitution: Path
) -> None:
    source = generate(configured()).run
    config = JudgeConfig(
        source=source,
        out=tmp_path / "ranked",
        judge=judge,
        constitution=str(constitution),
        protocol="rank",
        seed=2,
        min_pair_share=0,
    )
    _judge(config)
    [found] = judged_runs(tmp_path / "ranked")
    assert (found.pointwise, found.asking) == ("rank", Asking(seed=2))
    assert (found.plan.then, found.plan.asking) == ("compare", None)


_judge = judge


def test_each_round_of_a_loop_is_found_with_its_judge(recipe: Path, mini: Path, judge: str) -> None:  # noqa: F811
    loop = play(recipe, overrides={"round.pairs.inconsistent": "average", "seed": "4"}).run
    first, second = judged_runs(loop)
    assert (first.folder, second.folder) == (loop / "round-1", loop / "round-2")
    assert first.judge == second.judge == judge
    assert open_engine(judge).fingerprint == first.fingerprint
    for number, each in enumerate((first, second), 1):
        assert each.plan == PairPlan(inconsistent="average", round=number, seed=4, asking=Asking(seed=4))
    assert judged_runs(loop / "round-2") == [second]
    assert load_side(str(loop / "round-2")).digest == load_side(str(loop)).digest
    with pytest.raises(RunError, match="no pairs were made in it yet"):
        judged_runs(loop / "round-0")

    assert _judges(loop, "dpo") == [str(mini), str(loop / "models" / "round-1")]
    # a method that trains no policy: the one that the loop started with goes on to judge
    assert _judges(loop, "reward") == [str(mini)] * 2
    assert _judges(loop, "judge") == [str(mini)] * 2
    assert _judges(loop, "sft") == [str(mini), str(loop / "models" / "round-1")]


def _judges(loop: Path, method: str) -> list[str]:
    held = json.loads((loop / "run.json").read_text())
    held["config"]["recipe"]["models"]["judge"] = "previous"
    held["config"]["recipe"]["round"][3]["method"] = method
    (loop / "run.json").write_text(json.dumps(held))
    return [each.judge for each in judged_runs(loop)]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("clamp", "0.6", "with `clamp: 0.6` of"), ("principles", "drawn", "with `principles: drawn` of")],
)
def test_labels_that_were_made_otherwise_are_not_made_again(
    recipe: Path,  # noqa: F811
    name: str,
    value: str,
    said: str,
) -> None:
    loop = play(recipe, overrides={f"round.pairs.{name}": value, "rounds": "1"}).run
    with pytest.raises(RunError, match=said):
        judged_runs(loop)


def test_pairs_of_another_source_are_not_made_again_and_the_message_names_it(recipe: Path) -> None:  # noqa: F811
    loop = play(recipe, overrides={"rounds": "1"}).run
    note = step_note(loop, "round-1/pairs")
    held = json.loads(note.read_text())
    held["inputs"]["step"]["source"] = "anchored"
    note.write_text(json.dumps(held))
    with pytest.raises(
        RunError, match="made by `source: anchored` of the step `pairs`, which is not followed"
    ):
        judged_runs(loop)


def test_what_rubrics_of_prompts_judged_no_constitution_changes(recipe: Path) -> None:  # noqa: F811
    loop = play(recipe, overrides={"rounds": "1"}).run
    note = step_note(loop, "round-1/judge")
    held = json.loads(note.read_text())
    held["inputs"]["rubrics"] = "b2:0"
    note.write_text(json.dumps(held))
    with pytest.raises(RunError, match="judged by a rubric of each prompt"):
        judged_runs(loop)
