"""The registry of train methods: what each says of itself, and one from outside."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.settings import setting
from rlaif.shipped import shipped
from rlaif.training import Progress, SFTConfig, TrainSummary
from rlaif.workflows.generate.run import generate
from rlaif.workflows.recipe.recipes import load_recipe
from rlaif.workflows.recipe.train_step import TrainStep, train_step, train_step_schema
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.job import TrainJob
from rlaif.workflows.training.method import Method, Role
from rlaif.workflows.training.methods import DEFAULT, METHODS
from rlaif.workflows.training.options import MethodOptions
from rlaif.workflows.training.plan import plan_training
from rlaif.workflows.training.run import settle, train
from tests.workflows.conftest import Configured


def test_the_methods_of_the_package_are_these_and_each_moves_its_role() -> None:
    moved = {name: METHODS.get(name).trains for name in METHODS.names()}
    assert moved == {
        "distill": Role.POLICY,
        "dpo": Role.POLICY,
        "grpo": Role.POLICY,
        "judge": Role.JUDGE,
        "online-dpo": Role.POLICY,
        "ppo": Role.POLICY,
        "raft": Role.POLICY,
        "rest": Role.POLICY,
        "rest-em": Role.POLICY,
        "process-reward": Role.REWARD_MODEL,
        "reward": Role.REWARD_MODEL,
        "rloo": Role.POLICY,
        "sft": Role.POLICY,
        "thumbs": Role.POLICY,
    }
    assert DEFAULT in moved


def test_the_registry_loads_no_torch() -> None:
    code = (
        "import sys; from rlaif.workflows.training.methods import METHODS; METHODS.all(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", METHODS.names())
def test_each_option_has_a_help_and_a_group(name: str) -> None:
    from rlaif.settings import options

    for each in options(METHODS.get(name).options):
        assert each.setting.help
        assert each.setting.group


@dataclass(frozen=True, slots=True, kw_only=True)
class MineOptions(MethodOptions):
    """Options of a method of somebody else's."""

    echo: str = setting("hello", help="What the model card says.")


def _mine(job: TrainJob, progress: Progress) -> TrainSummary:
    from rlaif.training import train_sft
    from rlaif.workflows.training.datasets import examples

    assert isinstance(job.options, MineOptions)
    learned = examples(job.pairs, "chosen")
    return train_sft(
        SFTConfig(**job.loop_fields(len(learned))),
        learned,
        policy=job.base,
        out=job.out,
        card={**job.card, "echo": job.options.echo},
        progress=progress,
    )


@pytest.fixture
def mine() -> Iterator[Method]:
    method = METHODS.add(
        Method(name="mine", help="Imitate, and say hello.", options=MineOptions, run=_mine, version="1")
    )
    yield method
    METHODS._added.pop("mine")


@pytest.fixture
def run(configured: Configured, mini: Path) -> Path:
    return generate(configured(policy=(str(mini),), max_tokens=24)).run


def test_a_method_from_outside_is_trained_by_from_python(mine: Method, run: Path) -> None:
    job = settle(train_config(run, method="mine", steps=1, batch_size=2, echo="good day"))
    assert "echo: good day" in plan_training(job)
    trained = train(job)
    assert trained.outcome.out == run / "models" / "mine"
    assert "| echo | good day |" in (trained.outcome.out / "README.md").read_text()
    with pytest.raises(InputError, match="echo is not used by method dpo, but by mine"):
        settle(train_config(run, echo="good day"))


def test_a_method_from_outside_is_trained_by_from_the_command_line(
    mine: Method, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "mine", str(run), "--steps", "1", "--batch-size", "2", "--echo", "hi"]) == 0
    assert "| echo | hi |" in (run / "models" / "mine" / "README.md").read_text()
    assert main(["train", str(run), "--method", "mine", "--dry-run", "--echo", "ho"]) == 0
    assert "echo: ho" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    assert "Imitate, and say hello." in capsys.readouterr().out


def test_a_step_of_a_method_from_outside_spells_out_its_options_and_its_version(mine: Method) -> None:
    step = train_step("mine", echo="x")
    assert isinstance(step, TrainStep)
    assert step.as_dict() == {
        "step": "train",
        "method": "mine",
        "version": "1",
        "steps": None,
        "epochs": None,
        "batch_size": None,
        "learning_rate": None,
        "lora": False,
        "loop": {},
        "echo": "x",
    }
    assert "mine" in train_step_schema()["properties"]["method"]["enum"]
    assert "mine" not in train_step_schema(from_outside=False)["properties"]["method"]["enum"]


def test_a_recipe_trains_by_a_method_from_outside(mine: Method, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    text = (shipped("pipelines") / "ai-feedback.yaml").read_text()
    file.write_text(re.sub(r"method: dpo.*}}", "method: mine, echo: from a recipe}", text))
    [step] = [each for each in load_recipe(file).round if each.step == "train"]
    assert step.settings == train_step("mine", echo="from a recipe")
    with pytest.raises(InputError, match="learn is not used by method mine, but by sft"):
        load_recipe(file, {"round.train.learn": "chosen"})
