"""A step that another package adds is one of ours: in recipes, `--set`, the dry run, the key, the table of rounds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rlaif import register
from rlaif.errors import InputError, RecipeError
from rlaif.exchange.completions import read_completions
from rlaif.exchange.examples import read_examples
from rlaif.judging.kinds import JUDGES
from rlaif.judging.protocols import PROTOCOLS, Pairwise
from rlaif.records import Completion, Judgment, Prompt
from rlaif.review.rounds import tables
from rlaif.settings import setting
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.dry_run.recipe import plan
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.prepared import PreparedRecipe
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.registry import STEPS
from rlaif.workflows.recipe.run import run
from rlaif.workflows.recipe.schema import recipe_schema
from rlaif.workflows.recipe.step import Job, RunJob, Step
from rlaif.workflows.recipe.steps import train as train_step
from rlaif.workflows.training.methods import METHODS
from tests.workflows.conftest import GREETS, Write
from tests.workflows.recipe import revise_step

RECIPE = """\
name: outside
models: {{policy: "{policy}", judge: "{judge}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 4, prompts: 4, as: long}}
  - {{step: shorten, words: 3}}
  - {{step: judge}}
  - {{step: pairs, critique: false}}
  - {{step: audit}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortenSettings:
    """How much is kept."""

    words: int = setting(5, help="Words that are kept.", least=1)


def shortened(job: Job) -> list[tuple[Prompt, Completion]]:
    return [
        (prompt, replace(said, text=" ".join(said.text.split()[: job.settings.words]), token_ids=None))
        for prompt, said in job.value("completions")
    ]


def make(job: RunJob) -> dict[str, Any]:
    job.write(found := shortened(job))
    return {"shortened": len(found)}


SHORTEN = Step(
    name="shorten",
    help="Answers are cut.",
    settings=ShortenSettings,
    needs=(("completions",),),
    makes="completions",
    make=make,
    forecast=shortened,
    columns={"shortened": None},
    row=lambda facts, _: dict(facts),
)


@pytest.fixture(autouse=True)
def _added() -> Iterator[None]:
    for each in (SHORTEN, revise_step.STEP):
        STEPS.add(each)
    yield
    for each in (SHORTEN, revise_step.STEP):
        del STEPS._added[each.name]


@pytest.fixture
def recipe(tmp_path: Path, policy: str, judge: str, prompts: Path, constitution: Path) -> Path:
    path = tmp_path / "outside.yaml"
    path.write_text(RECIPE.format(policy=policy, judge=judge, constitution=constitution, prompts=prompts))
    return path


def prepared(recipe: Path, out: str = "run", **overrides: str) -> PreparedRecipe:
    named = {name.replace("__", "."): value for name, value in overrides.items()}
    return prepare_recipe(RunConfig(recipe=str(recipe), out=recipe.parent / out, overrides=named))


def play(recipe: Path, out: str = "run", **overrides: str) -> Finished:
    return run(prepared(recipe, out, **overrides))


def texts(file: Path) -> set[str]:
    return {each.text for _, each in read_completions(file)}


def test_it_runs_between_ours_and_its_result_is_what_they_take(recipe: Path) -> None:
    done = play(recipe)
    assert texts(done.run / "round-1/long.jsonl") == {GREETS, "It is 5."}
    assert texts(done.run / "round-1/shorten.jsonl") == {"Hello. It is", "It is 5."}
    sides = {
        said["content"]
        for line in (done.run / "round-1/pairs.jsonl").read_text().splitlines()
        for said in json.loads(line)["chosen"]
    }
    assert sides == {"Hello. It is"}
    assert done.rounds[1]["shortened"] == 16
    assert done.rounds[0]["shortened"] is None
    assert tables(done.rounds, done.further)[-1] == ("further figures", ["round", "shortened"], [["1", "16"]])
    page = (done.run / "report.html").read_text()
    assert "further figures" in page
    assert "shortened" in page


def test_another_setting_of_it_makes_again_what_depends_on_it_and_nothing_else(recipe: Path) -> None:
    first, other = play(recipe), play(recipe, "other", round__shorten__words="2")

    def note(run: Path, step: str) -> Any:
        return json.loads((run / f"steps/round-1/{step}.json").read_text())["seconds"]

    assert note(first.run, "long") == note(other.run, "long")
    for step in ("shorten", "judge", "pairs"):
        assert note(first.run, step) != note(other.run, step)
    assert play(recipe).calls["new"] == 0


def test_the_dry_run_shows_it_with_what_flows_and_is_asked(recipe: Path) -> None:
    planned = plan(prepared(recipe))
    nodes = {each.name: each for each in planned.graph}
    assert list(nodes) == [f"round-1/{each}" for each in ("long", "shorten", "judge", "pairs", "audit")]
    assert nodes["round-1/judge"].takes[0]["from"] == "shorten"
    assert nodes["round-1/shorten"].settings == {"words": 3}
    assert [nodes[f"round-1/{each}"].calls for each in ("long", "shorten", "audit")] == [16, 0, 0]
    assert nodes["round-1/judge"].calls > 0
    assert planned.as_dict()["graph"][1]["makes"]["kind"] == "completions"
    assert "  shorten  completions (long) -> completions (shorten)" in planned.text.splitlines()
    assert not (recipe.parent / "run").exists()


def test_an_audit_of_the_round_is_kept_and_what_it_finds_is_reported(recipe: Path) -> None:
    done = play(recipe)
    held = json.loads((done.run / "round-1/audit.json").read_text())
    assert held["counts"]["pairs"] == done.rounds[1]["pairs"] == 4
    told = [each for each in done.rounds[1]["warnings"] if each.startswith("audit: ")]
    assert told == [f"audit: {each['says']}" for each in held["findings"]]


def test_its_mistakes_are_reported_as_those_of_ours(recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("words: 3", "word: 3"))
    with pytest.raises(RecipeError, match=r"outside.yaml:8: .*'word' \(did you mean 'words'\?\)"):
        load_recipe(recipe)


def test_the_stored_schema_knows_our_steps_alone() -> None:
    assert "shorten" in recipe_schema()["$defs"]
    assert "shorten" not in recipe_schema(from_outside=False)["$defs"]


REVISION = """\
name: revision
models: {{policy: {policy}, judge: "{judge}", editor: "{editor}"}}
constitution: {constitution}
prompts: {{train: {prompts}}}
rounds: 1
round:
  - {{step: sample, n: 1, prompts: 4, max_tokens: 24, as: first}}
  - {{step: rewrite, of: first, times: 2, editor: editor, as: revised}}
  - {{step: train, method: sft, on: revised, steps: 2, batch_size: 4}}
  - {{step: sample, n: 2, prompts: 4, max_tokens: 24}}
"""


def test_revision_and_imitation_is_a_file_and_a_recipe(
    tmp_path: Path, mini: Path, judge: str, script: Write, prompts: Path, constitution: Path
) -> None:
    editor = script(
        "editor", [{"contains": ["Hello"], "texts": ["Hello!"]}, {"contains": [], "texts": [GREETS]}]
    )
    path = tmp_path / "revision.yaml"
    path.write_text(
        REVISION.format(policy=mini, judge=judge, editor=editor, constitution=constitution, prompts=prompts)
    )
    done = play(path)
    learned = {each.messages[-1].content for each in read_examples(done.run / "round-1/revised.jsonl")}
    assert learned == {"Hello!"}
    assert (done.run / "models/round-1/model.safetensors").is_file()
    written = {each.policy for _, each in read_completions(done.run / "round-1/completions.jsonl")}
    assert written == {done.rounds[1]["policy"]}
    assert done.rounds[0]["policy"] != done.rounds[1]["policy"]


def compared(judge: Any, items: Any, principles: Any, how: Any) -> list[Judgment]:
    return list(judge.compare(items, principles))


def shorter(prompt: Prompt, a: Completion, b: Completion) -> float:
    return float(len(a.text) <= len(b.text))


@pytest.fixture
def functions(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in (PROTOCOLS, JUDGES):
        monkeypatch.setattr(registry, "_added", {})


@pytest.mark.usefixtures("functions")
def test_run_json_says_of_judges_and_protocols_that_are_functions_what_they_are(recipe: Path) -> None:
    register.judge(name="shorter", version="7")(shorter)
    PROTOCOLS.add(Pairwise(name="mine", says="as compare", ask=compared, version="2"))
    done = play(recipe, models__judge="shorter", round__pairs__then="mine")
    config = json.loads((done.run / "run.json").read_text())["config"]
    assert config["functions"]["judge"]["fingerprint_from"].endswith(".shorter@version:7")
    assert list(config["protocols"]) == ["mine"]
    assert config["protocols"]["mine"].endswith(".compared@version:2")
    ours = json.loads((play(recipe, "ours").run / "run.json").read_text())["config"]
    assert not {"functions", "protocols"} & ours.keys()


@pytest.mark.usefixtures("functions")
def test_another_version_of_a_protocol_makes_again_what_was_asked_by_it(recipe: Path) -> None:
    seconds = {}
    for version in ("1", "1", None):
        PROTOCOLS.add(Pairwise(name="mine", says="as compare", ask=compared, version=version))
        done = play(recipe, f"run-{len(seconds)}-{version}", round__pairs__then="mine")
        note = json.loads((done.run / "steps/round-1/pairs.json").read_text())
        before = seconds.setdefault(version, note["seconds"])
        assert before == note["seconds"]
    assert seconds["1"] != seconds[None]
    assert ".compared@source:b2:" in note["inputs"]["protocols"]["mine"]


def test_a_method_of_this_process_trains_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    settings = SimpleNamespace(method="mine", options=SimpleNamespace(alarm=None))
    background = SimpleNamespace(begin=lambda call, given: begun.append(given))
    job: Any = SimpleNamespace(settings=settings, background=background)
    monkeypatch.setattr(train_step, "_training", lambda each: (each.settings.method, None))
    with pytest.raises(InputError, match="is no train method"):
        METHODS.get("mine")
    monkeypatch.setitem(METHODS._added, "mine", METHODS.get("dpo"))
    train_step.ahead(job)
    assert begun == []
    settings.method = "dpo"
    train_step.ahead(job)
    assert begun == ["dpo"]
