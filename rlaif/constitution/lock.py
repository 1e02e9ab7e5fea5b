"""`lock.json` beside constitutions: the whole text and the digests of every release. Never changes what it holds."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.constitution.versions import parse_version
from rlaif.errors import ConstitutionError
from rlaif.plain_files import read_json
from rlaif.records import Constitution

LOCK = "lock.json"
FORMAT = 1
_REMEDY = "restore it from version control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One released version."""

    name: str
    version: str
    digest: str
    text: str
    """The constitution as YAML with inheritance resolved, independent of later edits of its file."""
    principles: Mapping[str, Mapping[str, str]]
    """`text_digest` and `rule_digest` by principle."""


def pinned_digests(constitution: Constitution) -> dict[str, dict[str, str]]:
    """Both digests of each principle."""
    return {
        each.id: {"text_digest": each.text_digest, "rule_digest": each.rule_digest}
        for each in constitution.principles
    }


def lock_beside(source: str) -> Path:
    """Where the releases of the constitution in the file `source` are pinned."""
    return Path(source).parent / LOCK


def read_pins(path: Path, name: str) -> dict[str, Pin]:
    """The releases of constitution `name` by version, oldest first; none where there is no file.

    Raises ConstitutionError for a file that is not one that `add_pin` wrote.
    """
    pins = [_pin(path, name, version, row) for version, row in _read(path).get(name, {}).items()]
    return {pin.version: pin for pin in sorted(pins, key=lambda pin: parse_version(pin.version).rank)}


def add_pin(path: Path, pin: Pin) -> bool:
    """Pin a version atomically; return False where exactly this is pinned already.

    Raises ConstitutionError where the version is pinned with another digest.
    """
    with _held(path.parent):
        held = read_pins(path, pin.name).get(pin.version)
        if held is not None and held.digest != pin.digest:
            raise ConstitutionError(
                f"{path}: {pin.name} {pin.version} is released with digest {held.digest}, this is {pin.digest}; "
                "a release never changes: raise the version"
            )
        if held is not None:
            return False
        pins = _read(path)
        row = {"digest": pin.digest, "principles": dict(pin.principles), "text": pin.text.split("\n")}
        pins.setdefault(pin.name, {})[pin.version] = row
        data = {"format": FORMAT, "constitutions": {name: pins[name] for name in sorted(pins)}}
        write_text(path, json.dumps(data, ensure_ascii=False, indent=1) + "\n")
    return True


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    # two releases at once: the second must see what the first wrote
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    data = read_json(path, ConstitutionError, _REMEDY)
    found = data.get("constitutions") if isinstance(data, dict) else None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise ConstitutionError(f"{path}: is no lock file of ours; {_REMEDY}")
    if data.get("format") != FORMAT:
        raise ConstitutionError(
            f"{path}: has format {data.get('format')!r}, this rlaif reads {FORMAT}; use the rlaif that wrote it"
        )
    return found


def _pin(path: Path, name: str, version: str, row: Any) -> Pin:
    try:
        parse_version(version)
        principles = {
            key: {kind: str(each[kind]) for kind in ("text_digest", "rule_digest")}
            for key, each in row["principles"].items()
        }
        text = "\n".join(row["text"])
        return Pin(name=name, version=version, digest=str(row["digest"]), text=text, principles=principles)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise ConstitutionError(f"{path}: its entry {name} {version} is damaged; {_REMEDY}") from None
