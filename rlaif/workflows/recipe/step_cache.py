"""The cache of step results: keyed by everything that a step reads, and shared by the runs of a project.

A step whose inputs did not change is copied from the run that made it. A changed one is made again, and so is all that
depends on it, because the key of a step holds the digests of what it was given. One that was asked with a template
whose text is another one now is made again too.
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
from rlaif.errors import RunError
from rlaif.hashing import digest
from rlaif.runs.layout import step_note, step_notes
from rlaif.runs.record_files import NOTE_SCHEMA, POINTER_SCHEMA, read_record_if_there
from rlaif.templates import recorded_templates, unchanged
from rlaif.workflows.recipe.artefacts import content

VERSION = 1
"""Raised when a step's code changes what it makes of equal inputs."""
COMPLETE = 2
"""Which inputs the key of a note holds that this version writes: see `Since.complete`."""


Spent = Mapping[str, float | None]
"""Calls, tokens and money by their names."""
Alike = Callable[[Path, str, Mapping[str, Any]], bool]


class Since(NamedTuple):
    """Inputs that the keys of older versions lacked: what one of those made is used only where it had them alike."""

    inputs: Mapping[str, Any]
    """What the key gains. Leave out what is as an older version would have had it, so that the key stays."""
    alike: Alike
    """Whether a step under an older key, of this run and this name and with these facts, had the same inputs."""
    complete: int = 1
    """The number of the first version whose notes say whether they had these inputs; in a note: `whole`."""


@dataclass(frozen=True, slots=True)
class StepCache:
    """The results of one run's steps, and the folder in which the runs of a project find each other's."""

    run: Path
    shared: Path

    def do(
        self,
        name: str,
        inputs: Mapping[str, Any],
        outputs: Sequence[str],
        make: Callable[[], Mapping[str, Any]],
        since: Since | None = None,
        ahead: Callable[[], None] | None = None,
        *,
        step: str = "",
        spent: Callable[[], Spent] = dict,
    ) -> dict[str, Any]:
        """Return the facts of `name`, whose `outputs` (paths in the run) then exist; call `make` if nothing is found.

        `step` is the name of the step where the run calls it otherwise. `ahead` is called before `make`, and its
        templates are not the step's. `spent` tells what was spent so far: the note says what the step took of it.
        """
        whole = {**inputs, **(since.inputs if since else {})}
        kind = step or name.partition("/")[2]
        key, older = (digest("step", VERSION, kind, each) for each in (whole, inputs))
        facts = self._found(name, key, outputs, since)
        if facts is None and older != key:
            facts = self._found(name, older, outputs, since, earlier=True)
        start = time.perf_counter()
        if facts is None:
            if ahead is not None:
                ahead()
            before = spent()
            with recorded_templates() as used:
                facts = json.loads(json.dumps(dict(make())))
            made = {each: content(self.run / each) for each in outputs}
            seconds = time.perf_counter() - start
            note = {"key": key, "inputs": whole, "templates": used, "facts": facts, "outputs": made}
            note |= {"seconds": seconds, "whole": COMPLETE, "spent": _since(before, spent())}
            write_text(self._note(name), json.dumps(note, indent=1, ensure_ascii=False))
        elif since is not None:
            self._claim(name, key, whole)
        self._publish(name, key, outputs)
        return facts

    def templates(self) -> dict[str, str]:
        """Digests of the templates that the run's steps were asked with, by name."""
        notes = [read_record_if_there(path, NOTE_SCHEMA) or {} for path in step_notes(self.run)]
        return {name: held for note in notes for name, held in note.get("templates", {}).items()}

    def _found(
        self, name: str, key: str, outputs: Sequence[str], since: Since | None, *, earlier: bool = False
    ) -> dict[str, Any] | None:
        facts = self._held(self.run, name, key, outputs, since, earlier)
        return facts if facts is not None else self._fetched(name, key, outputs, since, earlier)

    def _held(
        self,
        run: Path,
        name: str,
        key: str,
        outputs: Sequence[str],
        since: Since | None,
        earlier: bool,
    ) -> dict[str, Any] | None:
        note = read_record_if_there(step_note(run, name), NOTE_SCHEMA)
        if note is None or note["key"] != key or not unchanged(note.get("templates", {})):
            return None
        # a note says all its inputs as far as its version knew them; of others they must be found out
        if since is not None and not _tells(note, since) and not since.alike(run, name, note["facts"]):
            return None
        # under a key without the later inputs, a note that would tell them says that there were none
        if since is not None and earlier and _tells(note, since):
            return None
        # what somebody has edited since is not what the step made
        if any(content(run / each) != note["outputs"].get(each) for each in outputs):
            return None
        facts: dict[str, Any] = note["facts"]
        return facts

    def _fetched(
        self, name: str, key: str, outputs: Sequence[str], since: Since | None, earlier: bool
    ) -> dict[str, Any] | None:
        pointer = read_record_if_there(self._pointer(key), POINTER_SCHEMA)
        if pointer is None:
            return None
        other, other_name = Path(pointer["run"]), pointer["name"]
        try:
            facts = self._held(other, other_name, key, pointer["outputs"], since, earlier)
        except RunError:  # damaged there: this run does without
            return None
        if facts is None or other == self.run:
            return None
        # an older version made fewer files of a step, and the same ones first
        for there, here in zip(pointer["outputs"], outputs, strict=False):
            _copy(other / there, self.run / here)
        _copy(step_note(other, other_name), step_note(self.run, name))
        return facts

    def _claim(self, name: str, key: str, inputs: Mapping[str, Any]) -> None:
        """Let the note of a step say all inputs, where an older version wrote it."""
        note = read_record_if_there(self._note(name), NOTE_SCHEMA) or {}
        if int(note.get("whole", 0)) < COMPLETE:
            note |= {"key": key, "inputs": inputs, "whole": COMPLETE}
            write_text(self._note(name), json.dumps(note, indent=1, ensure_ascii=False))

    def _note(self, name: str) -> Path:
        return step_note(self.run, name)

    def _publish(self, name: str, key: str, outputs: Sequence[str]) -> None:
        pointer = {"run": str(self.run.resolve()), "name": name, "outputs": list(outputs)}
        write_text(self._pointer(key), json.dumps(pointer))

    def _pointer(self, key: str) -> Path:
        return self.shared / f"{key.partition(':')[2]}.json"


def _since(before: Spent, now: Spent) -> dict[str, float | None]:
    """What was spent between the two; None of what was not known all the time."""
    found: dict[str, float | None] = {}
    for name, value in now.items():
        was = before.get(name, 0)
        found[name] = None if value is None or was is None else value - was
    return found


def _tells(note: Mapping[str, Any], since: Since) -> bool:
    return int(note.get("whole", 0)) >= since.complete


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
