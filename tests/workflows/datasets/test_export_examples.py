"""Labelled steps are exported as TRL's rows with a card, split by prompt; what is about pairs is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.exchange.examples import read_examples

ROWS = [
    {"prompt": f"{number} plus 1?", "completions": [f"It is {number}.", "Done."], "labels": [False, True]}
    for number in range(4)
]


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def test_labelled_steps_are_exported_split_by_prompt_with_a_card(steps: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    words = ["export", str(steps), "--format", "trl-stepwise", "--out", str(out), "--split", "0.75"]
    assert main(words) == 0
    kept = {name: (out / f"{name}.jsonl").read_text().splitlines() for name in ("train", "test")}
    assert {name: len(lines) for name, lines in kept.items()} == {"train": 3, "test": 1}
    rows = [json.loads(line) for lines in kept.values() for line in lines]
    assert sorted(rows, key=lambda row: str(row["prompt"])) == ROWS
    card = (out / "README.md").read_text()
    assert "Labelled examples in the format `trl-stepwise`" in card
    assert "tags: [process-reward, rlaif]" in card
    assert len(read_examples(out / "train.jsonl")) == 6
    # the same command again finds what it made; another one does not write over it
    assert main(words) == 0
    assert main([*words, "--seed", "7"]) == 2


@pytest.mark.parametrize("given", [["--where", "round == 1"], ["--margin", "log-odds"], ["--edited"]])
def test_what_is_about_pairs_is_refused_of_examples(
    steps: Path, tmp_path: Path, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", str(steps), "--format", "trl-stepwise", "--out", str(tmp_path / "data"), *given]
    assert main(words) == 2
    assert "is about pairs; remove it" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
