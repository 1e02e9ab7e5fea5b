"""A file is whole or absent, whatever happens while it is written."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlaif.atomic import is_draft, whole_file, write_lines, write_text
from rlaif.errors import RlaifError

pytestmark = pytest.mark.timing


def test_an_error_on_the_way_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    write_text(path, "old\n")

    def lines() -> Iterator[str]:
        yield "new"
        raise RuntimeError("the judge broke")

    with pytest.raises(RuntimeError):
        write_lines(path, lines())
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def _die_writing(path: Path) -> None:
    with whole_file(path) as draft:
        draft.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_on_the_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_text(path, "old")
    process = multiprocessing.get_context("fork").Process(target=_die_writing, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert all(is_draft(each) for each in tmp_path.iterdir() if each != path)


def test_a_place_that_cannot_be_written_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "a.txt", Path("/proc/nothing/a.txt"), tmp_path / ("a" * 300)):
        with pytest.raises(RlaifError, match="cannot be written") as caught:
            write_text(path, "x")
        assert "\n" not in str(caught.value)


def test_folders_are_made_and_lines_counted(tmp_path: Path) -> None:
    assert write_lines(tmp_path / "a" / "b.txt", ["x", "y"]) == 2
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"x\ny\n"
