"""Differences between two constitutions, principle by principle, and the version bump that each needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rlaif.constitution.versions import Version
from rlaif.records import Constitution, Principle

Kind = Literal["added", "removed", "reworded", "re-ruled"]
What = Literal["principle", "proposition", "constitution"]
Bump = Literal["major", "minor", "patch"]
KINDS: tuple[Kind, ...] = ("added", "removed", "reworded", "re-ruled")
BUMPS: tuple[Bump, ...] = ("patch", "minor", "major")
DECIDE = "decide"
"""Stands for the decision (`decide`, order) in a list of principle ids."""
_SEEN = ("text", "critique", "revise")
_RULED = ("weight", "hard", "applies_to", "group")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference of one principle, proposition or top-level key."""

    kind: Kind
    what: What
    id: str
    fields: Mapping[str, tuple[Any, Any]]
    """By field: the old and the new value; None where the field is missing."""
    principle: Principle | None = None
    """The new principle, or the removed one."""

    @property
    def bump(self) -> Bump:
        """major: an id is gone. minor: a label may change. patch: no label can change."""
        if self.kind == "removed":
            return "major"
        # critique and revision are asked of pairs that are decided already; a title is for people
        return "minor" if self.kind != "reworded" or "text" in self.fields else "patch"


def diff(before: Constitution, after: Constitution) -> list[Change]:
    """Every difference that changes the digest, except name and version."""
    return [*_principles(before, after), *_propositions(before, after), *_whole(before, after)]


def bump_of(changes: Sequence[Change]) -> Bump | None:
    """The largest bump that one of the changes needs; None for no change."""
    return max((each.bump for each in changes), key=BUMPS.index, default=None)


def raised(version: Version, bump: Bump) -> str:
    """The lowest version that is `bump` above. Below 1.0.0 every bump moves down one place, as `^0.2` is read."""
    steps = BUMPS.index(bump)
    if version.major == 0:
        steps = max(0, steps - 1)
    numbers = [(version.major, version.minor, version.patch + 1), (version.major, version.minor + 1, 0)]
    major, minor, patch = [*numbers, (version.major + 1, 0, 0)][steps]
    return f"{major}.{minor}.{patch}"


def changed_ids(changes: Sequence[Change]) -> list[str]:
    """The principles that differ, each once, and `DECIDE` last where the decision differs."""
    ids = dict.fromkeys(each.id for each in changes if each.what == "principle")
    ruled = [each for each in changes if each.what == "constitution" and each.id in ("decide", "order")]
    return [*ids, *([DECIDE] if ruled else [])]


def _principles(before: Constitution, after: Constitution) -> Iterator[Change]:
    old = {each.id: each for each in before.principles}
    new = {each.id: each for each in after.principles}
    gone = {each.text_digest: each.id for each in before.principles if each.id not in new}
    for name, each in new.items():
        if name not in old:
            renamed = gone.get(each.text_digest)
            fields: dict[str, tuple[Any, Any]] = {"text": (None, each.text)}
            yield _change("added", each, fields | ({"renamed_from": (None, renamed)} if renamed else {}))
            continue
        if seen := _fields(old[name], each, _SEEN):
            yield _change("reworded", each, seen)
        if ruled := _fields(old[name], each, _RULED):
            yield _change("re-ruled", each, ruled)
    for name, each in old.items():
        if name not in new:
            yield _change("removed", each, {"text": (each.text, None)})


def _change(kind: Kind, principle: Principle, fields: Mapping[str, tuple[Any, Any]]) -> Change:
    return Change(kind=kind, what="principle", id=principle.id, fields=fields, principle=principle)


def _fields(before: Principle, after: Principle, names: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    both = {name: (_plain(getattr(before, name)), _plain(getattr(after, name))) for name in names}
    return {name: (old, new) for name, (old, new) in both.items() if old != new}


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, tuple) else value


def _propositions(before: Constitution, after: Constitution) -> Iterator[Change]:
    old = {each["id"]: each for each in before.propositions}
    new = {each["id"]: each for each in after.propositions}
    for name, each in new.items():
        if name not in old:
            fields = {key: (None, value) for key, value in each.items() if key != "id"}
            yield Change(kind="added", what="proposition", id=name, fields=fields)
            continue
        keys = dict.fromkeys([*old[name], *each])
        both = {key: (old[name].get(key), each.get(key)) for key in keys}
        fields = {key: values for key, values in both.items() if values[0] != values[1]}
        if fields:
            kind: Kind = "reworded" if "text" in fields else "re-ruled"
            yield Change(kind=kind, what="proposition", id=name, fields=fields)
    for name, each in old.items():
        if name not in new:
            fields = {key: (value, None) for key, value in each.items() if key != "id"}
            yield Change(kind="removed", what="proposition", id=name, fields=fields)


def _whole(before: Constitution, after: Constitution) -> Iterator[Change]:
    def say(kind: Kind, name: str, fields: dict[str, tuple[Any, Any]]) -> Change:
        return Change(kind=kind, what="constitution", id=name, fields=fields)

    decide = {
        name: (getattr(before.decide, name), getattr(after.decide, name)) for name in ("rule", "temperature")
    }
    if ruled := {name: values for name, values in decide.items() if values[0] != values[1]}:
        yield say("re-ruled", "decide", ruled)
    for name in ("principles", "propositions"):
        old, new = _ids(before, name), _ids(after, name)
        kept = [each for each in old if each in new], [each for each in new if each in old]
        if kept[0] != kept[1]:
            yield say("re-ruled", "order", {name: kept})
    if before.behaviors != after.behaviors:
        keys = dict.fromkeys([*before.behaviors, *after.behaviors])
        both = {key: (before.behaviors.get(key), after.behaviors.get(key)) for key in keys}
        yield say("re-ruled", "behaviors", {key: each for key, each in both.items() if each[0] != each[1]})
    if before.title != after.title:
        yield say("reworded", "title", {"title": (before.title, after.title)})


def _ids(constitution: Constitution, kind: str) -> list[str]:
    if kind == "principles":
        return [each.id for each in constitution.principles]
    return [str(each["id"]) for each in constitution.propositions]
