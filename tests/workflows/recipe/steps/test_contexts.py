"""The step `contexts`: examples with teacher's turns, what is left out is counted, what cannot be is refused before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.errors import InputError, RecipeError
from rlaif.exchange.examples import read_examples
from rlaif.shipped import shipped
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.flow import tasks_of
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.run import run

RECIPE = """\
name: tiny
models: {{policy: {policy}, judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}, held_out: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4, prompts: 6, max_tokens: 24}}
  - {{step: judge}}
  - {{step: contexts, {contexts}}}
  - {{step: train, method: distill, steps: 2, batch_size: 4, learning_rate: 1.0e-3{train}}}
"""


@pytest.fixture
def written(tmp_path: Path, mini: Path, judge: str, prompts: Path, constitution: Path):  # type: ignore[no-untyped-def]
    def write(contexts: str, train: str = "") -> Path:
        path = tmp_path / "recipe.yaml"
        path.write_text(
            RECIPE.format(
                policy=mini,
                judge=judge,
                constitution=constitution,
                prompts=prompts,
                contexts=contexts,
                train=train,
            )
        )
        return path

    return write


def play(path: Path) -> Path:
    return run(prepare_recipe(RunConfig(recipe=str(path), out=path.parent / "out"))).run


def test_examples_are_made_and_learned(written) -> None:  # type: ignore[no-untyped-def]
    out = play(written("teacher_sees: [constitution]"))
    rows = read_examples(out / "round-1/contexts.jsonl")
    assert all(each.teacher[0].role == "system" for each in rows)
    assert all(each.teacher[1:] == each.messages[:-1] for each in rows)
    assert json.loads((out / "models/round-1/train.json").read_text())["method"] == "distill"


def test_what_has_nothing_to_show_is_counted_and_said(written) -> None:  # type: ignore[no-untyped-def]
    out = play(written("teacher_sees: [principle]"))
    drawn = (out / "round-1/completions.jsonl").read_text().splitlines()
    kept = len(read_examples(out / "round-1/contexts.jsonl"))
    (row,) = [each for each in json.loads((out / "rounds.json").read_text()) if each["round"] == 1]
    lost = len(drawn) - kept
    said = [each for each in row["warnings"] if "nothing to show a teacher" in each]
    assert bool(said) == bool(lost)
    assert (sum(row["contexts"].values()), row["contexts"].get("nothing", 0)) == (len(drawn), lost)
    assert all(each.startswith(f"{lost} of {len(drawn)} completions") for each in said)


def test_a_threshold_that_nothing_reaches_ends_the_run(written) -> None:  # type: ignore[no-untyped-def]
    path = written("teacher_sees: [sibling], threshold: 2.0")
    done = run(prepare_recipe(RunConfig(recipe=str(path), out=path.parent / "out")))
    assert done.unmet is not None
    assert "no completion has anything to show its teacher" in done.unmet
    assert not (done.run / "models").exists()


@pytest.mark.parametrize(
    ("contexts", "says"),
    [
        ("teacher_sees: [rules]", "'rules', which is none of constitution, critique"),
        ("teacher_sees: []", "name one or several"),
        ("teacher_sees: [sibling, sibling]", "each once"),
        ("teacher_sees: [constitution, sibling]", "put that last"),
        ("teacher_sees: [principle], threshold: 0.5", "threshold is of `sibling`"),
        ("teacher_sees: [principle], critic: judge", "remove `critic`"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_call(written, contexts: str, says: str) -> None:  # type: ignore[no-untyped-def]
    path = written(contexts)
    with pytest.raises(InputError, match=says):
        prepare_recipe(RunConfig(recipe=str(path), out=path.parent / "out"))
    assert not (path.parent / "out").exists()


def test_a_teacher_of_another_tokenizer_is_refused_before_the_first_call(  # type: ignore[no-untyped-def]
    written, tmp_path: Path
) -> None:
    path = written("teacher_sees: [constitution]", ", teacher: micro")
    with pytest.raises(
        RecipeError, match=r"\.yaml:\d+: the teacher .* has another tokenizer than the student"
    ):
        prepare_recipe(RunConfig(recipe=str(path), out=tmp_path / "out"))  # as a dry run does
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["context-distillation", "self-distillation"])
def test_the_graph_of_the_shipped_recipes(name: str) -> None:
    tasks = {
        each.name: each for each in tasks_of(load_recipe(shipped(f"pipelines/{name}.yaml")), Path("run"))
    }
    train = tasks["round-1/train"]
    assert [each.kind for each in train.takes] == ["examples"]
    assert train.moves == "policy"
    assert train.takes[0].ancestor("completions") is not None
    measured = [each for name, each in tasks.items() if name.startswith("round-1/evaluate")]
    assert all(each.models["model"] == "run/models/round-1" for each in measured)


def test_the_graph_of_the_character() -> None:
    tasks = {
        each.name: each for each in tasks_of(load_recipe(shipped("pipelines/character.yaml")), Path("run"))
    }
    assert tasks["round-1/own"].models["model"] == "run/models/round-1-dpo"
    assert tasks["round-1/sft"].models["trains"] == "run/models/round-1-dpo"
    merge = tasks["round-1/merge"]
    assert merge.moves == "policy"
    assert merge.makes is not None
    assert tasks["round-1/evaluate"].models["model"] == f"run/{merge.makes.path}"
