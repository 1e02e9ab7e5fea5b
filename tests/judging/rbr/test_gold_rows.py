"""The released rules and gold rows: each row is in exactly one class, as many in each as are recorded."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from rlaif.exchange.constitutions import read_foreign
from rlaif.exchange.rbr import GradedRow, kind_name, read_graded
from rlaif.judging.rbr import Classes, classes_of

DATA = Path(os.environ.get("RLAIF_REFERENCE_DATA", Path(__file__).parents[4] / "shared" / "data"))
FOLDER = DATA / "safety_rbr"
SHORT = {
    "ideal": "ideal",
    "minimum_acceptable_style": "min_style",
    "unacceptable_completion": "unacceptable",
    "illogical_completion": "illogical",
    "disallowed_completion": "disallowed",
}
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the reference data is not here")


@cache
def kinds() -> dict[str, Classes]:
    return classes_of(read_foreign(FOLDER / "proposition_prompts.yaml", "released").constitution)


@cache
def rows(split: str) -> list[GradedRow]:
    return read_graded(FOLDER / "rbr_gold_data" / f"{split}.jsonl")


@pytest.mark.parametrize(("split", "count"), [("train", 351), ("test", 167)])
def test_each_gold_row_is_in_exactly_one_class(split: str, count: int) -> None:
    placed = [kinds()[row.kind].place(row.truths) for row in rows(split)]
    assert len(placed) == count
    assert [each for each in placed if each.name is None or len(each.possible) != 1] == []


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_classes_have_as_many_rows_as_are_recorded(split: str) -> None:
    recorded = json.loads((DATA / "golden_numbers.json").read_text())["rbr_gold_class_counts"][split]
    found = Counter((row.kind, SHORT[kinds()[row.kind].place(row.truths).name or ""]) for row in rows(split))
    assert found == {
        (kind_name(kind), name): count for kind, names in recorded.items() for name, count in names.items()
    }


def test_the_released_rules_put_every_possible_answer_into_exactly_one_class() -> None:
    assert list(kinds()) == ["hard_refuse", "safe_refuse_1", "safe_refuse_2", "comply"]
    assert [slip for each in kinds().values() for slip in each.slips()] == []


def test_certain_probabilities_are_of_the_class_that_the_row_is_in() -> None:
    for row in rows("test"):
        only = kinds()[row.kind]
        sure = only.probabilities({name: float(bool(true)) for name, true in row.truths.items()})
        assert sure[only.place(row.truths).name or ""] == 1
