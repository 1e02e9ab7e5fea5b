"""A key that is missing is told, unless a misspelt one is told in its place."""

from __future__ import annotations

import pytest

from rlaif.checks import check_schema
from rlaif.documents import Document
from rlaif.errors import InputError

ROW = {"type": "object", "required": ["kind"], "properties": {"kind": {"type": "string"}}}


@pytest.mark.parametrize("closed", [True, False])
def test_a_missing_key_beside_one_that_is_spelled_like_it_is_refused(closed: bool) -> None:
    rules = ROW | ({"additionalProperties": False} if closed else {})
    with pytest.raises(InputError, match="did you mean 'kind'" if closed else "lacks 'kind'"):
        check_schema(Document(path="f", data={"knd": "x"}, lines={}, plain={}), rules, InputError)
