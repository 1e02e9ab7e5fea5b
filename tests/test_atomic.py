"""A file is whole or absent, whatever happens while it is written."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rlaif.atomic import is_draft, whole_file, write_lines, write_text
from rlaif.errors import DiskError, RlaifError

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


class Wrapped(Exception):
    """As libraries in Rust and C++ say it."""


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; make room"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the quota is used up; make room"),
        (OSError(errno.EFBIG, "File too large"), "ulimit -f"),
        (OSError(errno.EIO, "Input/output error"), "the disk does not work"),
        (OSError(errno.EROFS, "Read-only file system"), "the file system can only be read"),
        (Wrapped("Error while serializing: I/O error: No space left on device (os error 28)"), "the disk is full"),
        (Wrapped("I/O error: File too large (os error 27)"), "ulimit -f"),
        (RuntimeError("[enforce fail at inline_container.cc] unexpected pos: No space left"), "the disk is full"),
    ],
)  # fmt: skip
def test_a_disk_that_fails_while_something_is_written_is_exit_1_and_leaves_the_old_file(
    problem: Exception, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail() -> None:
        with whole_file(path) as draft:
            draft.write_text("half")
            raise problem

    with pytest.raises(DiskError, match=said) as caught:
        fail()
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 1
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_may_not_grow_is_said_to_be_so(tmp_path: Path) -> None:
    code = f"""
import resource
from pathlib import Path
from rlaif.atomic import write_text
from rlaif.errors import DiskError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_text(Path({str(tmp_path)!r}, "a.txt"), "x" * 5000)
except DiskError as problem:
    print(problem)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ulimit -f" in done.stdout
    assert list(tmp_path.iterdir()) == []
