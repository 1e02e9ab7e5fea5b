"""Several judges as one. Owns the vote: weights, quorum, and who disagreed with whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from pathlib import Path
from typing import Any

from rlaif.checks import check
from rlaif.documents import read_document
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.protocol import Judge, One, Two
from rlaif.judging.rules import share_of, side
from rlaif.records import Judgment, Principle, State

PREFIX = "panel:"
Compare = Callable[[Judge, Sequence[Two], Sequence[Principle]], list[Judgment]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One place in the panel, as its file has it."""

    judge: str
    protocol: str = "compare"
    weight: float = 1.0
    group: str = ""
    """Judges of one group are shown together; each is its own group where none is named."""

    @property
    def shown(self) -> str:
        """The group under which its votes are shown."""
        return self.group or f"{self.judge} ({self.protocol})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A judge in its seat."""

    seat: Seat
    judge: Judge
    compare: Compare


@dataclass(slots=True)
class GroupVotes:
    """How the votes of one group went, over all comparisons."""

    votes: int = 0
    unread: int = 0
    against: int = 0
    """Votes for the other side than the panel's."""


@dataclass(slots=True)
class Disagreement:
    """Where members differed."""

    decided: int = 0
    split: int = 0
    """Comparisons in which readable members name different sides."""
    no_quorum: int = 0
    groups: dict[str, GroupVotes] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For run.json and `--json`."""
        return {
            "decided": self.decided,
            "split": self.split,
            "no_quorum": self.no_quorum,
            "groups": {
                name: {"votes": each.votes, "unread": each.unread, "against": each.against}
                for name, each in sorted(self.groups.items())
            },
        }


def read_panel(path: Path) -> tuple[tuple[Seat, ...], int]:
    """The seats of a panel file, and its quorum: more than half of them unless it says so."""
    data = check(read_document(path, InputError), "panel", InputError)
    seats = tuple(Seat(**{**row, "weight": float(row.get("weight", 1.0))}) for row in data["judges"])
    quorum = int(data.get("quorum", len(seats) // 2 + 1))
    if quorum > len(seats):
        raise InputError(f"{path}: quorum {quorum} is more than the {len(seats)} judges there are")
    return seats, quorum


def panel_fingerprint(seats: Sequence[tuple[Seat, str]], quorum: int) -> str:
    """What a panel is: its judges' fingerprints, how they are asked and weighed, and the quorum."""
    rows = [[fingerprint, seat.protocol, seat.weight, seat.group] for seat, fingerprint in seats]
    return digest("judge", "panel", rows, quorum)


class PanelJudge:
    """Asks every member and returns the weighted mean of those that could be read, if they are enough."""

    def __init__(self, name: str, members: Sequence[Member], quorum: int) -> None:
        self.name = name
        self.members = tuple(members)
        self.quorum = quorum
        self.disagreement = Disagreement()
        self.fingerprint = panel_fingerprint(
            [(each.seat, each.judge.fingerprint) for each in members], quorum
        )

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """The mean of what the members say of each completion alone."""
        return self._vote(
            "checklist", State.SCORE, [each.judge.checklist(items, principles) for each in self.members]
        )

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better), each member asked by its own protocol, in both orders."""
        said = [each.compare(each.judge, items, principles) for each in self.members]
        return self._vote("panel", State.PREFERENCE, said)

    def _vote(self, protocol: str, state: State, said: Sequence[Sequence[Judgment]]) -> list[Judgment]:
        by_member = [{(each.completion_ids, each.principle_id): each for each in own} for own in said]
        asked = dict.fromkeys(key for own in by_member for key in own)
        named = {ids for ids, principle in asked if principle is not None}
        found = []
        for ids, principle in asked:
            if principle is None and ids in named:
                continue
            # a member that names no principle speaks of the whole: its vote counts in each
            votes = [own.get((ids, principle)) or own.get((ids, None)) for own in by_member]
            found.append(self._ruled(protocol, state, ids, principle, votes))
        return found

    def _ruled(
        self,
        protocol: str,
        state: State,
        ids: tuple[str, ...],
        principle: str | None,
        votes: Sequence[Judgment | None],
    ) -> Judgment:
        shares = [_share(each) for each in votes]
        heard = [(member.seat.weight, share) for member, share in zip(self.members, shares, strict=True)
                 if share is not None]  # fmt: skip
        value = None
        if len(heard) >= self.quorum:
            value = fsum(weight * share for weight, share in heard) / fsum(weight for weight, _ in heard)
        cast = [each for each in votes if each is not None]
        every_tie = bool(cast) and all(each.state is State.TIE for each in cast)
        if protocol == "panel":
            self._count(shares, value)
        return Judgment(
            protocol=protocol,
            judge=self.fingerprint,
            prompt_id=cast[0].prompt_id,
            completion_ids=ids,
            principle_id=principle,
            state=State.TIE if every_tie else state if value is not None else _missing(cast),
            value=None if every_tie else value,
            calls=tuple(dict.fromkeys(call for each in cast for call in each.calls)),
            detail="" if value is not None else f"{len(heard)} of {len(votes)} judges, quorum {self.quorum}",
            votes=tuple(map(_row, self.members, votes)),
        )

    def _count(self, shares: Sequence[float | None], value: float | None) -> None:
        told = self.disagreement
        told.decided += value is not None
        told.no_quorum += value is None
        told.split += len({side(each) for each in shares if each is not None} - {0}) > 1
        for member, share in zip(self.members, shares, strict=True):
            group = told.groups.setdefault(member.seat.shown, GroupVotes())
            group.votes += share is not None
            group.unread += share is None
            group.against += share is not None and value is not None and side(share) * side(value) < 0


def _share(judgment: Judgment | None) -> float | None:
    if judgment is None:
        return None
    if judgment.state is State.TIE:
        return 0.5
    return judgment.value if judgment.state is State.PREFERENCE else share_of(judgment)


def _missing(cast: Sequence[Judgment]) -> State:
    """Why there is no vote: the most frequent reason, in the order of the enum on equal counts."""
    states = Counter(each.state for each in cast if _share(each) is None)
    found = [state for state in State if states[state]]
    return max(found, key=lambda state: states[state]) if found else State.ABSTAIN


def _row(member: Member, vote: Judgment | None) -> Mapping[str, Any]:
    return {
        "judge": member.judge.fingerprint,
        "group": member.seat.shown,
        "weight": member.seat.weight,
        "state": State.ABSTAIN.value if vote is None else vote.state.value,
        "p": _share(vote),
    }
