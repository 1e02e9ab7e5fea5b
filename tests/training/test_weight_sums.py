"""Weighted sums of models: by hand, tensor by tensor; models that are not alike are refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from rlaif.engines.local.load import load_model
from rlaif.errors import ModelError, RecipeError
from rlaif.training.weight_shares import check_shares
from rlaif.training.weight_sums import sum_weights

from .builders import make_model, make_tokenizer, read_weights
from .conftest import MakeDirectory


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2"])
def test_each_tensor_is_the_sum_of_its_shares(kind: str, model_dir: MakeDirectory, tmp_path: Path) -> None:
    one, other = model_dir(kind, seed=0), model_dir(kind, seed=1)
    sum_weights({one: 0.75, other: 0.25}, tmp_path / "out")
    first, second, found = (read_weights(each) for each in (one, other, tmp_path / "out"))
    assert found.keys() == first.keys()
    for name, each in found.items():
        torch.testing.assert_close(each, 0.75 * first[name] + 0.25 * second[name])
    load_model(tmp_path / "out")


def test_a_change_of_its_own_length_and_beyond(model_dir: MakeDirectory, tmp_path: Path) -> None:
    """first + 1 * (second - first) is the second; shares outside 0 to 1 go on beyond it."""
    one, other = model_dir(seed=0), model_dir(seed=1)
    sum_weights({one: 0.0, other: 1.0}, tmp_path / "same")
    sum_weights({one: -0.5, other: 1.5}, tmp_path / "beyond")
    first, second = read_weights(one), read_weights(other)
    name = next(iter(first))
    torch.testing.assert_close(read_weights(tmp_path / "same")[name], second[name])
    moved = first[name] + 1.5 * (second[name] - first[name])
    torch.testing.assert_close(read_weights(tmp_path / "beyond")[name], moved)


def test_the_data_type_is_that_of_the_first(model_dir: MakeDirectory, tmp_path: Path) -> None:
    sum_weights({model_dir(dtype="bfloat16"): 0.5, model_dir(seed=1): 0.5}, tmp_path / "out")
    assert {each.dtype for each in read_weights(tmp_path / "out").values()} == {torch.bfloat16}


def test_other_tokenizers_and_other_shapes_are_refused(model_dir: MakeDirectory, tmp_path: Path) -> None:
    other = tmp_path / "other"
    tokenizer = make_tokenizer("chatml")
    tokenizer.add_tokens(["zzz"])
    make_model("llama", len(tokenizer)).save_pretrained(other)
    tokenizer.save_pretrained(other)
    with pytest.raises(ModelError, match="another tokenizer"):
        sum_weights({model_dir(): 0.5, other: 0.5}, tmp_path / "out")
    with pytest.raises(ModelError, match="other tensors than"):
        sum_weights({model_dir(): 0.5, model_dir("gpt2"): 0.5}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ({"a": 1.0}, "names 1 model"),
        ({"a": 1.0, "b": 0.25}, r"sum to 1.25 \(1 \+ 0.25\)"),
        ({"a": 1.0, "b": math.nan}, "sum to nan"),
    ],
)
def test_shares_that_are_of_no_model_are_refused(shares: dict[str, float], says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        check_shares(shares, "merge")
