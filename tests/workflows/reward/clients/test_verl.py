"""The client for verl against a server: a row or a batch, a number in each, or an error."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from rlaif.workflows.reward.clients.failures import NoRewardError
from rlaif.workflows.reward.clients.verl import VerlReward
from tests.workflows.reward.serving import desk_of, serving

pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(desk_of()) as found:
        yield found


def batch(*said: str, prompt: Any = "hi") -> dict[str, Any]:
    """As its reward manager `batch` calls a function."""
    return {
        "data_sources": np.array(["mine"] * len(said)),
        "solution_strs": list(said),
        "ground_truths": [None] * len(said),
        "extra_infos": [{"prompt": prompt, "index": row} for row in range(len(said))],
        "reward_router_address": None,
    }


def row(said: str, **known: Any) -> dict[str, Any]:
    """As its reward manager `naive` calls a function."""
    return {"data_source": "mine", "solution_str": said, "ground_truth": None, "extra_info": known}


def test_a_row_is_a_number_and_a_batch_a_list(address: str) -> None:
    compute_score = VerlReward(address)
    assert compute_score(**row("aa", question="hi")) == 2.0
    assert compute_score(**batch("aa", "aaaa")) == [2.0, 4.0]
    turns = np.array([{"role": "user", "content": "hi"}], dtype=object)
    assert compute_score(**batch("aa", prompt=turns)) == [2.0]


def test_a_failure_raises_unless_the_group_mean_is_wanted(address: str) -> None:
    with pytest.raises(NoRewardError):
        VerlReward(address)(**batch("aa", "mumble"))
    mean = VerlReward(address, on_failure="group-mean")
    assert mean(**batch("aa", "mumble", "aaaa")) == [2.0, 3.0, 4.0]
    assert mean(**row("mumble", prompt="hi")) == 3.0
    with pytest.raises(NoRewardError):
        mean(**row("mumble", prompt="another"))


def test_data_without_the_prompt_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="put the prompt into extra_info"):
        VerlReward("http://127.0.0.1:9")(**row("aa", index=3))


def test_it_can_be_sent_to_another_process(address: str) -> None:
    mean = VerlReward(address, on_failure="group-mean")
    mean(**row("aa", prompt="hi"))
    sent = pickle.loads(pickle.dumps(mean))
    assert sent(**row("mumble", prompt="hi")) == 2.0
