"""The output directory: ours or refused, one process at a time, one configuration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rlaif.errors import ModelError, RunError, ThresholdError
from rlaif.training import DPOConfig, train_dpo
from rlaif.training.state import TrainingFolder

from .builders import make_pairs
from .conftest import MakeDirectory

CONFIG = DPOConfig(steps=2, batch_size=4, learning_rate=1e-3)
IDENTITY = {"method": "dpo", "config": {"beta": 0.1, "steps": 3}}


def changed(**config: float) -> dict[str, object]:
    return IDENTITY | {"config": {"beta": 0.1, "steps": 3} | config}


def test_tensors_come_back_to_their_own_training_only(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path, IDENTITY)
    with folder.claimed():
        folder.save("checkpoint", {"a": torch.arange(3)}, done=7)
        held = folder.load("checkpoint")
    assert held is not None
    assert held[0]["a"].tolist() == [0, 1, 2]
    assert held[1] == {"done": 7}
    assert TrainingFolder(tmp_path, changed(beta=0.2)).load("checkpoint") is None
    assert folder.load("nothing") is None


def test_another_configuration_is_refused_with_the_keys_that_differ(tmp_path: Path) -> None:
    with TrainingFolder(tmp_path, IDENTITY).claimed():
        pass
    with (
        pytest.raises(RunError, match=r"config\.beta, config\.steps"),
        TrainingFolder(tmp_path, changed(beta=0.2, steps=9)).claimed(),
    ):
        pass


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with (
        TrainingFolder(tmp_path, IDENTITY).claimed(),
        pytest.raises(RunError, match="another process"),
        TrainingFolder(tmp_path, IDENTITY).claimed(),
    ):
        pass


@pytest.mark.parametrize("name", ["config.json", "README.md", "run.json"])
def test_what_is_not_ours_is_never_written_over(model_dir: MakeDirectory, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{}")
    with pytest.raises(RunError, match=f"it holds {name}"):
        train_dpo(CONFIG, make_pairs(4), policy=model_dir(), reference="previous", out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_finished_training_of_another_configuration_is_refused(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    train_dpo(CONFIG, make_pairs(4), policy=model_dir(), reference="previous", out=out)
    before = (out / "model.safetensors").read_bytes()
    with pytest.raises(RunError, match=r"config\.beta"):
        train_dpo(replace(CONFIG, beta=0.7), make_pairs(4), policy=model_dir(), reference="previous", out=out)
    with pytest.raises(RunError, match="pairs"):
        train_dpo(CONFIG, make_pairs(5), policy=model_dir(), reference="previous", out=out)
    with pytest.raises(RunError, match="base"):
        train_dpo(CONFIG, make_pairs(4), policy=model_dir(seed=1), reference=str(model_dir()), out=out)
    assert (out / "model.safetensors").read_bytes() == before


def test_a_changed_label_is_another_training(model_dir: MakeDirectory, tmp_path: Path) -> None:
    pairs = make_pairs(4)
    train_dpo(CONFIG, pairs, policy=model_dir(), reference="previous", out=tmp_path / "out")
    other = [replace(pairs[0], label_prob=0.51), *pairs[1:]]
    with pytest.raises(RunError, match="pairs"):
        train_dpo(CONFIG, other, policy=model_dir(), reference="previous", out=tmp_path / "out")


def test_a_broken_record_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text("{")
    with pytest.raises(RunError, match=r"train\.json"):
        TrainingFolder(tmp_path, IDENTITY).finished()


def test_an_unwritable_place_is_said_to_be_so(model_dir: MakeDirectory, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        train_dpo(CONFIG, make_pairs(4), policy=model_dir(), reference="previous", out=tmp_path / "file/out")
    with pytest.raises(RunError, match="is a file"):
        train_dpo(CONFIG, make_pairs(4), policy=model_dir(), reference="previous", out=tmp_path / "file")


@pytest.fixture
def broken(model_dir: MakeDirectory, tmp_path: Path) -> Path:
    """A copy of a model directory, to break."""
    import shutil

    return shutil.copytree(model_dir(), tmp_path / "broken")


@pytest.mark.parametrize(
    "missing", [["tokenizer.json", "tokenizer_config.json"], ["config.json"], ["model.safetensors"]]
)
def test_a_broken_model_directory_is_named_and_nothing_is_written(
    missing: list[str], broken: Path, tmp_path: Path
) -> None:
    for name in missing:
        (broken / name).unlink()
    with pytest.raises(ModelError, match="broken"):
        train_dpo(CONFIG, make_pairs(4), policy=broken, reference="previous", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_reference_that_is_no_model_is_named(model_dir: MakeDirectory, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        train_dpo(
            CONFIG,
            make_pairs(4),
            policy=model_dir(),
            reference=str(tmp_path / "nowhere"),
            out=tmp_path / "out",
        )
    assert not (tmp_path / "out").exists()


def test_a_reference_with_another_vocabulary_is_refused(
    broken: Path, model_dir: MakeDirectory, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(broken)
    tokenizer.add_tokens(["neverseen"])
    tokenizer.save_pretrained(broken)
    model = AutoModelForCausalLM.from_pretrained(broken)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(broken)
    with pytest.raises(ModelError, match="vocabulary"):
        train_dpo(CONFIG, make_pairs(4), policy=model_dir(), reference=str(broken), out=tmp_path / "out")


def test_a_training_that_went_astray_before_its_first_checkpoint_leaves_the_place_free(
    model_dir: MakeDirectory, tmp_path: Path
) -> None:
    def call(rate: float) -> None:
        config = replace(CONFIG, steps=3, learning_rate=rate, warmup_share=0.0)
        train_dpo(config, make_pairs(8), policy=model_dir(), reference="previous", out=tmp_path / "out")

    with pytest.raises(ThresholdError, match=r"step [23]: .*Lower learning_rate"):
        call(1e30)
    assert not (tmp_path / "out").exists()
    call(1e-3)
    assert (tmp_path / "out" / "train.json").is_file()


def test_the_same_call_again_gives_the_same_summary(model_dir: MakeDirectory, tmp_path: Path) -> None:
    first, again = (
        train_dpo(CONFIG, make_pairs(4), policy=model_dir(), reference="previous", out=tmp_path / "out")
        for _ in "ab"
    )
    assert again == first
    assert json.loads((tmp_path / "out/train.json").read_text())["figures"] == dict(first.figures)
