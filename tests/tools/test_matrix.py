"""Rows of the matrix: which versions they want, what is counted, what is shown, what is run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Tool = Callable[[str], Any]
PROJECT = {
    "project": {
        "dependencies": ["transformers>=5.16,<5.25", "torch>=2.13,<2.14"],
        "optional-dependencies": {
            "http2": ["h2>=4.3,<4.5"],
            **{name: [] for name in ("ray", "trackers", "qlora", "review")},
        },
    },
    "build-system": {"requires": ["hatchling>=1.27,<1.34"]},
}
REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="one"/>
<testcase classname="tests.a" name="two"><failure message="boom&#10;more">x</failure></testcase>
<testcase classname="tests.a" name="three"><skipped message="no GPU"/></testcase>
<testcase classname="tests.b" name="four"><error message="bad fixture">x</error></testcase>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("oldest", ["transformers==5.16", "torch==2.13", "hatchling==1.27", "h2==4.3"]),
        ("5.16", ["transformers==5.16.*"]),
        ("5.24", []),
    ],
)
def test_a_row_wants_these_versions(tool: Tool, row: str, wanted: list[str]) -> None:
    assert tool("matrix").pins(row, PROJECT) == wanted


def test_the_rows_are_the_ends_of_the_declared_range_and_what_lies_between(tool: Tool) -> None:
    matrix = tool("matrix")
    project = matrix.read_project(matrix.ROOT)
    assert matrix.pins(matrix.ROWS[-1], project) == []
    assert "transformers==5.16" in matrix.pins("oldest", project)
    assert matrix.pins(matrix.ROWS[1], project) == [f"transformers=={matrix.ROWS[1]}.*"]


def test_a_report_is_counted_and_failures_keep_their_first_line(tool: Tool) -> None:
    assert tool("matrix").counted(REPORT) == (1, ["tests.a::two: boom", "tests.b::four: bad fixture"], 1)


def result(matrix: Any, code: str = "c", failures: tuple[str, ...] = ()) -> Any:
    return matrix.Result(
        code=code, commit="abc", date="2026-01-01", seconds=9, passed=7, failed=len(failures), skipped=1,
        failures=failures, versions={"transformers": "5.16.1", "torch": "2.13.0+cpu", "huggingface_hub": "1.33.0"},
    )  # fmt: skip


def test_the_page_shows_versions_counts_the_command_and_what_failed(tool: Tool) -> None:
    matrix = tool("matrix")
    page = matrix.page(
        {"5.16": result(matrix, failures=("tests.a::two: boom",)), "oldest": result(matrix)}, PROJECT
    )
    row = "| 5.16 | 5.16.1 | 2.13.0 | - | - | - | 1.33.0 | - | 7 | 1 | 1 | abc | 2026-01-01 |"
    assert f"{row} `make test-matrix ROWS=5.16` |" in page
    assert "What failed in row 5.16:\n\n- `tests.a::two: boom`" in page
    assert "The oldest versions: transformers 5.16.1, torch 2.13.0+cpu" in page
    assert page.index("| oldest |") < page.index("| 5.16 |")


@pytest.fixture
def kept(tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    matrix = tool("matrix")
    for name in ("FOLDER", "RESULTS", "PAGE"):
        monkeypatch.setattr(matrix, name, tmp_path / name.lower())
    monkeypatch.setattr(matrix, "code", lambda: "now")
    monkeypatch.setattr(matrix, "install", lambda row, project: row)
    return matrix


def test_a_row_that_has_run_on_this_code_is_not_run_again_unless_asked(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run(row: str, environment: Any) -> Any:
        ran.append(row)
        return result(kept, code="now")

    monkeypatch.setattr(kept, "run", run)
    kept.write_results({"5.16": result(kept, code="now"), "5.23": result(kept, code="before")}, PROJECT)
    assert kept.go(["5.16", "5.23", "5.24"], again=False) == 0
    assert ran == ["5.23", "5.24"]
    assert set(kept.read_results()) == {"5.16", "5.23", "5.24"}
    assert kept.go(["5.16"], again=True) == 0
    assert ran == ["5.23", "5.24", "5.16"]


def test_a_row_that_failed_or_cannot_be_made_ends_in_1_and_the_others_run(
    kept: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(row: str, environment: Any) -> Any:
        if row == "5.16":
            raise kept.PipError("no such version")
        return result(kept, code="now", failures=("x",) if row == "5.23" else ())

    monkeypatch.setattr(kept, "run", run)
    assert kept.go(["5.16"], again=False) == 1
    assert "no such version" in capsys.readouterr().err
    assert kept.go(["5.16", "5.24"], again=False) == 1
    assert "5.24" in kept.read_results()
    assert kept.go(["5.23"], again=False) == 1
    assert kept.go(["5.23"], again=False) == 1, "a failure that is kept is still a failure"
    assert kept.go(["5.24"], again=False) == 0


def test_the_digest_of_the_code_follows_its_files(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = tool("matrix")
    whole = matrix.code()
    assert matrix.code() == whole
    monkeypatch.setattr(matrix, "CODE", matrix.CODE[1:])
    assert matrix.code() != whole
