"""How many tokens a forward pass takes: as told, else by device and width; every row is read once, by one process."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from rlaif.training import SFTConfig
from rlaif.training.packing import Tree
from rlaif.training.passes import plan, tokens_a_pass


def scorer(width: int, device: str = "cpu") -> Any:
    config = SimpleNamespace(get_text_config=lambda decoder=False: SimpleNamespace(hidden_size=width))
    parameter = torch.zeros(1, device=device)
    return SimpleNamespace(model=SimpleNamespace(config=config), parameters=lambda: iter([parameter]))


@pytest.mark.parametrize(
    ("width", "device", "tokens"), [(160, "cpu", 2048), (896, "cpu", 1024), (896, "meta", 16384)]
)
def test_tokens_suit_the_device_and_the_width_unless_they_are_reported(
    width: int, device: str, tokens: int
) -> None:
    assert tokens_a_pass(SFTConfig(), scorer(width, device)) == tokens
    assert tokens_a_pass(SFTConfig(batch_tokens=77), scorer(width, device)) == 77


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("even", [False, True])
def test_every_row_counts_once(processes: int, even: bool) -> None:
    rng = random.Random(0)
    trees = [Tree((1,) * rng.randint(1, 40), ((2,) * rng.randint(1, 40),)) for _ in range(11)]
    passes = [plan(trees, each, processes, 64, even=even) for each in range(processes)]
    counted = [member for own in passes for each in own if each.share for member in each.members]
    assert sorted(counted) == list(range(11))
    assert not even or len({len(own) for own in passes}) == 1


def test_a_process_without_a_row_of_its_own_goes_along_on_anothers() -> None:
    assert [(each.members, each.share) for each in plan([Tree((1,), ((2,),))], 1, 2, 64)] == [([0], 0.0)]
