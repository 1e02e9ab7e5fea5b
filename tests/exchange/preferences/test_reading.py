"""A file's format is told by its first row; what one format writes comes back to the byte; hostile files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from rlaif.errors import PromptFileError
from rlaif.exchange.format import About, read_formats, written_formats
from rlaif.exchange.formats.annotated_pairs import fits
from rlaif.exchange.preferences.reading import read_preferences
from rlaif.exchange.preferences.writing import preference_rows, write_preferences
from rlaif.records import Pair

from .builders import pair, pairs, texts_of

FORMATS = written_formats()
ABOUT = About("mine", "2026-01-01T00:00:00+00:00", {})
TOLD = {name: name for name in FORMATS} | dict.fromkeys(("openrlhf", "trl-parquet", "datasets"), "trl")
"""OpenRLHF's rows are TRL's implicit turns; containers hold TRL's rows."""


def held(format_: str, wanted: list[Pair]) -> list[Pair]:
    if format_ == "annotated-pairs":
        return [each for each in wanted if fits(each)]
    return [each for each in wanted if preference_rows([each], format=format_)[0]]


@pytest.mark.parametrize("format_", FORMATS)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(wanted=pairs())
def test_what_a_format_holds_comes_back_to_the_byte(
    tmp_path_factory: pytest.TempPathFactory, format_: str, wanted: list[Pair]
) -> None:
    kept = held(format_, wanted)
    if not kept:
        return
    folder = tmp_path_factory.mktemp("round")
    written = write_preferences(folder, "train", wanted, format=format_, about=ABOUT)
    assert sum(written.left_out.values()) == len(wanted) - len(kept)
    place = folder / "train" if format_ == "datasets" else written.files[0]
    found = read_preferences(place, format=format_)
    assert sorted(texts_of(found.pairs), key=repr) == sorted(texts_of(kept), key=repr)
    assert found.left_out == {}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_format_is_recognised_by_its_first_row(tmp_path: Path, format_: str) -> None:
    written = write_preferences(tmp_path, "train", [pair()], format=format_, about=ABOUT)
    place = tmp_path / "train" if format_ == "datasets" else written.files[0]
    found = read_preferences(place)
    assert found.format == TOLD[format_]
    assert texts_of(found.pairs) == texts_of([pair()])
    assert found.pairs[0].provenance["imported"]["format"] == found.format


def lines(path: Path, *rows: Any) -> Path:
    path.write_bytes(
        b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in rows)
    )
    return path


GOOD = {"prompt": "How?", "chosen": "So.", "rejected": "No."}


def test_bom_crlf_blank_lines_and_long_texts_are_no_harm(tmp_path: Path) -> None:
    long = {**GOOD, "chosen": "x" * 3_000_000}
    rows = [b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n", b"\r\n", long]
    found = read_preferences(lines(tmp_path / "p.jsonl", *rows))
    assert [len(each.chosen[0].content) for each in found.pairs] == [3, 3_000_000]
    assert [each.provenance["imported"]["where"] for each in found.pairs] == ["1", "3"]


def test_line_ends_inside_a_text_are_kept(tmp_path: Path) -> None:
    rows = [{**GOOD, "chosen": "a\r\nb\u2028c\n"}]
    assert (
        read_preferences(lines(tmp_path / "p.jsonl", *rows)).pairs[0].chosen[0].content == "a\r\nb\u2028c\n"
    )


def test_a_gzipped_file_is_read_and_a_torn_one_refused(tmp_path: Path) -> None:
    whole = gzip.compress((json.dumps(GOOD) + "\n").encode())
    (path := tmp_path / "p.jsonl.gz").write_bytes(whole)
    assert len(read_preferences(path).pairs) == 1
    path.write_bytes(whole[:-9])
    with pytest.raises(PromptFileError, match="broken gzip"):
        read_preferences(path)
    path.write_bytes(b"{}")
    with pytest.raises(PromptFileError, match="broken gzip"):
        read_preferences(path)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([GOOD, b'{"prompt": "a", \n'], r"p\.jsonl:2: broken JSON"),
        ([GOOD, {**GOOD, "chosen": None}], r"p\.jsonl:2: 'chosen' is empty"),
        ([GOOD, {"prompt": "a"}], r"p\.jsonl:2: no 'chosen' and no 'rejected'"),
        ([GOOD, b"[" * 100_000 + b"\n"], r"p\.jsonl:2: broken JSON"),
        ([GOOD, b'{"prompt": "\xff"}\n'], r"p\.jsonl:2: not UTF-8"),
        ([{**GOOD, "weight": float("nan")}], r"p\.jsonl:1: `weight` is nan"),
        ([{"text": "x"}], r"p\.jsonl:1: in no known format \(columns: text\)"),
        ([3], r"p\.jsonl:1: in no known format \(columns: none, it is a int\)"),
        ([], "holds no row"),
        ([{**GOOD, "chosen": "No."}, {"chosen": "a", "rejected": "a"}], "holds no pair|`id`"),
    ],
)
def test_a_hostile_file_is_one_message_with_file_and_line(tmp_path: Path, rows: Any, said: str) -> None:
    path = lines(tmp_path / "p.jsonl", *rows)
    if said.startswith("holds no pair"):
        rows[0] = {"chosen": "a", "rejected": "a"}
        path = lines(path, *rows)
    with pytest.raises(PromptFileError, match=said):
        read_preferences(path)


def test_a_named_format_is_not_guessed(tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", GOOD)
    with pytest.raises(PromptFileError, match=r"p\.jsonl:1: 'chosen' holds no `Assistant:` turn"):
        read_preferences(path, format="hh-rlhf")
    with pytest.raises(PromptFileError, match="no format is called 'csv'; known: "):
        read_preferences(path, format="csv")


def test_a_limit_counts_rows(tmp_path: Path) -> None:
    path = lines(tmp_path / "p.jsonl", GOOD, {**GOOD, "prompt": "Why?"}, b"broken\n")
    assert len(read_preferences(path, limit=2).pairs) == 2


def test_a_csv_of_thumbs(tmp_path: Path) -> None:
    (path := tmp_path / "thumbs.csv").write_text('prompt,completion,label\nq,"a, b",1\nq,c,0\n')
    found = read_preferences(path)
    assert found.format == "kto"
    assert texts_of(found.pairs)[0][1][0].content == "a, b"


def test_every_format_that_is_written_can_be_named_for_reading() -> None:
    assert set(FORMATS) <= set(read_formats())


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": 1, "type": "t", "final_label": "x"}, r"it is gold of judges \(xstest\): measure one by"),
        ({"prompt": "a", "chosen": "b"}, r"closest: trl \(no rejected\)"),
        ({"prompt": "a", "response": "b", "helpfulnes": 3}, r"closest: .*helpsteer \(no helpfulness, "),
        ({"instruction": "a", "output_1": "b", "output_2": "c"}, r"closest: alpaca_eval \(no preference\)"),
        (
            {"context": [], "response1": "b", "response2": "c"},
            r"closest: helpsteer3 \(no overall_preference, ",
        ),
    ],
)
def test_the_closest_formats_are_named_with_what_is_missing(tmp_path: Path, row: Any, said: str) -> None:
    with pytest.raises(PromptFileError, match=said):
        read_preferences(lines(tmp_path / "p.jsonl", row))


HI, YO = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}


@pytest.mark.parametrize(
    ("row", "cut"),
    [
        ({"messages": [HI]}, False),
        ({"prompt": "hi", "id": 3}, False),
        ({"prompt": "hi", "completion": "yo"}, False),
        ({"instruction": "hi", "input": "", "output": "yo"}, False),
        ({"conversations": [{"from": "human", "value": "hi"}]}, False),
        ({"messages": [HI, YO]}, True),
    ],
)
def test_rows_without_two_sides_are_told_to_be_prompts(tmp_path: Path, row: Any, cut: bool) -> None:
    with pytest.raises(PromptFileError, match="these are prompts") as told:
        read_preferences(path := lines(tmp_path / "p.jsonl", row))
    assert f"`rlaif generate --prompts {path}`" in str(told.value)
    assert ("is taken away" in str(told.value)) is cut


@pytest.mark.parametrize("row", [{"prompt": "a", "chosen": "b"}, {"messages": 3}, {"text": "x"}])
def test_rows_that_lack_one_side_or_do_not_ask_are_no_prompts(tmp_path: Path, row: Any) -> None:
    with pytest.raises(PromptFileError) as told:
        read_preferences(lines(tmp_path / "p.jsonl", row))
    assert "these are prompts" not in str(told.value)


def test_what_a_template_is_given_is_kept_written_again_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = {"enable_thinking": False}
    rows = [{**GOOD, "prompt": asked, "chat_template_kwargs": given} for asked in ("a", "b")]
    found = read_preferences(lines(tmp_path / "p.jsonl", *rows))
    assert [each["chat_template_kwargs"] for each in preference_rows(found.pairs, format="trl")[0]] == [
        given
    ] * 2
    assert (
        '--policy-chat-template-kwargs, train with --chat-template-kwargs: {"enable_thinking": false}'
        in caplog.text
    )


def test_rows_that_differ_in_what_their_template_is_given_are_refused(tmp_path: Path) -> None:
    rows = [GOOD, {**GOOD, "prompt": "b", "chat_template_kwargs": {"enable_thinking": False}}]
    with pytest.raises(PromptFileError, match="rows differ in `chat_template_kwargs`"):
        read_preferences(lines(tmp_path / "p.jsonl", *rows))
