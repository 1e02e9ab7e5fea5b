"""How each server is told the most tokens of a thought: a table."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.engines.openai.capabilities import Capabilities
from rlaif.engines.openai.name import parse_name
from rlaif.engines.openai.payloads import draw_body
from rlaif.engines.openai.thought_budgets import WAYS
from rlaif.errors import ModelError
from rlaif.records import GenerateRequest, Message, Sampling

from .tables import named, rows

ROWS = rows("thought_budgets")


def sent(row: dict[str, Any], most: int | None) -> dict[str, Any]:
    how = Sampling(max_tokens=16, max_thought_tokens=most)
    request = GenerateRequest(id="r", messages=(Message(role="user", content="?"),), sampling=how)
    able = Capabilities(url=row.get("url", "http://h/v1/"))
    return draw_body(request, 1, able, budget_as=row.get("budget_as", ""))


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_budget_is_told_as_the_server_reads_it_and_the_limit_is_the_sum(row: dict[str, Any]) -> None:
    plain = sent(row, None)
    most = row.get("most", 64)
    assert sent(row, most) == {**plain, "max_tokens": 16 + most, **row["fields"]}


def test_every_way_has_a_row() -> None:
    assert {row.get("budget_as") for row in ROWS} >= set(WAYS)


def test_a_way_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ModelError, match=r"vllm, llama\.cpp"):
        parse_name("openai:x", "http://h/v1?budget_as=vlm#m")
