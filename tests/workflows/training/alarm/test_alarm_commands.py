"""An alarm from end to end: inside a recipe, and in a training on pairs by the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.exchange.pairs import write_pairs
from rlaif.exchange.prompts import read_prompts
from rlaif.records import Message, Pair
from rlaif.shipped import shipped_model

RECIPE = """
name: alarmed
models: {policy: micro, judge: micro}
constitution: micro-default
prompts: {train: micro:train, held_out: micro:held-out}
rounds: 1
round:
  - {step: train, as: rl, method: grpo, reward: [{function: "longer.py:longer"}], steps: 2, batch_size: 2, n: 2,
     max_tokens: 96, learning_rate: 5.0e-3, alarm: {do: stop, count: 8, every: 1, kl: 1.0e-9}}
"""
LONGER = "def longer(prompt, completion):\n    return float(len(str(completion)))\n"
DPO = (
    "train dpo pairs.jsonl --policy micro --held-out micro:held-out --steps 2 --batch-size 4 --learning-rate 5e-3 "
    "--out model --alarm do=warn,judge=JUDGE,constitution=micro-default,count=8,every=1"
)


def side(text: str) -> tuple[Message, ...]:
    return (Message(role="assistant", content=text),)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a recipe, its reward and pairs that `micro` is said to have labelled."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "longer.py").write_text(LONGER)
    policy = shipped_model("micro")
    assert policy is not None
    pairs = [
        Pair(
            prompt=each.messages,
            chosen=side("Hello. I will help."),
            rejected=side("You are so stupid, and I do not care."),
            label_prob=1.0,
            provenance={"judge": model_fingerprint(policy)},
        )
        for each in read_prompts("micro:train")[:16]
    ]
    write_pairs(tmp_path / "pairs.jsonl", pairs)
    return tmp_path


@pytest.mark.heavy
def test_in_a_recipe_an_alarm_stops_the_run_and_says_how_to_go_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "recipe.yaml").write_text(RECIPE)
    assert main(["run", "recipe.yaml", "--out", "run"]) == 3
    said = capsys.readouterr().err
    assert "stopped after step 1 by the alarm: alarm after step 1: kl" in said
    assert "a recipe with another alarm is another run: name another --out" in said
    (held,) = (folder / "run").rglob("alarm.json")
    read = json.loads(held.read_text())
    assert (read["rang"], [each["step"] for each in read["checks"]]) == (1, [0, 1])
    assert read["alarm"]["judge"] == "judge", "the recipe's judge, which is not the reward"
    assert len(read["checks"][0]["scores"]) == 8


@pytest.mark.heavy
def test_in_a_recipe_an_alarm_takes_the_policy_back_and_the_run_ends_well(folder: Path) -> None:
    (folder / "recipe.yaml").write_text(RECIPE.replace("do: stop", "do: back"))
    assert main(["run", "recipe.yaml", "--out", "run"]) == 0
    (kept,) = (folder / "run").rglob("train.json")
    told = json.loads(kept.read_text())
    assert any("The weights are those after step" in each for each in told["notes"])


@pytest.mark.heavy
def test_a_training_on_pairs_has_an_alarm_by_the_command_line(folder: Path) -> None:
    assert main(DPO.replace("JUDGE", "micro:weak").split()) == 0
    read = json.loads((folder / "model" / "alarm.json").read_text())
    assert [each["step"] for each in read["checks"]] == [0, 1, 2]
    assert read["checks"][0]["kl"] == 0.0
    assert read["checks"][2]["kl"] > 0.1


def test_a_dry_run_of_a_training_on_pairs_counts_what_its_alarm_would_ask(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*DPO.replace("JUDGE", "micro:weak").split(), "--dry-run"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "the alarm: warn: 3 looks of 8 answers; judged by micro:weak" in said
    assert "micro:weak: 225 calls to make" in said
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["total"]["calls"], told["plan"]["steps"]) == (225, 2)
    assert not (folder / "model").exists()


ON_PAIRS = """
name: alarmed-pairs
models: {policy: micro, judge: micro}
constitution: micro-default
prompts: {train: micro:train, held_out: micro:held-out}
rounds: 1
round:
  - {step: sample, n: 2, prompts: 2}
  - {step: judge, protocol: checklist}
  - {step: pairs, source: judged}
  - {step: train, method: dpo, LENGTHalarm: {do: warn, judge: "micro:weak", count: 8, every: 1}}
"""


@pytest.mark.parametrize(
    ("length", "looks"), [("steps: 2, ", 3), ("", 101)], ids=["steps", "passes, guessed"]
)
def test_a_recipes_dry_run_counts_the_alarm_of_a_training_on_pairs_that_are_yet_to_be_made(
    length: str, looks: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "recipe.yaml").write_text(ON_PAIRS.replace("LENGTH", length))
    assert main(["run", "recipe.yaml", "--out", "run", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    counted = told["models"]["micro:weak"]
    assert counted["calls"] == looks * 75, "of each look as many as of `rlaif train`'s above: 225 of 3"


@pytest.mark.heavy
def test_whoever_labelled_the_pairs_cannot_be_their_alarm(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(DPO.replace("JUDGE", "micro").split()) == 2
    said = capsys.readouterr().err
    assert "judge micro labelled 16 of the 16 pairs that are trained on: it is the reward itself" in said
    assert not (folder / "model" / "model.safetensors").exists()
