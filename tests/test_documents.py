"""YAML as people write it, read without surprises."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlaif.documents import MAX_SLIPS, parse_document, parse_value, read_document
from rlaif.errors import InputError, RecipeError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-0.5", -0.5),
        ("1e-4", 1e-4),
        ("true", True),
        ("No", "No"),
        ("on", "on"),
        ("null", None),
        ("", ""),
        ("hard", "hard"),
        ("micro:weak", "micro:weak"),
        ("{judge: 0.2}", {"judge": 0.2}),
        ("[initial, previous]", ["initial", "previous"]),
        ("a: b: c", "a: b: c"),
        ("openai:http://127.0.0.1:8000/v1#Q@2507", "openai:http://127.0.0.1:8000/v1#Q@2507"),
        ("'3'", "3"),
        ("0o17", 15),
        ("1_000", "1_000"),
    ],
)
def test_a_value_is_read_as_after_a_colon(text: str, value: Any) -> None:
    assert parse_value(text) == value
    assert type(parse_value(text)) is type(value)


def test_lines_point_at_each_value() -> None:
    document = parse_document("a: 1\nb:\n  - c: 2\n    d: 3\n", "f.yaml", RecipeError)
    assert document.where(("b", 0, "d")) == "f.yaml:4"
    assert document.where(("b", 0, "absent")) == "f.yaml:3"
    assert document.where(()) == "f.yaml:1"


def test_a_directory_or_a_missing_file_is_one_message(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "is a directory"), (tmp_path / "absent.yaml", "cannot be read")):
        with pytest.raises(RecipeError, match=said):
            read_document(path, RecipeError)


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(RecipeError, match="characters"):
        parse_document("a: " + "x" * 1_100_000, "f.yaml", RecipeError)


def test_a_long_list_is_refused_on_the_way() -> None:
    with pytest.raises(RecipeError, match="more than 20,000 values"):
        parse_document("a: [" + "b," * 30_000 + "]", "f.yaml", RecipeError)


def test_a_long_text_is_read() -> None:
    text = "a: >\n" + "  some words\n" * 6_000
    assert len(parse_document(text, "f.yaml", RecipeError).data["a"]) > 60_000


@given(st.text(alphabet=st.sampled_from(" \t\n-:?[]{}&*!|>'\"%@`#,abc012.~<="), max_size=60))
def test_no_text_gives_anything_but_a_document_or_our_error(text: str) -> None:
    with contextlib.suppress(RecipeError):
        parse_document(text, "f.yaml", RecipeError)


@given(st.text(max_size=40))
def test_no_override_text_breaks_the_reader(text: str) -> None:
    parse_value(text)


@pytest.mark.parametrize("count", [600, 60_000])
def test_deep_nesting_is_refused_however_long_the_text(count: int) -> None:
    for text in (
        "[" * count,
        "a: " + "{b: " * count,
        "\n".join(" " * n + "- -" for n in range(300)) + " x" * count,
    ):
        with pytest.raises(RecipeError, match=r"nested far too deep|levels|not YAML"):
            parse_document(text, "f.yaml", RecipeError)


def test_mistakes_of_yaml_that_hide_nothing_are_told_together() -> None:
    text = "a: !!set {x}\nb: 1\nb: 2\nc: .nan\n<<: {d: 1}\n"
    with pytest.raises(InputError) as refused:
        parse_document(text, "f", InputError)
    assert [each.partition(": ")[0] for each in str(refused.value).splitlines()] == [
        "f:1",
        "f:3",
        "f:4",
        "f:5",
    ]


def test_syntax_errors_that_are_wrong_by_themselves_are_told_together() -> None:
    text = "p:\n  - t: One: two\n  - i: b\n\tt: x\n  - t: `x\n    u: Four: five\n"
    with pytest.raises(InputError) as refused:
        parse_document(text, "f", InputError)
    assert [each.partition(": ")[0] for each in str(refused.value).splitlines()] == [
        "f:2",
        "f:4",
        "f:5",
        "f:6",
    ]


def test_a_file_of_nothing_but_mistakes_tells_the_first_of_them() -> None:
    text = "".join(f"k{number}: .nan\n" for number in range(60))
    with pytest.raises(InputError) as refused:
        parse_document(text, "f", InputError)
    lines = str(refused.value).splitlines()
    assert len(lines) == MAX_SLIPS + 1
    assert lines[-1] == f"and {60 - MAX_SLIPS} more"
