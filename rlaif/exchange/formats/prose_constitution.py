"""Constitutions in prose: a Markdown document whose sections say what a model should be (Anthropic's of 2026).

A section is a principle. Where the document has a numbered list of what comes first, and its items name sections, the
list's order is that of the groups of a lexicographic decision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rlaif.exchange.constitutions.markdown import MarkdownSection, plain, sections, slug
from rlaif.exchange.constitutions.parts import came_from, not_held, own_id, refuse
from rlaif.exchange.format import ConstitutionFormat, Format, ReadConstitution, WrittenConstitution
from rlaif.records import Constitution, Decide, Principle

NAME = "prose"
OTHER = "other"
"""The group of sections that the list of priorities does not name: it is heard last."""
LONG = 400
"""Words of a section from which on the note names it."""
_ITEM = re.compile(
    r"[ \t]*(\d{1,2})[.)][ \t]+(?:\*\*|__)?([^*_:\n]{2,80}?)(?:\*\*|__)?[ \t]*(?::|\*\*|\.[ \t]|\.?$)"
)
_ORDERS = re.compile(r"\bpriorit|\bin (?:the|this) order\b|\border of\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{3,}")
_SAY_NOTHING = frozenset(["and", "the", "with", "our", "its", "that", "being", "for", "should"])


class _Order(NamedTuple):
    """What comes first: the group of each section, and where that was read."""

    groups: Mapping[int, str]
    """By place of the section."""
    names: tuple[str, ...]
    line: int


def recognises(values: object) -> bool:
    """Whether this is a document with headings."""
    return isinstance(values, str) and any(each.level for each in sections(values))


def read(text: str, name: str, place: str) -> ReadConstitution:
    """A principle for each section that has words of its own, in the order of the document or of its priorities."""
    found = sections(text)
    ids = _ids(found)
    if not ids:
        refuse(place, "no section has words of its own, only headings; write what each asks for below it")
    order = _order(found)
    made = [(at, _principle(found[at], one, _group(order, at))) for at, one in ids.items()]
    if order:
        ranks = [*order.names, OTHER]
        made.sort(key=lambda each: ranks.index(str(each[1].group)))
    title = next((each.title for each in found if each.level == 1 and each.title), name)
    constitution = Constitution(
        name=name,
        version="0.1.0-dev",
        title=title,
        principles=tuple(each for _, each in made),
        decide=Decide(rule="lexicographic") if order else Decide(),
        decides=bool(order),
        origin={"format": NAME, "texts": [each.raw for each in found]},
    )
    return ReadConstitution(constitution, tuple(_notes(found, constitution.principles, ids, order)))


def write(constitution: Constitution) -> WrittenConstitution:
    """The sections as they came, those of principles that were changed written anew, and new principles at the end."""
    if not constitution.principles:
        refuse(constitution.source or constitution.name, f"has no principles, and {NAME} holds nothing else")
    own = came_from(constitution, NAME)
    found = sections("".join(constitution.origin["texts"])) if own else []
    ids = _ids(found)
    now = {each.id: each for each in constitution.principles}
    parts = [] if own else [f"# {constitution.title}\n\n"]
    for place, each in enumerate(found):
        if place not in ids:
            parts.append(each.raw)
        elif (principle := now.pop(ids[place], None)) is not None:
            same = _principle(each, principle.id, None).text == principle.text
            parts.append(each.raw if same else _section(principle, each.level))
    if now and parts and not parts[-1].endswith("\n"):
        parts.append("\n\n")
    parts += [_section(each, 2) for each in now.values()]
    held = {"principles"} | ({"groups", "decide"} if own else set())
    return WrittenConstitution("".join(parts), tuple(not_held(constitution, held)))


def _ids(found: Sequence[MarkdownSection]) -> dict[int, str]:
    """Ids of the sections that have words of their own, by their places."""
    ids: dict[int, str] = {}
    for place, each in enumerate(found):
        if each.level and each.body.strip():
            ids[place] = own_id(each.name or slug(each.title), ids.values())
    return ids


def _principle(section: MarkdownSection, name: str, group: str | None) -> Principle:
    return Principle(id=name, text=f"{section.title}\n\n{plain(section.body, {})}".strip(), group=group)


def _group(order: _Order | None, place: int) -> str | None:
    return None if order is None else order.groups.get(place, OTHER)


def _section(principle: Principle, level: int) -> str:
    title, _, prose = principle.text.partition("\n\n")
    if not prose or "\n" in title:
        title, prose = principle.id, principle.text
    return f"{'#' * level} {title}\n\n{prose}\n\n"


def _order(found: Sequence[MarkdownSection]) -> _Order | None:
    """The first numbered list that says of itself that it is in order, and whose items each name a section."""
    for section in found:
        if not _ORDERS.search(section.body):
            continue
        for start, items in _lists(section.body):
            named = _named(items, found)
            if named is not None:
                ids = [slug(each) for each in items]
                return _Order(_below(found, named, ids), tuple(ids), section.line + start)
    return None


def _lists(body: str) -> Iterator[tuple[int, list[str]]]:
    """Numbered lists of two items or more: the line where each starts, counted from the heading, and its names."""
    items: list[str] = []
    start = 0
    for number, line in enumerate(body.split("\n"), 1):
        found = _ITEM.match(line)
        if found and int(found[1]) == len(items) + 1:
            start = start or number
            items.append(found[2].strip())
        elif found or (line.strip() and not line.startswith((" ", "\t"))):
            if len(items) > 1:
                yield start, items
            restarts = found is not None and int(found[1]) == 1
            items, start = ([found[2].strip()], number) if found and restarts else ([], 0)
    if len(items) > 1:
        yield start, items


def _named(items: Sequence[str], found: Sequence[MarkdownSection]) -> list[int] | None:
    """The section that each item names, by the words that they share; None where one names none, or two the same."""
    places = []
    for item in items:
        words = _words(item)
        # of equal ones the section nearest to the top of the tree
        shared = [
            (len(words & _words(each.title)), -each.level, -at) for at, each in enumerate(found) if each.level
        ]
        best = max(shared, default=(0, 0, 0))
        if best[0] == 0:
            return None
        places.append(-best[2])
    return places if len({*places}) == len(places) else None


def _words(text: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(text)} - _SAY_NOTHING


def _below(found: Sequence[MarkdownSection], named: Sequence[int], ids: Sequence[str]) -> dict[int, str]:
    """The group of each named section, and of those that stand below it."""
    groups: dict[int, str] = {}
    for place, group in zip(named, ids, strict=True):
        for at in range(place, len(found)):
            if at > place and found[at].level <= found[place].level:
                break
            groups.setdefault(at, group)
    return groups


def _notes(
    found: Sequence[MarkdownSection],
    principles: Sequence[Principle],
    ids: Mapping[int, str],
    order: _Order | None,
) -> Iterator[str]:
    if none := [each.title for place, each in enumerate(found) if each.level and place not in ids]:
        yield f"{len(none)} headings without words of their own became no principle: {', '.join(none)}"
    if found and not found[0].level and found[0].body.strip():
        yield f"{len(found[0].body.split())} words before the first heading became no principle"
    if order is None:
        yield "no list of priorities names the sections: they count alike; give each a `weight`, or a `group`"
    else:
        last = f", then {OTHER}" if any(each.group == OTHER for each in principles) else ""
        yield f"priorities are those of the list at line {order.line}: {', '.join(order.names)}{last}"
    if long := [each.id for each in principles if len(each.text.split()) > LONG]:
        yield f"{len(long)} sections have over {LONG} words, which a judge reads whole: {', '.join(long)}"
    yield f"{len(principles)} principles without tests: write some, so that `test` can tell how a judge reads them"


FORMAT = Format(
    name=NAME,
    help="a constitution in prose, Markdown with a section for each principle (Anthropic's of 2026)",
    loses="weights, hard, tags, critiques and revisions, tests",
    constitution=ConstitutionFormat(recognises=recognises, read=read, write=write, text=str, rank=90),
)
