"""Results of steps, keyed by their inputs and shared by the runs of a project.

A step whose inputs did not change is taken from where it was made; a changed one is made again, and so is all
that depends on it, because the key of a step holds the digests of what it was given. So is one that was asked with
a template whose text is another one now.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.atomic import write_text
from rlaif.hashing import digest, digest_files
from rlaif.runs.layout import step_note, step_notes
from rlaif.templates import recorded_templates, unchanged

VERSION = 1
"""Raised when a step's code changes what it makes of equal inputs."""


Alike = Callable[[Path, str, Mapping[str, Any]], bool]


class Since(NamedTuple):
    """Inputs that the keys of older versions lacked: what one of those made is used only where it had them alike."""

    inputs: Mapping[str, Any]
    """What the key gains. Leave out what is as an older version would have had it, so that the key stays."""
    alike: Alike
    """Whether a step under an older key, of this run and this name and with these facts, had the same inputs."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of one run, with the shelf where a project's runs find each other's results."""

    run: Path
    shelf: Path

    def do(
        self,
        name: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str],
        make: Callable[[], Mapping[str, Any]],
        since: Since | None = None,
        ahead: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """The facts of step `name`, whose `outputs` (paths in the run) then exist; makes them if it must.

        What is done `ahead` of making them is no part of the step.
        """
        whole = {**inputs, **(since.inputs if since else {})}
        key, older = (digest("step", VERSION, name.partition("/")[2], each) for each in (whole, inputs))
        facts = self._found(name, key, outputs, since)
        if facts is None and older != key:
            facts = self._found(name, older, outputs, since)
        start = time.perf_counter()
        if facts is None:
            if ahead is not None:
                ahead()
            with recorded_templates() as used:
                facts = json.loads(json.dumps(dict(make())))
            made = {each: _content(self.run / each) for each in outputs}
            seconds = time.perf_counter() - start
            note = {"key": key, "inputs": whole, "templates": used, "facts": facts, "outputs": made}
            note |= {"seconds": seconds, "whole": True}
            write_text(self._note(name), json.dumps(note, indent=1, ensure_ascii=False))
        elif since is not None:
            self._claim(name, key, whole)
        self._publish(name, key, outputs)
        return facts

    def templates(self) -> dict[str, str]:
        """Digests of the templates that the run's steps were asked with, by name."""
        notes = [_read(path) or {} for path in step_notes(self.run)]
        return {name: held for note in notes for name, held in note.get("templates", {}).items()}

    def _found(
        self, name: str, key: str, outputs: Sequence[str], since: Since | None
    ) -> dict[str, Any] | None:
        alike = since.alike if since is not None else None
        facts = self._held(self.run, name, key, outputs, alike)
        return facts if facts is not None else self._fetched(name, key, outputs, alike)

    def _held(
        self, run: Path, name: str, key: str, outputs: Sequence[str], alike: Alike | None
    ) -> dict[str, Any] | None:
        note = _read(step_note(run, name))
        if note is None or note["key"] != key or not unchanged(note.get("templates", {})):
            return None
        # what this version wrote says all its inputs; of others they must be found out
        if alike is not None and not note.get("whole") and not alike(run, name, note["facts"]):
            return None
        # what somebody has edited since is not what the step made
        if any(_content(run / each) != note["outputs"].get(each) for each in outputs):
            return None
        facts: dict[str, Any] = note["facts"]
        return facts

    def _fetched(
        self, name: str, key: str, outputs: Sequence[str], alike: Alike | None
    ) -> dict[str, Any] | None:
        pointer = _read(self._pointer(key))
        if pointer is None:
            return None
        other, other_name = Path(pointer["run"]), pointer["name"]
        facts = self._held(other, other_name, key, pointer["outputs"], alike)
        if facts is None or other == self.run:
            return None
        for there, here in zip(pointer["outputs"], outputs, strict=True):
            _copy(other / there, self.run / here)
        _copy(step_note(other, other_name), step_note(self.run, name))
        return facts

    def _claim(self, name: str, key: str, inputs: Mapping[str, Any]) -> None:
        """Let the note of a step say all inputs, where an older version wrote it."""
        note = _read(self._note(name)) or {}
        if not note.get("whole"):
            note |= {"key": key, "inputs": inputs, "whole": True}
            write_text(self._note(name), json.dumps(note, indent=1, ensure_ascii=False))

    def _note(self, name: str) -> Path:
        return step_note(self.run, name)

    def _publish(self, name: str, key: str, outputs: Sequence[str]) -> None:
        pointer = {"run": str(self.run.resolve()), "name": name, "outputs": list(outputs)}
        write_text(self._pointer(key), json.dumps(pointer))

    def _pointer(self, key: str) -> Path:
        return self.shelf / f"{key.partition(':')[2]}.json"


def _read(path: Path) -> dict[str, Any] | None:
    try:
        loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return loaded


def _content(path: Path) -> str | None:
    """Digest of a file, or of all files of a directory; None where nothing is."""
    if path.is_dir():
        files = [each for each in sorted(path.rglob("*")) if each.is_file()]
        return digest(
            [str(each.relative_to(path)) for each in files], [digest_files([each]) for each in files]
        )
    return digest_files([path]) if path.is_file() else None


def _copy(source: Path, target: Path) -> None:
    # whole or not at all: a half-copied model directory must not pass for a finished one
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(source, draft)
        shutil.rmtree(target, ignore_errors=True)
    else:
        shutil.copyfile(source, draft)
    os.replace(draft, target)
