"""An environment that cannot work is told in one sentence, with what mends it, before anything is written."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from rlaif.errors import LibraryError
from rlaif.libraries import versions

HIDE = """
import importlib.metadata as metadata, sys
real = metadata.version
def version(name):
    if name == {name!r}:
        if {version!r} is None:
            raise metadata.PackageNotFoundError(name)
        return {version!r}
    return real(name)
metadata.version = version
if {version!r} is None:
    sys.modules[{name!r}] = None
from rlaif.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
COMMANDS = (
    ["generate", "--limit", "2", "--out", "runs/r"],
    ["run", "smoke", "--out", "runs/r"],
    [
        "evaluate",
        "--policy",
        "micro",
        "--judge",
        "micro",
        "--prompts",
        "micro:held-out",
        "--gold",
        "--out",
        "runs/r",
    ],
)


@pytest.fixture(autouse=True)
def ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"torch": ">=2.13,<2.14", "transformers": ">=5.16,<5.25"}
    monkeypatch.setattr(versions, "tested", lambda: {n: Requirement(n + r) for n, r in known.items()})


def has(monkeypatch: pytest.MonkeyPatch, **found: str | None) -> None:
    def version(name: str) -> str:
        if (one := found.get(name)) is None:
            raise metadata.PackageNotFoundError(name)
        return one

    monkeypatch.setattr(metadata, "version", version)


def test_a_library_that_is_missing_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, transformers="5.24.0")
    with pytest.raises(LibraryError, match=r"torch is not installed .* pip install 'torch<2\.14,>=2\.13'"):
        versions.require("torch", "transformers")


@pytest.mark.parametrize(
    ("version", "old"),
    [("5.15.1", True), ("4.57.6", True), ("5.16.0", False), ("5.24.0", False), ("5.30.0", False)],
)
def test_only_a_version_older_than_the_range_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch, version: str, old: bool
) -> None:
    has(monkeypatch, torch="2.13.0+cpu", transformers=version)
    if not old:
        versions.require("torch", "transformers")
        return
    with pytest.raises(LibraryError, match=rf"transformers {version} \(tested: .*\) is too old.*pip install"):
        versions.require("torch", "transformers")


def test_the_word_for_a_changed_library_names_both_versions_and_no_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    has(monkeypatch, transformers="5.99.0", rlaif="0.1.0")
    said = str(versions.changed("transformers", "no text can be drawn"))
    assert "transformers 5.99.0 (tested: <5.25,>=5.16)" in said
    assert "whatever the model" in said
    assert "pip install 'transformers<5.25,>=5.16'" in said


def test_an_import_that_fails_is_the_librarys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, transformers="5.99.0")
    with (
        pytest.raises(LibraryError, match=r"transformers 5\.99\.0 \(tested.*no_such_name"),
        versions.importing("transformers"),
    ):
        from json import no_such_name  # type: ignore[attr-defined]  # noqa: F401


def test_a_variable_that_a_library_does_not_take_is_to_be_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    has(monkeypatch, accelerate="1.99.0")
    with (
        pytest.raises(LibraryError, match=r"accelerate 1\.99\.0 .*Unknown level: 'FOO'; unset the variable"),
        versions.importing("accelerate"),
    ):
        raise ValueError("Unknown level: 'FOO'")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: each[0])
@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("torch", None, "torch is not installed"),
        ("transformers", "5.15.1", "transformers 5.15.1 (tested: "),
        ("transformers", None, "transformers is not installed"),
    ],
)
def test_a_command_ends_with_one_sentence_and_writes_nothing(
    tmp_path: Path, command: list[str], name: str, version: str | None, said: str
) -> None:
    code = HIDE.format(name=name, version=version)
    done = subprocess.run(
        [sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    # what a command says of itself first, then the one sentence
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert said in errors[0]
    assert "pip install" in errors[0]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
