"""The constitutions of a project: each version that judged a run or lies in its folder, and what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlaif.constitution import load_constitution
from rlaif.constitution.diff import Change, diff
from rlaif.constitution.versions import Version, parse_version
from rlaif.errors import RlaifError
from rlaif.records import Constitution
from rlaif.review.lines import file_stamp
from rlaif.review.view.catalogue import RunCard
from rlaif.runs.layout import CONSTITUTION

FOLDER = "constitutions"


@dataclass(slots=True)
class RuleBook:
    """One version of a constitution, and where it was used."""

    constitution: Constitution
    files: list[str] = field(default_factory=list)
    runs: list[RunCard] = field(default_factory=list)
    before: Constitution | None = None
    """The version before it, where there is one."""
    changes: Sequence[Change] = ()
    """What differs from that."""

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.constitution.name} {self.constitution.version}"


class RuleBooks:
    """The constitutions of a project, read once while their files stay as they are."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._read: dict[Path, tuple[object, Constitution | None]] = {}

    def of(self, path: Path) -> Constitution | None:
        """The constitution of a file; None where it cannot be read."""
        stamp = file_stamp(path)
        if path not in self._read or self._read[path][0] != stamp:
            try:
                held = load_constitution(path) if path.is_file() else None
            except RlaifError:
                held = None
            self._read[path] = (stamp, held)
        return self._read[path][1]

    def all(self, cards: Sequence[RunCard]) -> dict[str, RuleBook]:
        """Every version by its digest: by name, newest version first, each with what it changed."""
        found: dict[str, RuleBook] = {}
        for path in sorted((self.project / FOLDER).glob("*.yaml")):
            if (held := self.of(path)) is not None:
                book = found.setdefault(held.digest, RuleBook(held))
                book.files.append(path.relative_to(self.project).as_posix())
        for card in cards:
            if not card.is_training and (held := self.of(card.path / CONSTITUTION)) is not None:
                found.setdefault(held.digest, RuleBook(held)).runs.append(card)
        return _ordered(found)


def _ordered(found: Mapping[str, RuleBook]) -> dict[str, RuleBook]:
    ordered = sorted(found.items(), key=lambda each: _age(each[1]))
    newest: dict[str, Constitution] = {}
    for _, book in ordered:
        name = book.constitution.name
        if (before := newest.get(name)) is not None:
            book.before = before
            book.changes = diff(before, book.constitution)
        newest[name] = book.constitution
    return dict(sorted(reversed(ordered), key=lambda each: each[1].constitution.name))


def _age(book: RuleBook) -> tuple[str, Any, float]:
    """By name, then version (a development one before its release), then when a run first used it."""
    held = book.constitution
    try:
        rank = parse_version(held.version).rank
    except ValueError:
        rank = Version(0, 0, 0).rank
    first = min((each.started or 0.0 for each in book.runs), default=float("inf"))
    return held.name, rank, first
