"""The main job on the bundled models: an edited constitution, and the truth moves."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rlaif.cli.main import main
from rlaif.exchange.prompts import read_prompts
from rlaif.workflows.configs import RunConfig
from rlaif.workflows.recipe.finished import Finished
from rlaif.workflows.recipe.prepare import prepare_recipe
from rlaif.workflows.recipe.run import run

FINAL_GOLD = 0.90


def play(place: Path, **given: Any) -> Finished:
    return run(prepare_recipe(RunConfig(recipe="self-rewarding", out=place / "run", **given)))


SMALLER = {"rounds": "2", "round.sample.prompts": "120", "round.evaluate.prompts": "100"}
"""Two rounds, a third of the recipe's price; `whole` is the recipe as it is."""


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    return play(tmp_path_factory.mktemp("loop"), seed=0, overrides=SMALLER)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The recipe as it is."""
    return play(tmp_path_factory.mktemp("whole"), seed=0)


def rises(done: Finished, rounds: int) -> None:
    gold = [row["gold_mean"] for row in done.rounds]
    assert done.unmet is None
    assert len(gold) == rounds + 1
    assert all(before < after for before, after in pairwise(gold))


@pytest.mark.heavy
def test_gold_rises_every_round(loop: Finished) -> None:
    rises(loop, 2)


@pytest.mark.heavy
def test_in_every_round_the_judge_is_the_policy(loop: Finished) -> None:
    assert all(row["judge"] == row["policy"] for row in loop.rounds)
    assert len({row["policy"] for row in loop.rounds}) == len(loop.rounds)
    for before, row in zip(loop.rounds, loop.rounds[1:], strict=False):
        pairs = [json.loads(line) for line in (loop.run / f"round-{row['round']}/pairs.jsonl").open()]
        assert {pair["provenance"]["judge"] for pair in pairs} == {before["judge"]}
        assert {policy for pair in pairs for policy in pair["provenance"]["policy"]} == {before["policy"]}


@pytest.mark.heavy
def test_the_replay_of_judge_examples_is_said_in_each_round(loop: Finished) -> None:
    assert all(row["replay"]["judge"] == pytest.approx(0.2, abs=0.03) for row in loop.rounds[1:])


@pytest.mark.heavy
def test_what_is_measured_is_in_no_round(loop: Finished) -> None:
    held_out = {prompt.id for prompt in read_prompts("micro:held-out")}
    assert len(held_out) >= 200
    for row in loop.rounds[1:]:
        texts = (loop.run / f"round-{row['round']}" / "completions.jsonl").read_text().splitlines()
        asked = {json.loads(line)["prompt"] for line in texts}
        assert not asked & {prompt.text for prompt in read_prompts("micro:held-out")}


@pytest.mark.heavy
def test_generate_train_evaluate_moves_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.yaml").write_text(
        "name: one\nversion: 1.0.0\ntitle: One rule\nprinciples:\n"
        "  - {id: luck, text: The response wishes good luck.}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert main(["generate", "--constitution", "one.yaml", "--limit", "150", "--out", "runs/r"]) == 0
    assert main(["train", "runs/r", "--out", "models/r"]) == 0
    capsys.readouterr()
    words = [
        "--prompts",
        "micro:held-out",
        "--limit",
        "100",
        "--gold",
        "--constitution",
        "one.yaml",
        "--json",
    ]
    assert main(["evaluate", "--policy", "models/r", "--against", "micro", "--judge", "micro", *words]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["gold"]["models/r"]["mean"] > found["gold"]["micro"]["mean"] + 0.2
    assert found["win_rates"][0]["low"] > 0.5


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gold_rises_to_its_goal(tmp_path: Path, seed: int) -> None:
    done = play(tmp_path, seed=seed)
    rises(done, 3)
    assert done.rounds[-1]["gold_mean"] >= FINAL_GOLD


@pytest.mark.long
def test_with_a_random_judge_gold_does_not_rise(tmp_path: Path) -> None:
    gold = [row["gold_mean"] for row in play(tmp_path, judge="random:0").rounds]
    assert max(gold[1:]) < gold[0] + 0.03


@pytest.mark.long
def test_gold_as_judge_is_the_upper_bound(whole: Finished, tmp_path: Path) -> None:
    upper = play(tmp_path, judge="gold:")
    assert upper.rounds[-1]["gold_mean"] >= whole.rounds[-1]["gold_mean"] - 0.02


@pytest.mark.long
def test_a_frozen_judge_lifts_gold_too(tmp_path: Path) -> None:
    done = play(tmp_path, frozen_judge=True)
    assert len({row["judge"] for row in done.rounds}) == 1
    assert done.rounds[-1]["gold_mean"] > done.rounds[0]["gold_mean"] + 0.2


@pytest.mark.long
def test_a_contrary_constitution_gives_contrary_behaviour(whole: Finished, tmp_path: Path) -> None:
    terse = play(tmp_path, constitution="micro-terse")
    kind, curt = (done.rounds[-1]["gold_by_principle"] for done in (whole, terse))
    # a rate under the contrary rule is one minus the rate under the rule
    opposites = {"greet": "no-greeting", "use-name": "no-name", "more-help": "no-more-help"}
    for one, other in opposites.items():
        assert kind[one] > 0.8
        assert 1 - curt[other] < 0.2
