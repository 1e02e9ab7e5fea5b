"""verl's shape: one row or a batch; the prompt comes from what the data know of a row."""

from __future__ import annotations

from typing import Any

import pytest

from rlaif.errors import InputError
from rlaif.workflows.reward.serve.shapes.verl import SHAPE


def test_a_row_has_a_score_and_a_batch_has_scores() -> None:
    row = {"data_source": "x", "solution_str": "ho", "ground_truth": 3, "extra_info": {"question": "hi"}}
    assert SHAPE.read(row).prompts[0].text == "hi"
    assert SHAPE.write(row, [None]) == {"score": None}
    turns = [{"role": "user", "content": "hi"}]
    batch = {
        "solution_strs": ["ho", ""],
        "extra_infos": [{"prompt": turns}, {"prompt": "hi", "question": "no"}],
    }
    assert [each.text for each in SHAPE.read(batch).prompts] == ["hi", "hi"]
    assert SHAPE.write(batch, [0.5, None]) == {"scores": [0.5, None]}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"solution_str": "ho"}, r"extra_info\[0\] holds no `prompt`"),
        ({"solution_str": "ho", "extra_info": {"index": 1}}, "put the prompt into extra_info"),
        ({"solution_str": 3, "extra_info": {"prompt": "hi"}}, r"solution_str\[0\]"),
        ({"solution_str": "ho", "extra_infos": []}, "`extra_infos` is no field"),
        ({"solution_strs": ["ho"], "extra_infos": []}, "0 extra_infos and 1 solution_strs"),
        ({"solution_strs": ["ho"], "extra_infos": [None]}, r"extra_infos\[0\] holds no `prompt`"),
        ({}, "`solution_strs` must be a list"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_row(body: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        SHAPE.read(body)
