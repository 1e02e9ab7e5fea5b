"""Semantic versions and the ranges that `extends` names. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?")
_TERM = re.compile(r"(\^|~|>=|<=|>|<|=)?\s*(\d+)(?:\.(\d+|x|\*))?(?:\.(\d+|x|\*))?(?:-([0-9A-Za-z.-]+))?")


class Version(NamedTuple):
    """Three numbers and a pre-release label (empty for a release)."""

    major: int
    minor: int
    patch: int
    label: str = ""

    @property
    def core(self) -> tuple[int, int, int]:
        """The three numbers (major, minor, patch), without labels."""
        return self.major, self.minor, self.patch

    @property
    def rank(self) -> tuple[tuple[int, int, int], bool, list[tuple[bool, int, str]]]:
        """Sort key: `1.2.0-dev` comes before `1.2.0`; numeric label parts before words."""
        parts = [(not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in self.label.split(".")]
        return self.core, not self.label, parts


def parse_version(text: str) -> Version:
    """Parse `1.2.3` or `1.2.3-label`; raise ValueError for anything else."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no version such as 1.2.0")
    return Version(int(found[1]), int(found[2]), int(found[3]), found[4] or "")


def satisfies(version: str, wanted: str) -> bool:
    """Whether `version` lies in the range `wanted`: `^1`, `~1.2`, `1`, `1.2.x`, `>=1.1, <3`, or `*`.

    A `-dev` version counts as its numbers say, so that a constitution can be extended while it is written.
    Raises ValueError for a range that cannot be read.
    """
    terms = [term for term in re.split(r"[,\s]+(?=[\^~<>=\d*x])", wanted.strip()) if term]
    if not terms:
        raise ValueError("the range is empty")
    return all(_meets(parse_version(version), term.strip()) for term in terms)


def _meets(version: Version, term: str) -> bool:
    if term in ("*", "x"):
        return True
    found = _TERM.fullmatch(term)
    if not found:
        raise ValueError(f"{term!r} is no version range such as ^1, ~1.2 or >=1.1")
    sign, given = found[1] or "", [int(part) for part in found.groups()[1:4] if part and part.isdigit()]
    major, minor, patch = [*given, 0, 0, 0][:3]
    low = Version(major, minor, patch, found[5] or "")
    match sign:
        case ">=":
            return version.rank >= low.rank
        case "<":
            # upper ends look at the numbers only: `<2` must not let 2.0.0-dev in
            return version.core < low.core if not low.label else version.rank < low.rank
        case ">":
            return version.core >= _next(given) if len(given) < 3 else version.rank > low.rank
        case "<=":
            return version.core < _next(given) if len(given) < 3 else version.rank <= low.rank
        case "^":
            return version.rank >= low.rank and version.core < _next(_caret(given))
        case "~":
            return version.rank >= low.rank and version.core < _next(given[:2])
        case _:
            return low.core <= version.core < _next(given) if len(given) < 3 else version == low


def _caret(given: list[int]) -> list[int]:
    # the first number that is not zero may not change
    for place, number in enumerate(given):
        if number:
            return given[: place + 1]
    return given


def _next(given: list[int]) -> tuple[int, int, int]:
    raised = [*given[:-1], given[-1] + 1, 0, 0]
    return raised[0], raised[1], raised[2]
