"""Exit codes, messages, streams: errors are caught once, and never show a traceback."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import click
import pytest

from rlaif.cli.commands import cli
from rlaif.cli.main import main
from rlaif.errors import EngineError, InputError, ThresholdError


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adds a command that raises what it is given."""

    def add(error: BaseException) -> int:
        @click.command("fail")
        def fail() -> None:
            raise error

        monkeypatch.setitem(cli.commands, "fail", fail)
        return main(["fail"])

    return add


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("wrong"), 2),
        (EngineError("stopped"), 1),
        (ThresholdError("too few"), 3),
        (KeyboardInterrupt(), 130),
        (click.UsageError("usage"), 2),
        (PermissionError(errno.EACCES, "Permission denied", "/nowhere"), 2),
        (OSError(errno.ENOSPC, "No space left on device", "/full"), 1),
    ],
)
def test_each_kind_of_error_has_its_code_and_no_traceback(
    failing: Any, capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    assert failing(error) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert shown.err.strip()


def test_a_bug_keeps_its_traceback(failing: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generat"]) == 2
    assert "generat" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shells_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "_RLAIF_COMPLETE" in capsys.readouterr().out


def test_constitution_check_says_what_it_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["constitution", "check", "micro-default", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["name"] == "micro-default"
    assert found["digest"].startswith("b2:")


def test_constitution_check_names_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = tmp_path / "c.yaml"
    wrong.write_text("name: c\nversion: 1.0.0\ntitle: t\nprincipels: []\n")
    assert main(["constitution", "check", str(wrong)]) == 2
    assert f"{wrong}:4" in capsys.readouterr().err


def test_a_principle_that_is_not_there_names_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["constitution", "show", "micro-default", "gret"]) == 2
    assert "no principle 'gret'; it has greet" in capsys.readouterr().err


def test_a_missing_judge_is_exit_2_with_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert main(["generate", "--policy", "hf:somewhere", "--out", str(out)]) == 2
    assert "--judge is missing; name a model" in capsys.readouterr().err
    assert not out.exists()


def test_status_of_no_run_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert "is no run directory" in capsys.readouterr().err
