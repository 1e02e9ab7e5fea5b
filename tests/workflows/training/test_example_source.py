"""What of a path is learned: examples, of a file or of a run whose recipe makes no pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rlaif.cli.main import main
from rlaif.errors import InputError
from rlaif.exchange.examples import read_examples
from rlaif.workflows.training.config import train_config
from rlaif.workflows.training.example_source import example_source, only_examples
from rlaif.workflows.training.run import settle

EXAMPLE = {
    "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
    "kind": "thumb-up",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(EXAMPLE) + "\n" + json.dumps(EXAMPLE | {"kind": "thumb-down"}) + "\n")
    return path


@pytest.mark.parametrize("method", ["sft", "thumbs"])
def test_a_method_of_pairs_and_examples_learns_from_a_file_of_examples(
    file: Path, tmp_path: Path, method: str
) -> None:
    job = settle(train_config(file, method=method, policy="micro", out=tmp_path / "model", steps=1))
    assert (len(job.examples), list(job.pairs)) == (2, [])


def test_a_method_of_pairs_alone_says_that_it_learns_from_no_examples(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="chosen"):
        settle(train_config(file, method="dpo", policy="micro", out=tmp_path / "model", steps=1))


def test_a_file_of_pairs_means_pairs_whatever_stands_beside_them(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(EXAMPLE | {"chosen": "a", "rejected": "b"}) + "\n")
    assert not only_examples(path)
    path.write_text("no row\n")
    assert not only_examples(path)


def test_a_directory_without_examples_says_which_steps_make_some(tmp_path: Path) -> None:
    assert not only_examples(tmp_path)
    with pytest.raises(InputError, match="`examples`; `contexts`, for distill"):
        example_source(tmp_path)


STEPS = {"prompt": "q", "completions": ["x", "y"], "labels": [True, False]}


def hub(folder: Path, *splits: str) -> Path:
    """A directory as a hub gives it, with a row of labelled steps in each split."""
    (folder / "data").mkdir(parents=True)
    for name in splits:
        (folder / "data" / f"{name}.jsonl").write_text(json.dumps(STEPS) + "\n")
    return folder


def test_the_directory_of_a_data_set_is_read_as_one(tmp_path: Path) -> None:
    source = example_source(hub(tmp_path / "set", "train"))
    assert (source.run, len(read_examples(source.file))) == (None, 2)


def test_a_split_of_a_data_set_is_named_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--policy", "micro", "--out", str(tmp_path / "prm"), "--dry-run"]
    folder = hub(tmp_path / "set", "train", "test")
    assert main(["train", "process-reward", f"{folder}#train", *words]) == 0
    assert main(["train", "process-reward", str(folder), *words]) == 2
    assert "has the splits" in capsys.readouterr().err
    assert main(["train", "process-reward", f"{folder}-gone#train", *words]) == 2
