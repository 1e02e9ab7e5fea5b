"""Load a constitution from a YAML file or a name, with inheritance resolved. Errors name file and line."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.checks import check
from rlaif.constitution.half_characters import HALF, half_characters
from rlaif.constitution.lock import LOCK, Pin, pinned_digests, read_pins
from rlaif.constitution.tables import check_behaviors, check_propositions
from rlaif.constitution.versions import parse_version, satisfies
from rlaif.documents import Document, parse_document, read_document
from rlaif.errors import ConstitutionError
from rlaif.records import Constitution, Decide, Message, Principle, PrincipleTest
from rlaif.shipped import shipped

_SUFFIXES = (".yaml", ".yml")
_EXACT = re.compile(r"=?\s*\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
DEEPEST = 24
"""How many constitutions may extend each other in a row."""


class _Trail(NamedTuple):
    """The chain of `extends` that led to a file, and the files read so far: each is read once."""

    chain: tuple[Path, ...]
    loaded: dict[tuple[Path, tuple[Path, ...]], Constitution]


def load_constitution(ref: str | Path, *, folders: Sequence[Path] = ()) -> Constitution:
    """Load a constitution from the path of a YAML file, or by a name with an optional range (`harmless@^1`).

    A name is searched in `folders`, then ./constitutions, then among the shipped ones. Where the file there is outside
    of the range, its releases in `lock.json` are searched (also for `house.yaml@1.2.0`). What it `extends` is searched
    in its own folder first. Raises ConstitutionError with file and line.
    """
    text = str(ref)
    is_file = isinstance(ref, Path) or text.rpartition("@")[0].endswith(_SUFFIXES) or "/" in text
    places = [*folders, Path("constitutions"), shipped("constitutions")]
    if is_file or text.endswith(_SUFFIXES):
        path = Path(ref)
        if not os.path.isfile(path):
            file, _, wanted = text.rpartition("@")
            if file.endswith(_SUFFIXES) and os.path.isfile(file):
                return _version_of(Path(file), wanted, places)
            hint = f" (did you mean {near}?)" if (near := _with_suffix(text)) else ""
            raise ConstitutionError(
                f"{path}: no such file{hint}; name a .yaml file or one of: {_known(places)}"
            )
        return _load(path, places, _Trail((), {}))
    return _named(text, places, _Trail((), {}), "")


def _named(ref: str, places: Sequence[Path], trail: _Trail, asked_at: str) -> Constitution:
    name, _, wanted = ref.partition("@")
    at = f"{asked_at}: extends {ref}: " if asked_at else ""
    if wanted:
        _in_range("0.0.0", wanted, at)  # an unreadable range is the first thing to say
        if _EXACT.fullmatch(wanted) and (pinned := _released(places, name, wanted, at)) is not None:
            return pinned  # its file may have been edited since
    seen = []
    for path in (place / (name + suffix) for place in places for suffix in _SUFFIXES):
        if not os.path.isfile(path):
            continue
        if path.resolve() in trail.chain:
            names = " -> ".join(each.stem for each in (*trail.chain, path))
            raise ConstitutionError(f"{at}that is a circle ({names}); take it out of `extends`")
        found = _load(path, places, trail)
        if not wanted or _in_range(found.version, wanted, at):
            return found
        seen.append(f"{path} is {found.version}")
    if wanted and (pinned := _released(places, name, wanted, at)) is not None:
        return pinned
    if seen:
        raise ConstitutionError(f"{at}no {name} is in the range {wanted} ({'; '.join(seen)}); change it")
    file = _with_suffix(name)
    near = [file] if file else difflib.get_close_matches(name, _known(places).split(", "), n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    if versions := [version for place in places for version in read_pins(place / LOCK, name)]:
        hint = f" (its file is gone; of its releases there is {name}@{versions[-1]})"
    raise ConstitutionError(f"{at}no constitution named {name!r}{hint}; there are: {_known(places)}")


def _version_of(path: Path, wanted: str, places: Sequence[Path]) -> Constitution:
    _in_range("0.0.0", wanted, "")
    now = _load(path, places, _Trail((), {}))
    in_range = _in_range(now.version, wanted, "")
    if in_range and not _EXACT.fullmatch(wanted):
        return now
    pinned = _released([path.parent], now.name, wanted, "")
    if pinned is None and in_range:
        return now
    if pinned is None:
        raise ConstitutionError(
            f"{path}: is {now.version}, and {path.parent / LOCK} has no release in the range {wanted}; "
            f"`rlaif constitution log {path}` lists what there is"
        )
    return pinned


def _released(places: Sequence[Path], name: str, wanted: str, at: str) -> Constitution | None:
    """The highest release in the range, from the first folder that has one."""
    for place in places:
        pins = [pin for pin in read_pins(place / LOCK, name).values() if _in_range(pin.version, wanted, at)]
        if pins:
            pin = max(pins, key=lambda each: parse_version(each.version).rank)
            return load_pin(place / LOCK, pin)
    return None


def load_pin(path: Path, pin: Pin) -> Constitution:
    """The constitution of a release in the lock file `path`; one whose text was edited there is refused."""
    found = parse_constitution(pin.text, f"{path} ({pin.name} {pin.version})")
    remedy = "restore it from version control"
    if found.digest != pin.digest:
        raise ConstitutionError(
            f"{path}: the text of {pin.name} {pin.version} has digest {found.digest}, not the {pin.digest} beside "
            f"it; {remedy}"
        )
    if (found.name, found.version) != (pin.name, pin.version):
        raise ConstitutionError(
            f"{path}: what is pinned as {pin.name} {pin.version} is {found.name} {found.version}; {remedy}"
        )
    if pinned_digests(found) != pin.principles:
        raise ConstitutionError(
            f"{path}: {pin.name} {pin.version} has other digests of principles than its text; {remedy}"
        )
    return found


def _with_suffix(name: str) -> str | None:
    return next((name + suffix for suffix in _SUFFIXES if os.path.isfile(name + suffix)), None)


def _in_range(version: str, wanted: str, at: str) -> bool:
    try:
        return satisfies(version, wanted)
    except ValueError as wrong:
        raise ConstitutionError(f"{at}{wrong}") from None


def _known(places: Sequence[Path]) -> str:
    names = {path.stem for place in places for suffix in _SUFFIXES for path in place.glob(f"*{suffix}")}
    return ", ".join(sorted(names)) or "none"


def load_principles(ref: str | Path, *, folders: Sequence[Path] = ()) -> Constitution:
    """As `load_constitution`; refuses a constitution without principles."""
    found = load_constitution(ref, folders=folders)
    if not found.principles:
        raise ConstitutionError(
            f"{found.source}: has propositions and no principles to judge by; add some under `principles:`, "
            "or see `rlaif rbr` for what rules alone can do"
        )
    for each in found.principles:
        if broken := half_characters(each):
            at = f"{each.source}:{each.line}" if each.line else found.source
            raise ConstitutionError(f"{at}: {each.id}: {HALF.format(', '.join(broken))}")
    return found


def parse_constitution(text: str, name: str) -> Constitution:
    """Parse a constitution that is not in a file and extends nothing; messages call it `name`."""
    return _read(parse_document(text, name, ConstitutionError), Path(name), (), _Trail((), {}))


def _load(path: Path, places: Sequence[Path], trail: _Trail) -> Constitution:
    # places grow by the folder of each that extends; the same file by two ways is read once
    places = list(dict.fromkeys(places))
    key = path.resolve(), tuple(places)
    if key not in trail.loaded:
        trail.loaded[key] = _read(read_document(path, ConstitutionError), path, places, trail)
    return trail.loaded[key]


def _read(document: Document, path: Path, places: Sequence[Path], trail: _Trail) -> Constitution:
    data = check(document, "constitution", ConstitutionError, _repeated_ids)
    inside = _Trail((*trail.chain, path.resolve()), trail.loaded)
    if len(inside.chain) > DEEPEST:
        raise ConstitutionError(f"{path}: `extends` goes over {DEEPEST} constitutions deep; merge some")
    bases = [
        _named(ref, [path.parent, *places], inside, document.where(("extends", place)))
        for place, ref in enumerate(data.get("extends", []))
    ]
    return _merge(document, data, bases)


def _repeated_ids(document: Document) -> list[tuple[int, str]]:
    """Line and message for each id that is given twice, in data that may be wrong otherwise."""
    data, mistakes = document.data, []
    for kind in ("principles", "propositions"):
        entries = data.get(kind) if isinstance(data, dict) else None
        first: dict[str, int | None] = {}
        for place, entry in enumerate(entries if isinstance(entries, list) else ()):
            name = entry.get("id") if isinstance(entry, dict) else None
            if not isinstance(name, str):
                continue
            line = document.line((kind, place, "id"))
            if name in first:
                mistakes.append(
                    (
                        line or 1,
                        f"{kind} have the id {name!r} twice (first at line {first[name]}); give each its own",
                    )
                )
            else:
                first[name] = line
    return mistakes


def _merge(document: Document, data: Mapping[str, Any], bases: Sequence[Constitution]) -> Constitution:
    principles = {each.id: each for base in bases for each in base.principles}
    for place, entry in enumerate(data.get("principles", [])):
        _check_turns(document, place, entry)
        principles[entry["id"]] = _principle(entry, document.line(("principles", place)), document.path)
    propositions = {each["id"]: dict(each) for base in bases for each in base.propositions}
    propositions |= {each["id"]: _trimmed(each) for each in data.get("propositions", [])}
    check_propositions(document, propositions)
    if not principles and not propositions:
        raise ConstitutionError(f"{document.where()}: there is no principle; add one under `principles:`")
    behaviors = data.get("behaviors") or next((b.behaviors for b in reversed(bases) if b.behaviors), {})
    check_behaviors(document, behaviors, list(propositions))
    # the last one that says it, not the last one
    inherited = next((each.decide for each in reversed(bases) if each.decides), Decide())
    return Constitution(
        name=data["name"],
        version=data["version"],
        title=data.get("title", data["name"]).strip(),
        principles=tuple(principles.values()),
        decide=_decide(data["decide"]) if "decide" in data else inherited,
        decides="decide" in data or any(each.decides for each in bases),
        propositions=tuple(propositions.values()),
        behaviors=behaviors,
        source=document.path,
        origin=data.get("origin", {}),
    )


def _decide(entry: Mapping[str, Any]) -> Decide:
    # `4` and `4.0` are one temperature, and must have one digest
    return Decide(**{**entry, "temperature": float(entry.get("temperature", 1.0))})


def _principle(entry: Mapping[str, Any], line: int | None, source: str) -> Principle:
    fields = _trimmed(entry)
    fields["weight"] = float(fields.get("weight", 1.0))
    fields["applies_to"] = tuple(fields.get("applies_to", ()))
    fields["tests"] = tuple(map(_test, fields.get("tests", ())))
    return Principle(**fields, line=line, source=source)


def _test(entry: Mapping[str, Any]) -> PrincipleTest:
    fields = _trimmed(entry)
    if isinstance(asked := fields["prompt"], str):
        return PrincipleTest(**fields)
    *before, last = (_trimmed(turn) for turn in asked)
    return PrincipleTest(
        **{**fields, "prompt": last["content"], "before": tuple(Message(**turn) for turn in before)}
    )


def _check_turns(document: Document, place: int, entry: Mapping[str, Any]) -> None:
    """Raises ConstitutionError for a test whose conversation does not end with what the user asks."""
    for number, test in enumerate(entry.get("tests", ())):
        if not isinstance(asked := test["prompt"], str) and (role := asked[-1]["role"]) != "user":
            raise ConstitutionError(
                f"{document.where(('principles', place, 'tests', number, 'prompt'))}: {entry['id']}: the prompt of "
                f"test {number + 1} ends with a turn of {role}; end it with the user's"
            )


def _trimmed(entry: Mapping[str, Any]) -> dict[str, Any]:
    # block texts (`text: |`) end in a line feed that nobody means
    return {key: value.strip() if isinstance(value, str) else value for key, value in entry.items()}
