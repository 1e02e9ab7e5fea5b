"""Several judges as one. Owns the vote: weights, quorum, and who disagreed with whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import fsum
from pathlib import Path
from typing import Any, ClassVar

from rlaif.checks import check
from rlaif.documents import read_document
from rlaif.errors import InputError
from rlaif.hashing import digest
from rlaif.judging.ask_protocol import ask_pairwise
from rlaif.judging.kinds import JudgeContext, JudgeKind, named_in
from rlaif.judging.protocol import Judge, One, Two
from rlaif.judging.protocols import PER_COMPLETION, PER_PAIR, PER_PRINCIPLE, Asking, pairwise, scale_of
from rlaif.judging.rules import number_of, share_of, side
from rlaif.records import Judgment, Principle, State

NAME = "panel"
"""Its kind of judge, and the protocol of its comparisons."""
Key = tuple[tuple[str, ...], str | None]
"""Completions in the order shown, and the principle that was asked about."""
Compare = Callable[[Judge, Sequence[Two], Sequence[Principle]], list[Judgment]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """One place in the panel, as its file has it."""

    judge: str
    protocol: str = PER_PAIR
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

    described: ClassVar[str] = "a file of judges (panel:FILE)"

    def __init__(self, name: str, members: Sequence[Member], quorum: int) -> None:
        self.name = name
        self.members = tuple(members)
        self.quorum = quorum
        self.disagreement = Disagreement()
        self.fingerprint = panel_fingerprint(
            [(each.seat, each.judge.fingerprint) for each in members], quorum
        )

    def checklist(self, items: Sequence[One], principles: Sequence[Principle]) -> list[Judgment]:
        """Pointwise: the mean of the members' numbers; of a principle the mean of those who read it.

        Where nobody does, all being reward models, it is the mean reward: rewards are log-odds up to a constant.
        """
        said = [self._keyed(each.judge.checklist(items, principles)) for each in self.members]
        found = []
        for ids, principle in _asked(said):
            # who names no principle says of none whether it is followed: that number has another unit
            votes = [own.get((ids, principle)) for own in said]
            if principle is None:
                found.append(self._rewarded(ids, votes))
            else:
                quorum = min(self.quorum, sum(each is not None for each in votes))
                found.append(self._ruled(PER_PRINCIPLE, State.SCORE, ids, principle, votes, quorum))
        return found

    def compare(self, items: Sequence[Two], principles: Sequence[Principle]) -> list[Judgment]:
        """P(first listed is better), each member asked by its own protocol, in both orders."""
        said = [self._keyed(each.compare(each.judge, items, principles)) for each in self.members]
        found = []
        for ids, principle in _asked(said):
            # a member that names no principle judges the completion as a whole: its vote counts in each
            votes = [own.get((ids, principle)) or own.get((ids, None)) for own in said]
            found.append(self._ruled(NAME, State.PREFERENCE, ids, principle, votes, self.quorum))
        return found

    @staticmethod
    def asked_by(member: Member, protocol: str) -> str:
        """The protocol that a member was asked by for the panel's judgments of `protocol`."""
        return member.seat.protocol if protocol == NAME else protocol

    @staticmethod
    def _keyed(judgments: Sequence[Judgment]) -> dict[Key, Judgment]:
        return {(each.completion_ids, each.principle_id): each for each in judgments}

    def _rewarded(self, ids: tuple[str, ...], votes: Sequence[Judgment | None]) -> Judgment:
        """The mean of all rewards. Without one of them the level would be that of other models: then there is none."""
        ruled = self._ruled(PER_COMPLETION, State.SCORE, ids, None, votes, len(votes))
        numbers = [None if each is None else number_of(each) for each in votes]
        if ruled.value is None or any(each is None or scale_of(each.protocol).bounded for each in votes):
            return ruled
        weights = [each.seat.weight for each in self.members]
        total = fsum(weight * (number or 0.0) for weight, number in zip(weights, numbers, strict=True))
        return replace(ruled, value=total / fsum(weights))

    def _ruled(
        self,
        protocol: str,
        state: State,
        ids: tuple[str, ...],
        principle: str | None,
        votes: Sequence[Judgment | None],
        quorum: int,
    ) -> Judgment:
        shares = [_share(each) for each in votes]
        heard = [(member.seat.weight, share) for member, share in zip(self.members, shares, strict=True)
                 if share is not None]  # fmt: skip
        value = None
        if heard and len(heard) >= quorum:
            value = fsum(weight * share for weight, share in heard) / fsum(weight for weight, _ in heard)
        cast = [each for each in votes if each is not None]
        every_tie = bool(cast) and all(each.state is State.TIE for each in cast)
        if protocol == NAME:
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
            detail="" if value is not None else f"{len(heard)} of {len(votes)} judges, quorum {quorum}",
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


def _asked(said: Sequence[Mapping[Key, Judgment]]) -> list[Key]:
    """What is ruled on: each principle that some member names, else the completion as a whole."""
    keys = dict.fromkeys(key for own in said for key in own)
    named = {ids for ids, principle in keys if principle is not None}
    return [(ids, principle) for ids, principle in keys if principle is not None or ids not in named]


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


def _seats(name: str) -> tuple[tuple[Seat, ...], int]:
    return read_panel(Path(named_in(name)))


def _members(name: str) -> list[str]:
    return [each.judge for each in _seats(name)[0]]


def _open(name: str, context: JudgeContext) -> Judge:
    seats, quorum = _seats(name)
    return PanelJudge(name, [_member(each, context) for each in seats], quorum)


def _member(seat: Seat, context: JudgeContext) -> Member:
    """The judge of a seat with its way of comparing; one that compares in writing also judges pointwise so."""
    chosen, how = pairwise(seat.protocol), Asking(seed=context.seed)
    return Member(
        seat=seat,
        judge=context.judge(seat.judge, in_writing=chosen.reads_text),
        compare=lambda judge, items, principles: ask_pairwise(chosen, judge, items, principles, how),
    )


def _prepare(name: str, context: JudgeContext) -> None:
    context.open(*_members(name))


def _fingerprint(name: str, context: JudgeContext) -> str:
    seats, quorum = _seats(name)
    return panel_fingerprint([(each, context.fingerprint(each.judge)) for each in seats], quorum)


JUDGE_KIND = JudgeKind(
    name=NAME,
    help="panel:FILE: several judges, a weighted vote",
    open=_open,
    makes=PanelJudge,
    bare=False,
    prepare=_prepare,
    fingerprint=_fingerprint,
    judges=_members,
    told=True,
)
