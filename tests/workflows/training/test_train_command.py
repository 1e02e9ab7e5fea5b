"""`rlaif train`: a command a method, and the spellings that lead to it."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import click
import pytest
from click.shell_completion import ShellComplete

from rlaif.cli.main import cli, main
from rlaif.cli.train import FLAGS, train
from rlaif.exchange.examples import write_examples
from rlaif.records import RIGHT_STEP, WRONG_STEP, Example, Message
from rlaif.settings import options
from rlaif.workflows.generate.run import generate
from rlaif.workflows.training.config import TrainConfig
from rlaif.workflows.training.methods import METHODS
from rlaif.workflows.training.online import OnlineTrainConfig
from tests.workflows.conftest import Configured

ALWAYS = {"source", "as_json", "dry_run", "full"}


KEPT: dict[str, Path] = {}


@pytest.fixture
def run(
    configured: Configured,
    mini: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """A run called `runs/r1`, seen from the current directory; it is made once."""
    if not KEPT:
        made = generate(configured(policy=(str(mini),), max_tokens=24)).run
        KEPT["model"], KEPT["run"] = mini, tmp_path_factory.mktemp("kept") / "r1"
        made.rename(KEPT["run"])
    monkeypatch.chdir(tmp_path)
    shutil.copytree(KEPT["run"], "runs/r1")
    return Path("runs/r1")


def planned(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    """What `--dry-run` says of a training: option -> value."""
    capsys.readouterr()
    assert main(["train", *words, "--dry-run"]) == 0
    # what the calls of a model take stands below it, indented
    said = capsys.readouterr().out.splitlines()
    lines = [line.split(": ", 1) for line in said if not line.startswith(" ")]
    return {name: value.partition("  [")[0] for name, value in lines}


@pytest.mark.parametrize("name", METHODS.names())
def test_a_method_has_its_own_options_and_those_of_all(name: str) -> None:
    command = train.get_command(click.Context(train), name)  # type: ignore[attr-defined]
    own = {each.name for each in options(METHODS.get(name).options)}
    draws = METHODS.get(name).reward_of is not None
    common = {each.name for each in options(OnlineTrainConfig if draws else TrainConfig)}
    assert {each.name for each in command.params} == own | common | ALWAYS - ({"source"} if draws else set())


@pytest.mark.parametrize(
    ("words", "method"),
    [
        (["runs/r1"], "dpo"),
        (["dpo", "runs/r1"], "dpo"),
        (["reward", "runs/r1"], "reward"),
        (["runs/r1", "--method", "reward"], "reward"),
        (["--method=sft", "runs/r1"], "sft"),
        (["runs/r1", "--method", "dpo"], "dpo"),
    ],
)
def test_the_first_word_or_an_option_names_the_method(
    run: Path, words: list[str], method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = planned(capsys, *words)
    assert said["method"] == method
    assert said["out"] == str(run / "models" / method)


def test_a_directory_with_the_name_of_a_method_is_written_with_a_dot(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.rename("dpo")
    assert planned(capsys, "./dpo")["out"] == str(Path("dpo/models/dpo"))
    assert main(["train", "dpo"]) == 2
    assert "Missing argument 'SOURCE'" in capsys.readouterr().err


def test_variables_name_the_command_with_its_method_or_without(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value, variable in enumerate(("RLAIF_STEPS", "RLAIF_TRAIN_STEPS", "RLAIF_TRAIN_SFT_STEPS"), 1):
        monkeypatch.setenv(variable, str(value))
        assert planned(capsys, "sft", "runs/r1")["steps"] == str(value)
    assert planned(capsys, "runs/r1")["steps"] == "2"
    monkeypatch.setenv("RLAIF_TRAIN_METHOD", "reward")
    assert planned(capsys, "runs/r1")["method"] == "reward"
    assert planned(capsys, "sft", "runs/r1")["method"] == "sft"


def test_all_options_of_names_and_values_have_one_grammar(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = planned(
        capsys,
        *("runs/r1", "--loss", "simpo", "--loss-option", "gamma=1.4", "--stop", "kl=50,margin=20"),
        *("--loop", "schedule=wsd,trackers=wandb,tensorboard", "--loop", "packed=false"),
        *("--gate-limit", "duplicate=0.5,length=1"),
    )
    assert said["loss_options"] == "{'gamma': 1.4}"
    assert said["stop"] == "{'kl': 50.0, 'margin': 20.0}"
    assert said["loop"] == "{'schedule': 'wsd', 'trackers': 'wandb,tensorboard', 'packed': False}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["reward", "--beta", "1"],
            "--beta is not used by method reward, but by dpo, grpo, judge, online-dpo, ppo, rloo, thumbs; leave it out",
        ),
        (
            ["--method", "sft", "--loss", "soft"],
            "--loss is not used by method sft, but by dpo, judge, reward",
        ),
        (["--centering", "1"], "--centering is not used by method dpo, but by reward; leave it out"),
        (["--rpo-alpha", "1"], "'rpo-alpha' is a name of TRL's: write nll"),
        (["reward", "--center-rewards-coefficient", "1"], "write centering"),
        (
            ["--method", "nash-md"],
            "'nash-md' is no train method; known: distill, dpo, grpo, judge, online-dpo, ppo",
        ),
        (["--stop", "klo=1"], "'klo' is not known; known: chosen_drop"),
        (["--gate-limit", "length=much"], "must be a number"),
        (["judge", "--beta", "0.3"], "remove it, or set via: dpo"),
    ],
)
def test_what_a_method_does_not_take_is_answered(
    run: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = 1 if words[0] in METHODS.names() else 0
    assert main(["train", *words[:place], "runs/r1", *words[place:]]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


EXAMPLES = [line for name in METHODS.names() for line in METHODS.get(name).examples]


@pytest.mark.parametrize("line", [*EXAMPLES, *train.examples])  # type: ignore[attr-defined]
def test_each_example_is_understood(run: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line)
    assert words[:2] == ["rlaif", "train"]
    # the judge of this run is a script, which is nothing to train
    more = (
        ["--policy", str(KEPT["model"])]
        if {"judge", "distill"} & {*words} and "--policy" not in words
        else []
    )
    if "distill" in words:  # its run is one of a recipe, with what a teacher is shown
        asked, said = Message(role="user", content="Why?"), Message(role="assistant", content="So.")
        write_examples(
            Path("contexts.jsonl"), [Example(messages=(asked, said), teacher=(asked, said, asked))]
        )
        words = ["contexts.jsonl" if each == "runs/distilled" else each for each in words]
    if "process-reward" in words:  # labels of steps are a recipe's too
        labels = Path("runs/r1/round-1/labels.jsonl")
        labels.parent.mkdir(parents=True, exist_ok=True)
        asked, said = Message(role="user", content="Why?"), Message(role="assistant", content="So.")
        kinds = ((RIGHT_STEP, 0.75), (WRONG_STEP, 0.25))
        write_examples(labels, [Example(messages=(asked, said), kind=k, weight=w) for k, w in kinds])
    if words[2] in METHODS.names() and METHODS.get(words[2]).reward_of is not None:
        # a dry run plays the questions of every step: two are as good as a hundred here
        more += [] if "--steps" in words else ["--steps", "2"]
    assert "base" in planned(capsys, *words[2:], *more)


def test_the_page_of_the_command_lists_the_methods_and_that_of_a_method_its_options_by_group(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name}  " in shown for name in METHODS.names())
    assert "--beta" not in shown
    assert main(["train", "reward", "--help"]) == 0
    shown = capsys.readouterr().out
    headings = ["Options:", "What is trained:", "Loss:", "Data:", "Training loop:", "Run:", "Examples:"]
    assert [shown.index(each) for each in headings] == sorted(shown.index(each) for each in headings)
    assert "--beta" not in shown


@pytest.mark.parametrize(
    ("words", "begun", "found"),
    [
        ([], "rew", {"reward"}),
        (["reward"], "--cent", {"--centering"}),
        (["runs/r1"], "--bet", {"--beta"}),
        (["reward", "runs/r1"], "--bet", set()),
    ],
)
def test_methods_and_their_options_are_completed(words: list[str], begun: str, found: set[str]) -> None:
    completions = ShellComplete(cli, {}, "rlaif", "_RLAIF_COMPLETE").get_completions(["train", *words], begun)
    assert {each.value for each in completions if each.type == "plain"} == found


def test_flags_that_are_spelled_otherwise_are_settings() -> None:
    known = {each.name for name in METHODS.names() for each in options(METHODS.get(name).options)}
    assert set(FLAGS) <= known


def test_the_results_of_a_method_are_json(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["train", "sft", "runs/r1", "--steps", "1", "--batch-size", "2", "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (said["method"], said["steps"]) == ("sft", 1)


def test_a_misspelled_method_or_one_behind_its_run_is_answered_with_what_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run := tmp_path / "r1").mkdir()
    assert main(["train", "sftt", str(run)]) == 2
    assert "'sftt' is no method (did you mean 'sft'?), and no such file is there" in capsys.readouterr().err
    assert main(["train", str(run), "sft"]) == 2
    assert f"the method comes first: rlaif train sft {run}" in capsys.readouterr().err
    assert main(["train", "nowhere"]) == 2
    assert "Path 'nowhere' does not exist" in capsys.readouterr().err
