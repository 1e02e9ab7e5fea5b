"""The step `revise`: what it makes, what it counts, what it measures, and what it refuses before anything is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.records import Completion
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run
from tests.workflows.conftest import GREETS, SILENT, Write, judge_rows

RECIPE = """\
name: revision
models: {{policy: "{policy}", judge: "{judge}", editor: "{editor}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 2, prompts: 4, as: first}}
{steps}
"""
NONE = "The response breaks no rule."
FENCED = "Response:\n```\n"
SEES_GREETING = {"contains": ["Name one rule", f"{FENCED}Hello"], "texts": [NONE]}
SEES_NONE = {
    "contains": ["Name one rule", f"{FENCED}It is"],
    "texts": ["The response does not greet the user."],
}
GREETING = {"contains": ["Rewrite the response"], "texts": [GREETS]}
EDITOR = [SEES_GREETING, SEES_NONE, GREETING]


@pytest.fixture
def written(tmp_path: Path, policy: str, judge: str, script: Write, prompts: Path, constitution: Path) -> Any:
    def write(revise: str = "", rows: Sequence[Any] = EDITOR, before: str = "", after: str = "") -> Path:
        step = f"  - {{step: revise, reviser: editor, principles: [greet]{', ' if revise else ''}{revise}}}"
        path = tmp_path / "revision.yaml"
        names = {"policy": policy, "judge": judge, "editor": script("editor", rows)}
        steps = "\n".join(each for each in (before, step, after) if each)
        path.write_text(RECIPE.format(**names, constitution=constitution, prompts=prompts, steps=steps))
        return path

    return write


def play(recipe: Path, out: str = "run", **overrides: str) -> Finished:
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    return run(prepare_recipe(RunConfig(recipe=str(recipe), out=recipe.parent / out, overrides=named)))


def made(done: Finished, name: str = "revisions") -> list[Completion]:
    return [said for _, said in read_completions(done.run / f"round-1/{name}.jsonl")]


def stages(done: Finished) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (done.run / "round-1/stages.jsonl").read_text().splitlines()]


def figures(done: Finished) -> dict[str, Any]:
    found: dict[str, Any] = done.rounds[1]["revision"]
    return found


def test_what_breaks_the_rule_is_written_anew_and_says_what_it_was_made_of(written: Any) -> None:
    done = play(written())
    drafts = [each for each in made(done) if each.origin is None]
    revised = [each for each in made(done) if each.origin is not None]
    assert len(drafts) == 8
    assert {each.text for each in revised} == {GREETS}
    parents = {each.id for each in drafts if each.text == SILENT}
    assert len(revised) == 4
    for each in revised:
        assert each.origin is not None
        assert each.origin.parent in parents
        assert (each.origin.kind, each.origin.stage, each.origin.principle) == ("revision", 1, "greet")
        assert each.origin.critique == "The response does not greet the user."


def test_a_critique_that_names_no_violation_leaves_the_completion_and_is_counted(written: Any) -> None:
    done = play(written())
    (stage,) = figures(done)["stages"]
    assert stage["outcomes"] == {"revised": 4, "the critique names no violation": 4}
    assert figures(done)["changed"] == 4
    kept = [row for row in stages(done) if row["revision"] is None]
    assert {row["critique"] for row in kept} == {NONE}
    assert len(stages(done)) == 8


@pytest.mark.parametrize(("keep", "texts"), [("all", 12), ("revisions", 4), ("last", 8)])
def test_what_is_kept_is_told_and_every_stage_stays_in_the_run(written: Any, keep: str, texts: int) -> None:
    done = play(written(f"keep: {keep}, times: 2"))
    assert len(made(done)) == texts
    assert len(stages(done)) == 16
    if keep == "last":
        assert {each.text for each in made(done)} == {GREETS}


def test_gold_says_of_critiques_and_revisions_what_they_were_worth(written: Any) -> None:
    # the constitution's rules in the microworld's words: greet is mended, and it is brief before and after
    found = figures(play(written()))
    assert found["gold"] == [0.75, 1.0]
    assert found["whole"] == {"confirmed": 1.0, "missed": 0.0, "fixed": 1.0, "broke": 0.0}
    assert found["gold_gain"]["value"] == 0.25
    assert "judge_gain" not in found


def test_a_revision_that_breaks_what_was_followed_is_told(written: Any) -> None:
    long = "It is 5. " * 8
    done = play(written(rows=[SEES_GREETING, SEES_NONE, {"contains": [], "texts": [long]}]))
    assert figures(done)["whole"] == {"confirmed": 1.0, "missed": 0.0, "fixed": 0.0, "broke": 1.0}
    assert figures(done)["gold_gain"]["value"] == -0.25


@pytest.mark.parametrize(
    ("rows", "outcome", "told"),
    [
        ([SEES_NONE, {"contains": ["Rewrite"], "texts": [""]}], "the revision is empty", True),
        ([SEES_NONE, {"contains": ["Rewrite"], "texts": [SILENT]}], "the revision changed nothing", False),
        ([{"contains": ["Name one", f"{FENCED}It is"], "texts": [" "]}], "the critique is empty", True),
    ],
)
def test_nothing_that_came_to_nothing_is_learned_and_each_has_its_reason(
    written: Any, rows: list[Any], outcome: str, told: bool
) -> None:
    done = play(written("keep: last", rows=[SEES_GREETING, *rows, GREETING]))
    (stage,) = figures(done)["stages"]
    assert stage["outcomes"][outcome] == 4
    assert {each.text for each in made(done)} == {GREETS, SILENT}
    assert any(outcome in each for each in done.warnings) is told


def test_without_any_revision_nothing_follows(written: Any) -> None:
    done = play(written("keep: revisions", rows=[{"contains": ["Name one"], "texts": [NONE]}]))
    assert done.unmet is not None
    assert "no completion was revised: the critique names no violation 8" in done.unmet


def test_direct_revises_without_a_critique(written: Any) -> None:
    done = play(written("direct: true", rows=[{"contains": ["Rewrite"], "texts": [GREETS]}]))
    assert {row["critique"] for row in stages(done)} == {""}
    assert figures(done)["stages"][0]["outcomes"] == {"revised": 4, "the revision changed nothing": 4}
    assert figures(done)["whole"]["confirmed"] is None


def test_another_model_criticises_where_one_is_named(written: Any, judge: str) -> None:
    done = play(written("critic: judge", rows=[GREETING]))
    assert {row["critique"] for row in stages(done)} == {"It does not greet."}


def test_the_worst_principle_is_the_one_that_was_followed_least(written: Any, script: Write) -> None:
    brief = {"contains": ["Does the response", "brief"], "labels": {"yes": 0.1, "no": 0.9}}
    path = written(before="  - {step: judge, judge: strict}")
    path.write_text(
        path.read_text()
        .replace('editor: "', f'strict: "{script("strict", [brief, *judge_rows()])}", editor: "', 1)
        .replace("principles: [greet]", "principles: worst, times: 3")
    )
    asked = {row["stage"]: row["principles"] for row in stages(play(path))}
    assert asked == {1: ["brief"], 2: ["greet"], 3: ["brief"]}


def test_worst_without_judgments_is_refused_with_the_step_that_lacks(written: Any) -> None:
    path = written()
    path.write_text(path.read_text().replace("principles: [greet]", "principles: worst"))
    with pytest.raises(RecipeError, match=r"revision.yaml:8: step 'revise' needs a step 'judge' before it"):
        play(path)


@pytest.mark.parametrize(
    ("revise", "said"),
    [
        ("direct: true, critic: judge", "direct is true, so that the critic is asked nothing"),
        ("least_gain: 0.0", "add `judge: judge`"),
        ("templates: nowhere", "nowhere is no folder"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(written: Any, revise: str, said: str) -> None:
    with pytest.raises(RecipeError, match=rf"revision.yaml:8: .*{said}"):
        play(written(revise))


@pytest.mark.parametrize(
    ("principles", "said"),
    [
        ("[gret]", "has no principle 'gret'; it has: greet, brief"),
        ("best", r"principles is 'best'; it must be drawn, worst, all, or a list of ids: \[best\]"),
        ("[]", "principles is an empty list"),
    ],
)
def test_principles_that_there_are_not_are_refused(written: Any, principles: str, said: str) -> None:
    path = written()
    path.write_text(path.read_text().replace("principles: [greet]", f"principles: {principles}"))
    with pytest.raises(RecipeError, match=rf"revision.yaml:8: .*{said}"):
        play(path)


def test_a_constitution_of_which_nothing_applies_is_refused(written: Any, constitution: Path) -> None:
    text = constitution.read_text()
    constitution.write_text(text.replace("greets the user.", "greets the user.\n    applies_to: [poem]"))
    with pytest.raises(
        RecipeError, match=r"revision.yaml:8: .*none of greet applies to any of the 8 prompts"
    ):
        play(written())


def test_the_dry_run_counts_critiques_revisions_and_the_judges_ratings(written: Any) -> None:
    path = written("times: 3, judge: judge, measured: 2")
    nodes = {
        each.name: each
        for each in plan(prepare_recipe(RunConfig(recipe=str(path), out=path.parent / "run"))).graph
    }
    # two draws of four prompts, a critique and a revision each, three times; two chains, both ends, two principles
    assert nodes["round-1/revise"].calls == 8 * 2 * 3 + 2 * 2 * 2


def test_a_judge_that_finds_revisions_worse_stops_the_run_before_anything_learns(written: Any) -> None:
    worse = [SEES_GREETING | {"texts": ["It greets."]}, SEES_NONE, {"contains": [], "texts": ["It is 5!"]}]
    done = play(written("judge: judge, least_gain: 0.0", rows=worse, after="  - {step: judge}"))
    assert done.unmet is not None
    assert "less than least_gain 0; gold, which does not decide: -0.250" in done.unmet
    assert not (done.run / "round-1/judgments.jsonl").exists()


def test_a_judge_that_finds_revisions_better_lets_the_run_go_on(written: Any) -> None:
    done = play(written("judge: judge, least_gain: 0.0"))
    assert done.unmet is None
    found = figures(done)
    assert found["measured"] == 8
    assert found["judge_last"] == pytest.approx(0.9)
    assert found["judge_first"] == pytest.approx((0.9 + 0.2) / 2)


def test_gold_never_decides_whether_a_run_goes_on(written: Any) -> None:
    path = written("judge: truth, least_gain: 0.0")
    path.write_text(path.read_text().replace('editor: "', 'truth: "gold:", editor: "', 1))
    with pytest.raises(RecipeError, match="gold measures and never decides"):
        play(path)


def test_the_same_command_again_asks_nothing_and_another_setting_makes_it_anew(written: Any) -> None:
    path = written("times: 2")
    first = play(path)
    assert play(path).calls["new"] == 0
    other = play(path, "other", round__revise__times="3")
    assert len(stages(other)) == 24
    assert len(stages(first)) == 16


def test_words_of_ones_own_are_asked_with_their_examples(written: Any, tmp_path: Path) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "critique.txt").write_text(
        "Any fault?\n{{fenced:prompt}}\n{{fenced:response}}\n{{principles}}\n=== examples ===\n"
        "- {prompt: Hi., response: Go., principles: Be kind., reply: It is unkind.}\n"
    )
    path = written(f"templates: {folder}", rows=[{"contains": ["Any fault?"], "texts": ["Yes."]}, GREETING])
    done = play(path)
    assert {row["critique"] for row in stages(done)} == {"Yes."}
    (folder / "critique.txt").write_text((folder / "critique.txt").read_text().replace("unkind", "rude"))
    assert play(path, "again").calls["new"] > 0


def test_a_template_that_lacks_a_slot_is_refused(written: Any, tmp_path: Path) -> None:
    (tmp_path / "revise.txt").write_text("Again: {{response}}\n")
    with pytest.raises(RecipeError, match=r"template .*/revise: has the slots response; it needs critique"):
        play(written(f"templates: {tmp_path}"))
