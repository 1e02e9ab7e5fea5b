"""Values that JSON does not have are kept in one stated form, whatever table they come from."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.cells import MAX_DEPTH, json_form
from rlaif.hashing import canonical_json

UTC = datetime.UTC
ROWS: list[tuple[Any, Any]] = [
    (datetime.datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "2024-02-29T12:30:00+00:00"),
    (datetime.date(2024, 2, 29), "2024-02-29"),
    (datetime.time(7, 5), "07:05:00"),
    (datetime.timedelta(days=1, seconds=2), 86402.0),
    (Decimal("12.30"), "12.30"),
    (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (b"text", "text"),
    (b"\x89PNG\xff", {"base64": "iVBOR/8="}),
    (b"a\0b", {"base64": "YQBi"}),
    (float("nan"), None),
    (float("inf"), "inf"),
    (np.float32(0.5), 0.5),
    (np.arange(3), [0, 1, 2]),
    (np.datetime64("2024-01-01"), "2024-01-01"),
    ([("a", 1), ("b", Decimal(2))], {"a": 1, "b": "2"}),
    ([("a", 1), ("a", 2)], [["a", 1], ["a", 2]]),
    ({"bytes": b"\xff", "path": None}, {"bytes": {"base64": "/w=="}, "path": None}),
    ({1: [datetime.date(1, 1, 1)]}, {"1": ["0001-01-01"]}),
    (10**40, 10**40),
]


@pytest.mark.parametrize(("value", "wanted"), ROWS)
def test_a_value_has_one_form_in_json(value: Any, wanted: Any) -> None:
    found = json_form(value, "x:1", "c")
    assert found == wanted
    canonical_json(found)


@pytest.mark.parametrize("value", [None, True, 1, 0.25, "é", [1, {"a": [None, "x"]}], {}])
def test_plain_values_stay_what_they_are(value: Any) -> None:
    assert json_form(value, "x:1", "c") == value


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("\ud800", "half a character"),
        ({"\udfff": 1}, "half a character"),
        (nested(MAX_DEPTH + 1), "nested more than"),
        (object(), "holds a object, which JSON has not"),
    ],
)
def test_what_has_no_form_is_refused_by_its_column(value: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=rf"x:1: column 'c' .*{said}|x:1: column 'c' {said}"):
        json_form(value, "x:1", "c")
