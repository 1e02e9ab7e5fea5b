"""Which names mean one model is decided by a table; what is not in it is another model."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.engines.openai.answering_model import other_model

from .tables import rows


@pytest.mark.parametrize("row", rows("model_names"), ids=lambda row: f"{row['asked']}={row['answered']}")
def test_a_name_is_the_same_model_or_another(row: dict[str, Any]) -> None:
    found = other_model(row["asked"], {"model": row["answered"]}, row.get("answers_as", ""))
    assert (found is None) == row["same"]


def test_another_name_is_shown_without_control_characters_and_short() -> None:
    found = other_model("m", {"model": "x\x1b[2J\n" + "y" * 1000})
    assert found is not None
    assert found.isprintable()
    assert len(found) == 80
