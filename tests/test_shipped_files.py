"""Every file that ships is loaded here: what a user copies from must work."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlaif.constitution import lint, load_constitution
from rlaif.exchange.examples import read_examples
from rlaif.exchange.prompts import read_prompts
from rlaif.microworld.gold import MicroGold
from rlaif.shipped import shipped
from rlaif.templates import load_template
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.project.init import init
from rlaif.workflows.recipe.graph import graph, graph_lines
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.recipes import TrainStep
from rlaif.workflows.training.methods.dpo import DPOOptions
from rlaif.workflows.training.run import replay_examples


def names(kind: str, suffix: str) -> list[str]:
    return sorted(path.stem for path in shipped(kind).glob(f"*{suffix}"))


@pytest.mark.parametrize("name", names("constitutions", ".yaml"))
def test_every_constitution_loads_without_an_error(name: str) -> None:
    assert not [each for each in lint(load_constitution(name)) if each.level == "error"]


@pytest.mark.parametrize("name", names("prompts/templates", ".txt"))
def test_every_template_has_slots(name: str) -> None:
    template = load_template(name)
    assert template.slots or name in ("system-good", "system-bad", "system-self-talk", "reason-first")


@pytest.mark.parametrize("name", names("pipelines", ".yaml"))
def test_every_recipe_is_ready_to_run(name: str, tmp_path: Path) -> None:
    prepared = prepare_recipe(RunConfig(recipe=name, out=tmp_path / "run", limit=3))
    assert prepared.recipe.name == name
    assert name in "\n".join(graph_lines(prepared, graph(prepared, {})))
    for step in (each.settings for each in prepared.recipe.round):
        if isinstance(step, TrainStep) and isinstance(step.options, DPOOptions) and step.options.replay:
            assert replay_examples(step.options, prepared.recipe.models.policy)


def test_every_recipe_begins_with_its_own_command() -> None:
    for path in shipped("pipelines").glob("*.yaml"):
        assert path.read_text().startswith(f"# rlaif run pipelines/{path.name} --out runs/")


def test_the_held_out_prompts_are_in_no_round() -> None:
    train, held_out = (
        {prompt.id for prompt in read_prompts(name)} for name in ("micro:train", "micro:held-out")
    )
    assert len(held_out) >= 200
    assert not train & held_out


def test_the_judge_examples_are_judge_examples() -> None:
    assert {each.kind for each in read_examples("micro:judge", limit=50)} == {"judge"}


def test_a_new_project_is_ready_to_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    init(tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    constitution = load_constitution("constitutions/house.yaml")
    assert not [each for each in lint(constitution) if each.level == "error"]
    assert len(read_prompts("prompts/sets/mine.jsonl")) == 300
    prepared = prepare_recipe(
        RunConfig(recipe="pipelines/self-rewarding.yaml", out=Path("runs/loop"), limit=2)
    )
    assert prepared.constitution.name == "house"


def test_a_new_project_is_never_put_over_an_old_one(tmp_path: Path) -> None:
    from rlaif.errors import RunError

    init(tmp_path / "project")
    with pytest.raises(RunError, match="there already"):
        init(tmp_path / "project")


@pytest.mark.parametrize("name", ["house", "micro-default", "micro-terse"])
def test_every_principle_is_a_sentence_of_the_world(name: str, tmp_path: Path) -> None:
    init(tmp_path / "project")
    own = tmp_path / "project" / "constitutions" / "house.yaml"
    constitution = load_constitution(own if name == "house" else name)
    prompts = read_prompts("micro:train", limit=200)
    graded = [MicroGold().grade(prompt, "Hello.", constitution.principles) for prompt in prompts]
    unread = [
        each.id for each in constitution.principles if all(grades[each.id] is None for grades in graded)
    ]
    assert unread == []
