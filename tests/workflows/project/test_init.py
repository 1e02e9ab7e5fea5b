"""What `rlaif init` writes works as it stands: gold grades its rules, and the bundled model makes pairs by them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.checks import schema
from rlaif.cli.main import main
from rlaif.constitution import load_constitution
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Completion
from rlaif.store import find_store
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.models.gold import grade, ungraded
from rlaif.workflows.project.init import init
from rlaif.workflows.recipe.prepare import prepare_recipe

README = Path(__file__).resolve().parents[3] / "README.md"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project, entered."""
    init(tmp_path / "p")
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def test_gold_grades_every_principle_of_the_new_constitution(project: Path) -> None:
    rules = load_constitution("constitutions/house.yaml")
    prompts = read_prompts("prompts/sets/mine.jsonl")
    texts = [Completion(prompt_id=each.id, text="Hello. I may be wrong.", policy="p") for each in prompts]
    graded = [grade(prompt, text, rules) for prompt, text in zip(prompts, texts, strict=True)]
    assert ungraded(graded) == []
    assert graded[0]["greets"] is True


def test_the_better_side_of_its_own_tests_is_better_by_gold(project: Path) -> None:
    from rlaif.microworld.gold import grade_rule

    tests = [
        (each, test)
        for each in load_constitution("constitutions/house.yaml").principles
        for test in each.tests
    ]
    assert tests
    for principle, test in tests:
        assert grade_rule(principle.text, test.prompt, test.better) is True
        assert grade_rule(principle.text, test.prompt, test.worse) is False


def test_the_new_constitution_has_no_finding_to_mend(project: Path) -> None:
    assert main(["constitution", "check", "constitutions/house.yaml"]) == 0


def test_the_new_recipe_uses_the_projects_own_rules_and_prompts(project: Path) -> None:
    prepared = prepare_recipe(RunConfig(recipe="pipelines/self-rewarding.yaml", out=Path("runs/loop")))
    assert prepared.constitution.name == "house"
    assert list(prepared.prompts["train"]) == read_prompts("prompts/sets/mine.jsonl")


def test_editors_complete_by_the_schemas_beside_it(project: Path) -> None:
    first = (project / "constitutions/house.yaml").read_text().splitlines()[0]
    place = project / "constitutions" / first.partition("$schema=")[2]
    assert json.loads(place.read_text()) == schema("constitution")


def test_the_readmes_constitution_is_one_that_gold_reads(tmp_path: Path) -> None:
    blocks = README.read_text().split("```yaml\n")[1:]
    text = blocks[0].partition("```")[0]
    (tmp_path / "house.yaml").write_text(text)
    rules = load_constitution(tmp_path / "house.yaml")
    prompt = read_prompts("micro:held-out", limit=1)[0]
    said = Completion(prompt_id=prompt.id, text="Hello.", policy="p")
    assert ungraded([grade(prompt, said, rules)]) == []


@pytest.mark.heavy
def test_the_bundled_model_makes_pairs_in_a_new_project(project: Path) -> None:
    words = ["--constitution", "constitutions/house.yaml", "--prompts", "prompts/sets/mine.jsonl"]
    words += ["--policy", "micro", "--judge", "micro", "--limit", "30", "--n", "4"]
    assert main(["generate", *words, "--out", "runs/r1"]) == 0
    assert len(read_pairs(Path("runs/r1/pairs.jsonl"))) >= 15
    summary = json.loads(Path("runs/r1/run.json").read_text())["summary"]
    assert summary["tests"]["greets"]["passed"] == summary["tests"]["greets"]["tests"]


def test_a_project_inside_another_one_has_a_store_of_its_own(tmp_path: Path) -> None:
    init(tmp_path)
    init(inner := tmp_path / "inner")
    assert find_store(inner / "runs" / "r1") == inner / ".rlaif" / "store.sqlite"
    assert find_store(tmp_path / "runs" / "r1") == tmp_path / ".rlaif" / "store.sqlite"
