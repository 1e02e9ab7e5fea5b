"""A list of yes and no is read line by line; what is unclear says nothing of its statement."""

from __future__ import annotations

import pytest

from rlaif.judging.rubric_reply import read_list
from rlaif.records import State


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("1: yes\n2: no\n3: yes", {1: 1.0, 2: 0.0, 3: 1.0}),
        ("**1.** Yes\n**2.** No.\n- 3) yes", {1: 1.0, 2: 0.0, 3: 1.0}),
        ("<think>2: yes</think>\n1: no\n2: no\n3: no", {1: 0.0, 2: 0.0, 3: 0.0}),
        ("Here they are.\n1: yes\n3: no", {1: 1.0, 3: 0.0}),
        ("1: yes\n2: no\n2: yes\n3: no", {1: 1.0, 3: 0.0}),
        ("1: yes\n2: perhaps\n3: no", {1: 1.0, 3: 0.0}),
    ],
)
def test_lines_are_read_by_their_number(text: str, clear: dict[int, float]) -> None:
    whole, found = read_list(text, 3)
    assert (whole.state, found) == (State.SCORE, clear)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", State.UNREADABLE),
        ("yes, no, yes", State.UNREADABLE),
        ("1: yes\n2: no\n3: yes\n4: yes", State.UNREADABLE),
        ("0: yes\n1: no\n2: yes", State.UNREADABLE),
        ("1: yes\n1: no", State.UNREADABLE),
        ("<think>1: yes", State.UNREADABLE),
        ("I'm sorry, I cannot judge this.", State.JUDGE_REFUSED),
    ],
)
def test_a_list_of_other_statements_is_unreadable(text: str, state: State) -> None:
    whole, found = read_list(text, 3)
    assert (whole.state, whole.value, found) == (state, None, {})
