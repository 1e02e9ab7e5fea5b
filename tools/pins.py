"""What a lock file holds and what is wrong with it: reading, writing and comparing. No pip, no network.

A line of a lock is `name==version  # via who, wants, it`; `rlaif` stands for what
pyproject.toml names, or `LOCKS` of lock.py.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = "rlaif"
_LINE = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[^\s;,*+]+) {2}# via (?P<via>\S.*)")


class LockError(Exception):
    """A lock that cannot be read or made; says where and what to do."""


@dataclass(frozen=True)
class Pin:
    """One package in a lock: which version, and which packages there want it."""

    name: str
    version: str
    via: tuple[str, ...]


def canonical(name: str) -> str:
    """A package's name as the index compares it."""
    return canonicalize_name(name)


def read_project(root: Path) -> Mapping[str, Any]:
    """The whole of pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(project: Mapping[str, Any], *extras: str) -> tuple[Requirement, ...]:
    """What the package, its build and these extras want; an extra that names others (`rlaif[a,b]`) brings theirs."""
    own = project["project"]
    lines = [*own["dependencies"], *project["build-system"]["requires"]]
    found = [Requirement(line) for line in lines]
    for extra in extras:
        found += of_extra(project, extra)
    return tuple(found)


def of_extra(project: Mapping[str, Any], extra: str) -> list[Requirement]:
    """What one extra wants, those of the extras that it names too."""
    found = []
    for line in project["project"]["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if canonical(requirement.name) == PROJECT:
            found += [each for name in sorted(requirement.extras) for each in of_extra(project, name)]
        else:
            found.append(requirement)
    return found


def read_lock(text: str) -> tuple[Pin, ...]:
    """The pins of a lock file; a line that pins nothing, names an index or says no reason is refused."""
    pins: dict[str, Pin] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise LockError(f"line {number}: {line!r} is not `name==version  # via ...`; run `make lock`")
        name = canonical(match["name"])
        if name in pins:
            raise LockError(f"line {number}: {name} is pinned twice; run `make lock`")
        pins[name] = Pin(name, match["version"], tuple(match["via"].split(", ")))
    return tuple(pins.values())


def write_lock(header: str, pins: Iterable[Pin]) -> str:
    """The text of a lock file, by name."""
    lines = [f"{pin.name}=={pin.version}  # via {', '.join(pin.via)}" for pin in pins]
    return "\n".join([*(f"# {line}".rstrip() for line in header.splitlines()), *sorted(lines), ""])


def wants(
    roots: Iterable[Requirement], needs: Callable[[str], Sequence[Requirement]]
) -> dict[str, tuple[str, ...]]:
    """Everything that `roots` bring along, and who wants each. `needs` says what one package wants, markers and all."""
    found: dict[str, set[str]] = defaultdict(set)
    seen: set[tuple[str, str]] = set()
    waiting = [(each, PROJECT) for each in roots]
    while waiting:
        requirement, parent = waiting.pop()
        name = canonical(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        found[name].add(parent)
        for extra in {"", *requirement.extras} - {part for key, part in seen if key == name}:
            seen.add((name, extra))
            waiting += [
                (_plain(each), name)
                for each in needs(name)
                if each.marker is None or each.marker.evaluate({"extra": extra})
            ]
    return {name: tuple(sorted(parents)) for name, parents in sorted(found.items())}


def _plain(requirement: Requirement) -> Requirement:
    """The same without its marker, which has been asked."""
    copy = Requirement(str(requirement))
    copy.marker = None
    return copy


def disagreements(roots: Iterable[Requirement], pins: Sequence[Pin]) -> list[str]:
    """Where a lock and what is wanted differ, one sentence each: missing, outside its range, or wanted by nobody."""
    held = {pin.name: pin for pin in pins}
    found = []
    names = set()
    for root in roots:
        name = canonical(root.name)
        if root.marker is not None and not root.marker.evaluate({"extra": ""}):
            continue
        names.add(name)
        if name not in held:
            found.append(f"{name} is wanted, but not in the lock")
        elif not root.specifier.contains(held[name].version, prereleases=True):
            found.append(f"{name} {held[name].version} is outside of {root.specifier}")
        elif PROJECT not in held[name].via:
            found.append(f"{name} is wanted by {PROJECT}, which its line does not say")
    return found + _idle(held, names)


def _idle(held: Mapping[str, Pin], names: set[str]) -> list[str]:
    """Pins that no chain of `via` leads to from what is wanted."""
    reached: set[str] = set()
    while True:
        more = {
            pin.name
            for pin in held.values()
            if pin.name not in reached
            and ((pin.name in names and PROJECT in pin.via) or reached & set(pin.via))
        }
        if not more:
            return [f"{name} is in the lock, but nothing wants it" for name in sorted(set(held) - reached)]
        reached |= more


def missing_from(part: Sequence[Pin], whole: Sequence[Pin]) -> list[str]:
    """What one lock pins that another, which should contain it, does not pin to the same version."""
    held = {pin.name: pin.version for pin in whole}
    return [
        f"{pin.name}=={pin.version} is not in the larger lock, which has {held.get(pin.name)}"
        for pin in part
        if held.get(pin.name) != pin.version
    ]


def open_ranges(requirements: Iterable[Requirement], pins: Sequence[Pin]) -> list[str]:
    """Ranges that have no lowest version, or do not end right behind the minor version that is locked."""
    held = {pin.name: Version(pin.version) for pin in pins}
    found = []
    for each in requirements:
        version = held.get(canonical(each.name))
        if version is None:
            continue
        beyond = f"{version.major}.{version.minor + 1}"
        exact = any(part.operator == "==" for part in each.specifier)
        if not exact and not any(part.operator == ">=" for part in each.specifier):
            found.append(f"{each} names no lowest version")
        if not exact and f"<{beyond}" not in str(each.specifier).split(","):
            found.append(f"{each} does not end at the newest tested minor: <{beyond}")
    return found


def lowest(requirement: Requirement) -> str | None:
    """The oldest version that a range declares."""
    found = [part.version for part in requirement.specifier if part.operator in (">=", "==")]
    return max(found, key=Version, default=None)


def differences(installed: Mapping[str, str], pins: Sequence[Pin]) -> list[str]:
    """Where an environment is not what its locks say: other versions, missing and further packages.

    A local part of a version (`+cpu`) says how a wheel was built, and is no difference.
    """
    here = {canonical(name): Version(version).public for name, version in installed.items()}
    held = {pin.name: Version(pin.version).public for pin in pins}
    return [
        f"{name}: {here.get(name) or 'missing'} is installed, {held.get(name) or 'nothing'} is locked"
        for name in sorted((here.keys() | held.keys()) - {PROJECT})
        if here.get(name) != held.get(name)
    ]
