"""The client for OpenRLHF against a server: a number in each row, by rows that came before, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from rlaif.workflows.reward.clients.failures import NoRewardError
from rlaif.workflows.reward.clients.openrlhf import OpenRlhfReward
from tests.workflows.reward.serving import desk_of, serving

pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(desk_of()) as found:
        yield found


def ask(
    reward: OpenRlhfReward, *said: str, prompt: str = "<|im_start|>user\nhi<|im_end|>\n"
) -> dict[str, Any]:
    """As its executor calls a `reward_func`."""
    return reward([f"<s>{prompt}{each}<|im_end|>" for each in said], [prompt] * len(said), [""] * len(said))


def test_rewards_scores_and_logs_are_tensors_of_one_value_a_row(address: str) -> None:
    found = ask(OpenRlhfReward(address, tensor=torch.tensor), "aa", "aaaa")
    assert found["rewards"].tolist() == found["scores"].tolist() == [2.0, 4.0]
    assert found["extra_logs"]["reward_failed"].tolist() == [0.0, 0.0]


def test_a_failure_raises_unless_the_group_mean_is_wanted(address: str) -> None:
    with pytest.raises(NoRewardError):
        ask(OpenRlhfReward(address, tensor=torch.tensor), "aa", "mumble")
    mean = OpenRlhfReward(address, tensor=torch.tensor, on_failure="group-mean")
    found = ask(mean, "aa", "mumble", "aaaa")
    assert found["rewards"].tolist() == [2.0, 3.0, 4.0]
    assert found["extra_logs"]["reward_failed"].tolist() == [0.0, 1.0, 0.0]


def test_row_by_row_the_mean_is_that_of_the_prompts_last_rows(address: str) -> None:
    mean = OpenRlhfReward(address, tensor=torch.tensor, on_failure="group-mean", group_size=2)
    with pytest.raises(NoRewardError, match="no group mean"):
        ask(mean, "mumble")
    for each in ("aaaaaaaaaa", "aa", "aaaa"):
        ask(mean, each)
    assert ask(mean, "mumble")["rewards"].tolist() == [3.0]
    with pytest.raises(NoRewardError):
        ask(mean, "mumble", prompt="another")
