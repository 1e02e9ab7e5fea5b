"""Pair rows: their shape, what comes back from them, and what a broken one is told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from rlaif.checks import schema
from rlaif.errors import PromptFileError
from rlaif.exchange.pairs import pair_row, read_pairs, row_pair, write_pairs
from rlaif.records import Message, Pair

KEYS = [
    *(
        "id",
        "prompt",
        "chosen",
        "rejected",
        "label_prob",
        "weight",
        "score_gap",
        "chosen_score",
        "rejected_score",
    ),
    *("principles", "order_consistent", "critique", "revision_of", "round", "provenance"),
]


def turn(role: Any, text: str) -> Message:
    return Message(role=role, content=text)


def pair(**changes: Any) -> Pair:
    plain = Pair(
        prompt=(turn("user", "How do I bake bread?"),),
        chosen=(turn("assistant", "First you mix."),),
        rejected=(turn("assistant", "No."),),
        label_prob=0.91,
        score_gap=1.5,
        chosen_score=0.9,
        rejected_score=0.1,
        principles=({"id": "steps", "p": 0.97}, {"id": "brief", "p": None}),
        critique="It gives no steps.",
        provenance={"judge": "b2:00", "constitution": {"name": "house"}, "calls": ["b2:01"], "seed": 0},
    )
    return replace(plain, **changes)


def test_a_row_has_the_documented_keys_in_their_order() -> None:
    assert list(pair_row(pair())) == KEYS
    assert pair_row(pair())["chosen"] == [{"role": "assistant", "content": "First you mix."}]
    assert "margin" not in pair_row(pair())


def test_floats_are_rounded_wherever_they_are() -> None:
    row = pair_row(
        pair(
            label_prob=2 / 3, principles=({"id": "a", "p": 1 / 3},), provenance={"share": [1 / 7], "seed": 3}
        )
    )
    assert (row["label_prob"], row["principles"][0]["p"], row["provenance"]) == (
        0.666667,
        0.333333,
        {"share": [0.142857], "seed": 3},
    )


def test_the_id_does_not_depend_on_the_label() -> None:
    one = pair()
    swapped = pair(chosen=one.rejected, rejected=one.chosen, label_prob=0.2)
    assert pair_row(one)["id"] == pair_row(swapped)["id"]


text = st.text(st.characters(codec="utf-8"), max_size=12)
share = st.floats(0, 1).map(lambda each: round(each, 6))
number = st.none() | st.floats(-50, 50).map(lambda each: round(each, 6))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | share | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=5,
)
pairs = st.builds(
    Pair,
    prompt=st.tuples(
        st.lists(st.builds(turn, st.sampled_from(["system", "developer"]), text), max_size=1),
        st.lists(st.builds(turn, st.sampled_from(["user", "assistant"]), text), max_size=2),
        text.filter(str.strip),
    ).map(lambda parts: (*parts[0], *parts[1], turn("user", parts[2]))),
    chosen=text.map(lambda each: (turn("assistant", each),)),
    rejected=text.map(lambda each: (turn("assistant", each),)),
    label_prob=share,
    weight=st.floats(0, 5).map(lambda each: round(each, 6)),
    score_gap=number,
    chosen_score=number,
    rejected_score=number,
    principles=st.lists(st.fixed_dictionaries({"id": text, "p": st.none() | share}), max_size=2).map(tuple),
    order_consistent=st.booleans(),
    critique=st.none() | text,
    revision_of=st.none() | text,
    round=st.integers(0, 5),
    provenance=st.dictionaries(text, json_values, max_size=3),
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.lists(pairs, min_size=1, max_size=3), ending=st.sampled_from(["jsonl", "parquet"]))
def test_written_pairs_are_read_back(tmp_path: Path, wanted: list[Pair], ending: str) -> None:
    path = tmp_path / f"pairs.{ending}"
    assert write_pairs(path, wanted) == len(wanted)
    assert read_pairs(path) == wanted


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_every_row_fits_the_schema_and_returns_through_json(wanted: Pair) -> None:
    row = json.loads(json.dumps(pair_row(wanted), ensure_ascii=False))
    assert list(Draft202012Validator(schema("pair")).iter_errors(row)) == []
    assert row_pair(row) == wanted


def test_the_same_pairs_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        write_pairs(tmp_path / name, [pair(), pair(label_prob=1 / 3)])
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_no_pairs_make_an_empty_file_in_either_format(tmp_path: Path) -> None:
    for ending in ("jsonl", "parquet"):
        write_pairs(tmp_path / f"pairs.{ending}", [])
        assert read_pairs(tmp_path / f"pairs.{ending}") == []


def test_plain_rows_of_others_are_pairs_with_a_sure_label() -> None:
    found = row_pair({"prompt": "Hi", "chosen": "Hello.", "rejected": "Go.", "margin": 2})
    assert (found.prompt, found.label_prob, found.weight) == ((turn("user", "Hi"),), 1.0, 1.0)
    assert found.chosen == (turn("assistant", "Hello."),)


GOOD = pair_row(pair())
BROKEN = [
    ({}, "no prompt, chosen, rejected"),
    ({**GOOD, "chosen": "Edited by hand."}, "`id` is not that of these texts"),
    ({**GOOD, "label_prob": 1.5}, "between 0 and 1"),
    ({**GOOD, "label_prob": "high"}, "must be a number"),
    ({**GOOD, "label_prob": True}, "must be a number"),
    ({**GOOD, "label_prob": float("nan")}, "must be a number"),
    ({**GOOD, "weight": -1}, "0 or above"),
    ({**GOOD, "weight": float("inf")}, "0 or above, and finite"),
    ({**GOOD, "order_consistent": "yes"}, "must be true or false"),
    ({**GOOD, "round": 1.5}, "must be a whole number"),
    ({**GOOD, "critique": ["x"]}, "must be text"),
    ({**GOOD, "principles": {"a": 1}}, "must be a list"),
    ({**GOOD, "provenance": "no json"}, "must be a mapping"),
    ({**GOOD, "prompt": []}, "is empty"),
    ({**GOOD, "rejected": [{"role": "assistant"}]}, "`role` and `content`"),
    ({**GOOD, "rejected": [{"role": "user", "content": "x"}]}, "end with the assistant's turn"),
    ([], "must be an object"),
]


@pytest.mark.parametrize(("row", "said"), BROKEN)
def test_a_broken_row_is_one_message_with_its_line(tmp_path: Path, row: Any, said: str) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps(row) + "\n")
    with pytest.raises(PromptFileError) as caught:
        read_pairs(path)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert said in str(caught.value)


@given(pairs)
def test_the_chosen_side_is_never_the_worse_one_whatever_the_row_says(wanted: Pair) -> None:
    row = pair_row(wanted)
    turned = {**row, "chosen": row["rejected"], "rejected": row["chosen"]}
    turned["label_prob"] = round(1 - row["label_prob"], 6)
    found = row_pair(turned)
    assert found.label_prob >= 0.5
    if row["label_prob"] != 0.5:
        assert (found.chosen, found.rejected) == (wanted.chosen, wanted.rejected)
        assert found.label_prob == pytest.approx(row["label_prob"])


@pytest.mark.parametrize("odd", [5, {"id": "kind", "p": 1.5}, {"id": "kind", "p": "high"}, {"p": 0.5}])
def test_a_principle_that_is_none_is_refused(odd: Any) -> None:
    with pytest.raises(PromptFileError, match=r"`principles` holds"):
        row_pair({**pair_row(pair()), "principles": [odd]})


def test_a_system_column_is_a_part_of_the_prompt_and_what_has_no_place_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    row = {"prompt": "Sky?", "chosen": "a", "rejected": "b"}
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({**row, "system": "S", "source": "x"}) + "\n")
    assert [each.content for each in read_pairs(path)[0].prompt] == ["S", "Sky?"]
    assert caplog.messages == [f"{path}: left out: source (no meaning here)"]
    for column in ("input", "question", "images"):
        path.write_text(json.dumps(row) + "\n" + json.dumps({**row, column: "x y"}) + "\n")
        with pytest.raises(PromptFileError, match=f":2: column `{column}` is filled"):
            read_pairs(path)


def test_pairs_that_were_written_here_leave_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    row = {
        "prompt": "Sky?",
        "chosen": "a",
        "rejected": "b",
        "critique": "c",
        "principles": [{"id": "x", "p": 0.9}],
    }
    pair = row_pair(row)
    for name in ("p.jsonl", "p.parquet"):
        write_pairs(tmp_path / name, [pair])
        assert read_pairs(tmp_path / name) == [pair]
    assert caplog.text == ""


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_cut_side_is_written_only_where_there_is_one_and_comes_back(tmp_path: Path, suffix: str) -> None:
    plain, cut = pair(), pair(truncated="rejected", critique=None)
    assert "truncated" not in pair_row(plain)
    Draft202012Validator(schema("pair")).validate(pair_row(cut))
    path = tmp_path / f"pairs{suffix}"
    write_pairs(path, [plain, cut, cut.swapped()])
    assert [each.truncated for each in read_pairs(path)] == ["", "rejected", "chosen"]
    assert cut.swapped().swapped() == cut


def test_a_cut_side_that_no_pair_has_is_refused() -> None:
    with pytest.raises(PromptFileError, match="`truncated` is 'both'; it must be chosen, rejected or null"):
        row_pair({**pair_row(pair()), "truncated": "both"})
