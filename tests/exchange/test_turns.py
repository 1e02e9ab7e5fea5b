"""A turn is read whole: what is a part of what was said is refused, the rest is said."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import UnkeptError
from rlaif.exchange import turns as module
from rlaif.exchange.turns import turns


@pytest.mark.parametrize(("key", "value"), [("weight", 0), ("thought", "Hm."), ("tool_calls", [{"id": "1"}])])
def test_a_key_that_is_a_part_of_what_was_said_is_refused_by_name(key: str, value: Any) -> None:
    rows = [{"role": "user", "content": "Hi", key: value}]
    with pytest.raises(UnkeptError, match=rf"rows\.jsonl:3: messages\[0\] has `{key}`"):
        turns(rows, "rows.jsonl:3", "messages", role="user")


def test_a_key_without_a_meaning_is_left_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    module._say_left.cache_clear()
    rows = [{"role": "user", "content": "Hi", "name": "Ann", "id": None}] * 3
    assert [each.content for each in turns(rows, "rows.jsonl:3", "messages", role="user")] == ["Hi"] * 3
    assert caplog.messages == ["turns: left out: name (no meaning here)"]


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_an_empty_key_is_no_key(empty: Any, caplog: pytest.LogCaptureFixture) -> None:
    rows = [{"role": "user", "content": "Hi", "tool_calls": empty, "weight": empty}]
    assert turns(rows, "rows.jsonl:3", "messages", role="user")[0].content == "Hi"
    assert caplog.text == ""
