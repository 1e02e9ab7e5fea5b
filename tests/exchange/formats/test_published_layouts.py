"""Every published layout is known by its columns and read as what it says; nothing of it is lost without a word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.format import read_formats, written_formats
from rlaif.exchange.preferences.reading import ReadPreferences, read_preferences
from rlaif.records import Prompt, completion_id

from .published import LAYOUTS, Layout


def read(tmp_path: Path, layout: Layout, format: str | None = None, ending: str = "jsonl") -> ReadPreferences:
    path = tmp_path / f"rows.{ending}"
    lines = "".join(json.dumps(row) + "\n" for row in layout.rows)
    path.write_text(lines if ending == "jsonl" else json.dumps(list(layout.rows)))
    return read_preferences(path, format=format)


def said(found: ReadPreferences) -> list[tuple[Any, ...]]:
    return [
        (
            each.prompt[-1].content,
            each.chosen[-1].content,
            each.rejected[-1].content,
            pytest.approx(each.label_prob),
            each.score_gap if each.score_gap is None else pytest.approx(each.score_gap),
        )
        for each in found.pairs
    ]


@pytest.mark.parametrize("ending", ["jsonl", "json"])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_known_and_read_as_what_it_says(tmp_path: Path, name: str, ending: str) -> None:
    layout = LAYOUTS[name]
    found = read(tmp_path, layout, ending=ending)
    assert found.format == layout.format
    assert said(found) == list(layout.pairs)
    assert found.left_out == layout.left_out
    assert set(found.columns_left) == set(layout.columns_left)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_format_that_is_named_reads_the_same(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    assert read(tmp_path, layout, format=layout.format).pairs == read(tmp_path, layout).pairs


def test_attributes_become_principles_and_models_the_policies(tmp_path: Path) -> None:
    rated = read(tmp_path, LAYOUTS["helpsteer"]).pairs[0]
    assert {each["id"]: each["p"] for each in rated.principles} == {
        "helpfulness": 1.0,
        "correctness": 1.0,
        "coherence": 0.5,
        "complexity": 0.0,
        "verbosity": 0.5,
    }
    assert (rated.chosen_score, rated.rejected_score) == (4.0, 1.0)
    safe = read(tmp_path, LAYOUTS["safe-rlhf"]).pairs[0]
    assert {each["id"]: each["p"] for each in safe.principles} == {"better": 1.0, "safer": 0.0}
    assert (safe.provenance["policy"], safe.provenance["safe"]) == (["m0", "m1"], [False, True])
    for name, policy in (("nectar", ["m1", "m3"]), ("distilabel", ["m2", "m1"]), ("tulu 3", ["m1", "m2"])):
        assert read(tmp_path, LAYOUTS[name]).pairs[0].provenance["policy"] == policy
    arena = read(tmp_path, LAYOUTS["arena"]).pairs
    assert [each.provenance["policy"] for each in arena] == [["m1", "m2"], ["m2", "m1"]]


def test_the_safer_response_is_a_label_too(tmp_path: Path) -> None:
    found = read(tmp_path, LAYOUTS["safe-rlhf"], format="safe-rlhf-safer").pairs
    assert [each.chosen[0].content for each in found] == ["Call a locksmith."] * 2


def test_a_revision_names_what_it_revises_the_critique_and_the_request(tmp_path: Path) -> None:
    found = read(tmp_path, LAYOUTS["cai-conversation"]).pairs[0]
    assert found.revision_of == completion_id(Prompt(messages=found.prompt).id, "With a pin.")
    assert found.critique == "It helps thieves."
    assert found.provenance["requests"] == {
        "critique": "Say what is harmful in the response.",
        "revision": "Write it again without harm.",
    }
    assert [each["p"] for each in found.principles] == [1.0]
    first, second = read(tmp_path, LAYOUTS["anthropic-revisions"]).pairs
    assert [each.principles[0]["id"] for each in (first, second)] == ["harmful0", "harmful1"]
    assert [each.content for each in first.prompt] == ["Hi", "Hello", "Sky?"]
    assert second.revision_of == completion_id(Prompt(messages=first.prompt).id, "Grey.")
    # two critics of one draft, and a critique for each revision
    assert read(tmp_path, LAYOUTS["helpsteer3-edit"]).pairs[0].critique == "It is not green.\n\nWrong."
    assert [each.critique for each in read(tmp_path, LAYOUTS["chain"]).pairs] == ["Wrong.", "Too short."]


def test_reasons_and_domains_stay_with_the_pair(tmp_path: Path) -> None:
    two = read(tmp_path, LAYOUTS["helpsteer2-preference"]).pairs[0]
    assert two.provenance["reasons"] == ["Response 1 is better because the sky is blue."]
    three = read(tmp_path, LAYOUTS["helpsteer3"]).pairs[0]
    assert (three.provenance["domain"], three.provenance["language"]) == ("general", "english")
    assert three.provenance["reasons"] == ["It is right."] * 3
    # the first response is rejected
    assert (three.critique, three.provenance["feedback"]) == ("f1\n\nf1\n\nf1", ["f2"] * 3)


WRONG = [
    ("helpsteer", {"helpfulness": "high"}, "'helpfulness' is 'high'; it must be a number"),
    ("helpsteer2-preference", {"preference_strength": 4}, "'preference_strength' is 4; it must be from -3"),
    ("helpsteer3", {"individual_preference": [3]}, "'individual_preference' must be a list of objects"),
    ("helpsteer3", {"context": "", "response1": "x"}, "'context' is blank"),
    ("alpaca_eval", {"preference": 3}, "`preference` is 3; it must be from 1 to 2"),
    ("alpaca_eval", {"preference": "first"}, "`preference` is 'first'; it must be a number"),
    ("alpaca_eval", {"preference": True}, "`preference` is True"),
    ("cai-conversation", {"revision_response": 5}, "'revision_response' is a int"),
    ("anthropic-revisions", {"cst": [{"critique": {}}]}, r"cst\[0\] has no critique"),
    ("distilabel", {"ratings": [1]}, "'ratings' is 1 long; it must be a list of 3"),
    ("nectar", {"answers": [{"answer": "x", "rank": []}]}, r"answers\[0\].rank is \[\]"),
    ("rewardbench-2", {"rejected": [], "subset": "Ties"}, "'rejected' must be a text or a list of texts"),
    ("safe-rlhf", {"better_response_id": 2}, "'better_response_id' is 2; it must be 0 or 1"),
    ("shp", {"labels": None}, "'labels' is None; it must be 0 or 1"),
    ("webgpt", {"score_0": [1]}, r"'score_0' is \[1\]; it must be a number"),
    ("arena", {"winner": "model_c"}, "'winner' is 'model_c'; it must name one of"),
    ("argilla 1 records", {"responses": [{"values": 3}]}, "responses must be objects with `values`"),
    ("argilla 1 records", {"fields": {"title": "x"}}, "none of its fields is a prompt"),
    (
        "argilla 1 records",
        {"fields": {"one": [{"content": "x"}], "two": [{"content": "y"}], "response": "z"}},
        "none of its fields is a prompt",
    ),
]


@pytest.mark.parametrize(("name", "more", "message"), WRONG)
def test_a_broken_row_is_named_with_its_place(
    tmp_path: Path, name: str, more: dict[str, Any], message: str
) -> None:
    layout = LAYOUTS[name]
    broken = layout._replace(rows=[{**layout.rows[0], **more}])
    with pytest.raises(PromptFileError, match=rf"rows\.jsonl:1: .*{message}"):
        read(tmp_path, broken, format=layout.format)


def test_every_format_that_is_read_has_a_layout_or_is_written() -> None:
    others = {name for name in read_formats() if name not in written_formats()}
    assert others - {layout.format for layout in LAYOUTS.values()} == {
        "safe-rlhf-safer",
        "llama-factory-info",
    }
