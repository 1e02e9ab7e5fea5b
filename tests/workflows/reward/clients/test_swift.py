"""The client for ms-swift against a server: a class that it makes an object of, and calls with its columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rlaif.workflows.reward.clients.failures import NoRewardError
from rlaif.workflows.reward.clients.swift import served_orm
from tests.workflows.reward.serving import desk_of, serving

pytestmark = pytest.mark.timing


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(desk_of()) as found:
        yield found


def columns(*said: str, prompt: str = "hi", answered: bool = True) -> dict[str, Any]:
    """As its GRPO calls an ORM: completions and, by name, the columns of the rows."""
    rows = [[{"role": "user", "content": prompt, "loss": None}] for _ in said]
    if answered:
        rows = [
            [*turns, {"role": "assistant", "content": each}] for turns, each in zip(rows, said, strict=True)
        ]
    return {
        "completions": list(said),
        "messages": rows,
        "request_id": ["r"] * len(said),
        "trainer_state": None,
    }


@pytest.mark.parametrize("answered", [True, False])
def test_a_failed_row_has_its_groups_mean(address: str, answered: bool) -> None:
    judge = served_orm(address)(args=None)
    assert judge(**columns("aa", "mumble", "aaaa", answered=answered)) == [2.0, 3.0, 4.0]


def test_a_group_of_which_nothing_was_read_has_none_in_all_its_rows(address: str) -> None:
    assert served_orm(address)()(**columns("mumble", "mumble")) == [None, None]


def test_a_failure_raises_where_that_is_wanted(address: str) -> None:
    with pytest.raises(NoRewardError):
        served_orm(address, on_failure="raise")()(**columns("aa", "mumble"))
