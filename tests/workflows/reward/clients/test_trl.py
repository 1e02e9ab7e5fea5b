"""The client for TRL against a server: None, the group's mean or an error; several functions as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rlaif.workflows.reward.clients.failures import NoRewardError
from rlaif.workflows.reward.clients.trl import TrlReward, together
from tests.workflows.reward.serving import desk_of, serving

PROMPTS = ["p", "p", "p", "q", "q"]
SAID = ["aa", "mumble", "aaaa", "mumble", "mumble"]
pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(desk_of()) as found:
        yield found


def conversations(texts: list[str], role: str) -> list[Any]:
    return [[{"role": role, "content": each}] for each in texts]


def test_a_row_without_a_reward_is_none(address: str) -> None:
    asked = {"prompts": PROMPTS, "completions": SAID, "completion_ids": [[1]] * 5, "trainer_state": object()}
    assert TrlReward(address)(**asked) == [2.0, None, 4.0, None, None]


def test_conversations_are_read_as_texts_are(address: str) -> None:
    found = TrlReward(address)(conversations(PROMPTS, "user"), conversations(SAID, "assistant"))
    assert found == [2.0, None, 4.0, None, None]


def test_the_group_mean_takes_its_place_and_a_group_without_any_is_none_throughout(address: str) -> None:
    served = TrlReward(address, on_failure="group-mean")
    assert served(PROMPTS, SAID) == [2.0, 3.0, 4.0, None, None]
    assert served(conversations(PROMPTS, "user"), conversations(SAID, "assistant"))[:3] == [2.0, 3.0, 4.0]


def test_a_failure_raises_where_that_is_wanted(address: str) -> None:
    served = TrlReward(address, on_failure="raise")
    assert served(["p"], ["aa"]) == [2.0]
    with pytest.raises(NoRewardError, match="3 of 5 rows have no reward"):
        served(PROMPTS, SAID)


def test_functions_joined_are_their_weighted_sum_and_none_where_one_has_none(address: str) -> None:
    joined = together(
        TrlReward(address), lambda completions, **_: [1.0, 1.0, None, 1.0, 1.0], weights=[2, -1]
    )
    assert joined(prompts=PROMPTS, completions=SAID) == [3.0, None, None, None, None]


def test_what_cannot_be_joined_is_refused() -> None:
    async def later(**_: Any) -> list[float]:
        return []

    with pytest.raises(ValueError, match="asynchronous"):
        together(later)
    with pytest.raises(ValueError, match="1 weights for 2"):
        together(len, len, weights=[1.0])


def test_a_word_that_is_no_way_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of group-mean, raise"):
        TrlReward("http://127.0.0.1:9", on_failure="zero")  # type: ignore[arg-type]
