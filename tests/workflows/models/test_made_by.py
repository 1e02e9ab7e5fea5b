"""A command on a run or a trained model judges by what that was made by, and says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rlaif.constitution import load_principles
from rlaif.constitution.writing import constitution_yaml
from rlaif.errors import InputError
from rlaif.runs.claim import claim
from rlaif.runs.layout import CONSTITUTION
from rlaif.workflows.configs import EvaluateConfig, GenerateConfig, JudgeConfig
from rlaif.workflows.models.defaults import choose_evaluate, choose_generate, choose_judge
from rlaif.workflows.models.made_by import label, rules_of_model, rules_of_run

RULE = "name: house\nversion: 1.0.0\ntitle: T\nprinciples:\n  - {id: greets, text: The response greets the user.}\n"
EDITED = RULE.replace("greets the user", "thanks the user").replace("1.0.0", "1.1.0")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (file := tmp_path / "house.yaml").write_text(RULE)
    return file


def run_of(folder: Path, source: str | None, kept: bool = True) -> Path:
    constitution = load_principles("house.yaml")
    held: dict[str, Any] = {"name": "house", "version": "1.0.0", "digest": constitution.digest}
    if source is not None:
        held["source"] = source
    with claim(folder, {"constitution": held} if source or kept else {}, command="generate") as run:
        if kept:
            (folder / CONSTITUTION).write_text(constitution_yaml(constitution))
        run.finish({})
    return folder


def model_of(folder: Path, run: str, **card: str) -> Path:
    folder.mkdir(parents=True)
    told = {
        "constitution": "house 1.0.0",
        "constitution digest": load_principles("house.yaml").digest,
        "run": run,
        **card,
    }
    (folder / "train.json").write_text(json.dumps({"card": told}))
    return folder


def test_a_run_whose_file_stands_is_judged_by_that_file(house: Path, tmp_path: Path) -> None:
    assert rules_of_run(run_of(tmp_path / "r", "house.yaml")) == "house.yaml"


@pytest.mark.parametrize("change", [lambda file: file.write_text(EDITED), lambda file: file.unlink()])
def test_a_run_is_judged_again_by_the_rules_that_made_it(
    house: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Callable[[Path], object]
) -> None:
    run = run_of(tmp_path / "r", "house.yaml")
    wanted = load_principles("house.yaml").digest
    change(house)
    chosen = choose_judge(JudgeConfig(source=run, out=tmp_path / "o", judge="micro"))
    assert load_principles(str(chosen.constitution)).digest == wanted
    assert "--constitution" in caplog.text
    named = choose_judge(JudgeConfig(source=run, out=tmp_path / "o", judge="micro", constitution="x.yaml"))
    assert named.constitution == "x.yaml"


def test_a_run_that_keeps_no_rules_is_not_judged_by_edited_ones(house: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "r", "house.yaml", kept=False)
    assert rules_of_run(run) == "house.yaml"
    house.write_text(EDITED)
    with pytest.raises(InputError, match=r"was judged by house 1\.0\.0 .*--constitution"):
        rules_of_run(run)


def test_a_run_of_a_recipe_is_judged_by_what_it_keeps(house: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "r", None)
    assert rules_of_run(run) == str(run / CONSTITUTION)


def test_a_run_of_no_rules_needs_them_named(house: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "r", None, kept=False)
    with pytest.raises(InputError, match="--constitution is missing"):
        choose_judge(JudgeConfig(source=run, out=tmp_path / "o", judge="micro"))


@pytest.mark.parametrize("prefix", ["", "hf:"])
def test_a_trained_model_is_evaluated_by_the_rules_of_its_run(
    house: Path, tmp_path: Path, prefix: str
) -> None:
    run_of(tmp_path / "runs" / "r", "house.yaml")
    model = model_of(tmp_path / "m", "runs/r")
    wanted = load_principles("house.yaml").digest
    house.write_text(EDITED)
    for prompts in (None, "micro:held-out", "mine.jsonl"):
        chosen = choose_evaluate(
            EvaluateConfig(
                policy=f"{prefix}{model}", against=("micro",), judge="micro", prompts=prompts or "x"
            )
        )
        assert load_principles(str(chosen.constitution)).digest == wanted
    drawn = choose_generate(
        GenerateConfig(policy=(str(model),), judge="micro", prompts="micro:train", out=tmp_path / "o")
    )
    assert load_principles(str(drawn.constitution)).digest == wanted


def test_a_model_in_its_run_is_found_wherever_the_run_has_moved(house: Path, tmp_path: Path) -> None:
    run_of(tmp_path / "moved", "house.yaml")
    model = model_of(tmp_path / "moved" / "models" / "round-1", "self-rewarding, round 1")
    for name in (model, model / "adapter"):
        assert rules_of_model(str(name)) == str((tmp_path / "moved" / CONSTITUTION).resolve())


def test_rules_that_are_nowhere_are_asked_for_and_not_replaced(house: Path, tmp_path: Path) -> None:
    model = model_of(tmp_path / "m", "runs/gone")
    with pytest.raises(InputError, match=r"trained by house 1\.0\.0 .*name the file"):
        choose_evaluate(
            EvaluateConfig(policy=str(model), against=("micro",), judge="micro", prompts="micro:held-out")
        )
    shipped = load_principles("micro-default")
    named = {"constitution": f"micro-default {shipped.version}", "constitution digest": shipped.digest}
    assert rules_of_model(str(model_of(tmp_path / "n", "runs/gone", **named))) == "micro-default"


@pytest.mark.parametrize("card", [{"constitution digest": "unknown"}, None])
def test_a_model_of_no_rules_leaves_the_choice_as_it_was(
    house: Path, tmp_path: Path, card: dict[str, str] | None
) -> None:
    model = model_of(tmp_path / "m", "pairs.jsonl", **(card or {}))
    if card is None:
        (model / "train.json").write_text("[]")
    assert rules_of_model(str(model)) is None
    assert rules_of_model("micro") is None
    chosen = choose_evaluate(
        EvaluateConfig(policy=str(model), against=("micro",), judge="micro", prompts="micro:held-out")
    )
    assert chosen.constitution == "micro-default"


def test_what_is_judged_by_is_said_with_its_digest(house: Path) -> None:
    constitution = load_principles("house.yaml")
    assert label(constitution) == f"constitution house 1.0.0 ({constitution.digest})"
