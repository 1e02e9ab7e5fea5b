"""Releases of a constitution: pin one, detect edits since, list the history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rlaif.constitution.diff import Change, bump_of, diff, raised
from rlaif.constitution.lint import Finding
from rlaif.constitution.load import load_constitution, load_pin, parse_constitution
from rlaif.constitution.lock import Pin, add_pin, lock_beside, pinned_digests, read_pins
from rlaif.constitution.versions import parse_version
from rlaif.constitution.writing import constitution_yaml
from rlaif.errors import ConstitutionError
from rlaif.records import Constitution

State = Literal["released", "draft", "edited"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """A pinned version; `new` is False where it was pinned before."""

    constitution: Constitution
    lock: Path
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a constitution's history."""

    version: str
    digest: str
    state: State
    """`draft`: not released yet. `edited`: released, and the file says something else now."""
    changes: tuple[Change, ...] | None
    """Changes since the version before; None for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Since:
    """The release that a constitution is compared with, and the changes since."""

    release: str
    """Name and version."""
    version: str
    same_version: bool
    changes: tuple[Change, ...]

    @property
    def needed(self) -> str:
        """The lowest version that says what has changed."""
        return raised(parse_version(self.version), bump_of(self.changes) or "patch")


def release(ref: str) -> Released:
    """Pin the version that the file of `ref` names. Raises ConstitutionError where that cannot be a release."""
    found = load_constitution(ref)
    version = parse_version(found.version)
    since = _since(found)
    if version.label:
        core = ".".join(map(str, version.core))
        to = max(core, since.needed, key=lambda each: parse_version(each).core) if since else core
        raise ConstitutionError(
            f"{found.source}: {found.version} is a draft, free to change; write `version: {to}` to release it"
        )
    if since and (findings := _findings(found, since)):
        raise ConstitutionError("; ".join(each.located(found.source) for each in findings))
    pin = _pin_of(found)
    lock = lock_beside(found.source)
    return Released(constitution=found, lock=lock, new=add_pin(lock, pin))


def release_findings(constitution: Constitution) -> list[Finding]:
    """Errors for principles that were changed without the version bump that this needs; drafts have none."""
    since = None if parse_version(constitution.version).label else _since(constitution)
    return _findings(constitution, since) if since else []


def edited_release(constitution: Constitution) -> list[str]:
    """Warnings for a run: an edited release, or releases that cannot be read."""
    try:
        findings = release_findings(constitution)
    except ConstitutionError as wrong:
        return [f"{wrong} (so nobody can say whether this is a release; its digest is {constitution.digest})"]
    names = dict.fromkeys(each.principle or "the whole" for each in findings)
    return [
        f"{constitution.source}: edited since its release ({', '.join(names)}): this is no longer "
        f"{constitution.name} {constitution.version}; what is recorded is its digest, {constitution.digest}"
    ][: len(findings)]


def history(constitution: Constitution) -> list[Entry]:
    """Every release, oldest first, then the file where it is none of them."""
    lock = lock_beside(constitution.source)
    entries: list[Entry] = []
    before: Constitution | None = None
    pins = read_pins(lock, constitution.name)
    for pin in pins.values():
        pinned = load_pin(lock, pin)
        entries.append(_entry(pinned, "released", before))
        before = pinned
    if all(pin.digest != constitution.digest for pin in pins.values()):
        held = pins.get(constitution.version)
        base = load_pin(lock, held) if held else before
        entries.append(_entry(constitution, "edited" if held else "draft", base))
    return entries


def _entry(constitution: Constitution, state: State, before: Constitution | None) -> Entry:
    return Entry(
        version=constitution.version,
        digest=constitution.digest,
        state=state,
        changes=None if before is None else tuple(diff(before, constitution)),
    )


def _since(constitution: Constitution) -> _Since | None:
    """Changes against its own release, else against the newest before its version; None without releases."""
    lock = lock_beside(constitution.source)
    pins = read_pins(lock, constitution.name)
    version = parse_version(constitution.version)
    earlier = [pin for pin in pins.values() if parse_version(pin.version).rank < version.rank]
    pin = pins.get(constitution.version) or (earlier[-1] if earlier else None)
    if pin is None:
        return None
    # also where the digests agree: a pin that somebody edited is told here, and not when it is needed
    changes = tuple(diff(load_pin(lock, pin), constitution))
    return _Since(
        release=f"{pin.name} {pin.version}",
        version=pin.version,
        same_version=pin.version == constitution.version,
        changes=changes,
    )


def _findings(constitution: Constitution, since: _Since) -> list[Finding]:
    version = parse_version(constitution.version)
    if version.core >= parse_version(since.needed).core and not since.same_version:
        return []
    return [
        _finding(each, since)
        for each in since.changes
        if since.same_version or _short(each, since, version.core)
    ]


def _short(change: Change, since: _Since, core: tuple[int, int, int]) -> bool:
    # a change that the version already says needs no word, when another needs more
    return core < parse_version(raised(parse_version(since.version), change.bump)).core


def _finding(change: Change, since: _Since) -> Finding:
    subject = {"principle": "", "constitution": f"`{change.id}`: "}.get(
        change.what, f"{change.what} {change.id!r}: "
    )
    how = f" ({', '.join(change.fields)})" if change.kind in ("reworded", "re-ruled") else ""
    here = change.principle if change.kind != "removed" else None
    return Finding(
        level="error",
        line=here.line if here else None,
        source=here.source if here else "",
        principle=change.principle.id if change.principle else None,
        message=f"{subject}{change.kind}{how} since the release of {since.release}: needs a {change.bump} bump, "
        f"so `version: {since.needed}` (or {since.needed}-dev while you edit)",
    )


def _pin_of(constitution: Constitution) -> Pin:
    text = constitution_yaml(constitution)
    # what is pinned must be readable for ever, so it is read once before it is written
    if parse_constitution(text, constitution.source).digest != constitution.digest:
        raise ConstitutionError(
            f"{constitution.source}: cannot be pinned: its texts do not read back the same; remove unusual characters"
        )
    return Pin(
        name=constitution.name,
        version=constitution.version,
        digest=constitution.digest,
        text=text,
        principles=pinned_digests(constitution),
    )


def summary(changes: Sequence[Change]) -> str:
    """One line: `+added`, `-removed`, `~reworded`, `=re-ruled`."""
    signs = {"added": "+", "removed": "-", "reworded": "~", "re-ruled": "="}
    return " ".join(f"{signs[each.kind]}{each.id}" for each in changes)
