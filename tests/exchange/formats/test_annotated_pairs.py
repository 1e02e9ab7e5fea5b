"""Annotated pairs: the default annotator decides, principles vote, and nothing else of the file is believed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rlaif.errors import PromptFileError
from rlaif.exchange.formats.annotated_pairs import NO_VOTE, document, fits, read
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.records import Pair
from tests.exchange.preferences.builders import pair, shared, turn


def file(folder: Path, **changed: Any) -> Path:
    whole = document(
        [pair(principles=({"id": "kind", "p": 0.8}, {"id": "brief", "p": None}))], {}, "mine", "now"
    )
    path = folder / "pairs.json"
    path.write_text(json.dumps(whole | changed))
    return path


def test_the_published_example_is_read_with_its_votes() -> None:
    found = read_preferences(shared("icai/example_ap.json"))
    [one] = found.pairs
    assert found.format == "annotated-pairs"
    assert one.chosen[0].content.startswith("In the heart of a bustling city")
    assert one.principles == (
        {"id": "2f45a6d0", "p": 1.0}, {"id": "fafd12b9", "p": None}, {"id": "435cef52", "p": 1.0},
    )  # fmt: skip
    assert one.provenance["policy"] == ["Model X", "Model Y"]


def test_votes_are_read_back(tmp_path: Path) -> None:
    [found] = read(file(tmp_path))
    assert isinstance(found.what, Pair)
    assert found.what.principles == ({"id": "kind", "p": 1.0}, {"id": "brief", "p": None})
    assert found.where.endswith("comparison 1")


def test_the_chosen_side_is_not_always_the_first() -> None:
    pairs = [pair(asked=f"Q{n}") for n in range(20)]
    first = [each["response_a"]["text"] for each in document(pairs, {}, "n", "now")["comparisons"]]
    assert set(first) == {"So.", "No."}


def test_an_even_label_has_no_preference(tmp_path: Path) -> None:
    whole = document([pair(label_prob=0.5)], {}, "mine", "now")
    assert whole["comparisons"][0]["annotations"]["judge"] == {"pref": None, "no_pref_reason": "tie"}
    (path := tmp_path / "even.json").write_text(json.dumps(whole))
    assert [each.what for each in read(path)] == [NO_VOTE]


def test_a_principle_called_judge_is_not_the_judge(tmp_path: Path) -> None:
    whole = document([pair(principles=({"id": "judge", "p": 0.1},))], {}, "mine", "now")
    assert whole["metadata"]["default_annotator"] == "judge_"
    (path := tmp_path / "pairs.json").write_text(json.dumps(whole))
    [found] = read(path)
    assert isinstance(found.what, Pair)
    assert found.what.chosen[0].content == "So."
    assert found.what.principles == ({"id": "judge", "p": 0.0},)


def test_the_text_of_a_principle_is_its_description() -> None:
    whole = document([pair(principles=({"id": "kind", "p": 1.0},))], {"kind": "Be kind."}, "n", "now")
    assert whole["annotators"]["kind"] == {"description": "Be kind.", "type": "principle"}


def test_only_a_single_question_is_held() -> None:
    assert fits(pair())
    assert not fits(pair(prompt=(turn("system", "s"), turn("user", "q"))))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"annotators": []}, "no `annotators`"),
        ({"comparisons": {}}, "`comparisons` must be a list"),
        ({"metadata": {"default_annotator": "who"}}, "default_annotator is 'who'"),
        ({"comparisons": [3]}, "comparison 1: a row must be an object"),
        ({"comparisons": [{"annotations": {"judge": {"pref": "c"}}}]}, r"annotations\.judge\.pref is 'c'"),
        (
            {"comparisons": [{"annotations": {}, "prompt": "q", "response_a": "x"}]},
            "'response_a' must be an object",
        ),
        ({"comparisons": [{"annotations": None}]}, "no `annotations`"),
    ],
)
def test_a_broken_document_is_one_message_with_its_place(tmp_path: Path, changed: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=said):
        list(read(file(tmp_path, **changed)))


def test_broken_json_names_the_line(tmp_path: Path) -> None:
    (path := tmp_path / "x.json").write_text('{"annotators": {},\n oops}')
    with pytest.raises(PromptFileError, match=r"x\.json:2: broken JSON"):
        list(read(path))
