"""OpenAI's Model Spec (`model_spec.md`): sections with an authority, and worked examples with GOOD and BAD answers.

A section whose heading says `{#name authority=root}` is a principle, its examples are the principle's tests, and the
levels of authority are the groups of a lexicographic decision. The prompts of the folder `examples/` beside the file
come as a prompt set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from rlaif.errors import ConstitutionError
from rlaif.exchange.constitutions.markdown import (
    MarkdownSection,
    plain,
    sections,
    without_admonitions,
    without_blocks,
)
from rlaif.exchange.constitutions.parts import came_from, not_held, refuse
from rlaif.exchange.constitutions.worked_examples import NoTest, WorkedExample, read_example, written
from rlaif.exchange.format import (
    ConstitutionFormat,
    Format,
    PromptsBeside,
    ReadConstitution,
    WrittenConstitution,
)
from rlaif.plain_files import decoded, read_whole
from rlaif.records import Constitution, Decide, Principle, Prompt

NAME = "model-spec"
AUTHORITIES = ("root", "platform", "system", "developer", "user", "guideline")
"""The highest first; `platform` is what versions before September 2025 call `root`."""
_KNOWN = ("authority", "tags")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PLACEHOLDER = re.compile(r"\[(?:\.\.\.|…)")
_OF = re.compile(r"Examples for \[\^[^\[\]]+\] in (.+?):")
_MOST = 4_000_000


class _Read(NamedTuple):
    """A section as a principle, with what it holds beside its words."""

    principle: Principle
    conversations: list[WorkedExample]
    commentary: int


def recognises(values: object) -> bool:
    """Whether this is such a document: a heading names an authority."""
    return isinstance(values, str) and any("authority" in each.attributes for each in sections(values))


def read(text: str, name: str, place: str) -> ReadConstitution:
    """A principle for each section with an authority, those of a higher one first."""
    found = sections(text)
    _check(found, place)
    titles = {each.name: each.title for each in found if each.name}
    made = [_principle(each, titles) for each in found if "authority" in each.attributes]
    rank = {level: number for number, level in enumerate(AUTHORITIES)}
    principles = sorted((each.principle for each in made), key=lambda each: rank[str(each.group)])
    constitution = Constitution(
        name=name,
        version="0.1.0-dev",
        title=name,
        principles=tuple(principles),
        decide=Decide(rule="lexicographic"),
        origin={"format": NAME, "texts": [each.raw for each in found]},
    )
    return ReadConstitution(constitution, tuple(_notes(found, made, principles)))


def write(constitution: Constitution) -> WrittenConstitution:
    """The sections as they came, those of principles that were changed written anew, and new principles at the end."""
    if not constitution.principles:
        refuse(constitution.source or constitution.name, f"has no principles, and {NAME} holds nothing else")
    texts = constitution.origin["texts"] if came_from(constitution, NAME) else []
    found = sections("".join(texts))
    titles = {each.name: each.title for each in found if each.name}
    now = {each.id: each for each in constitution.principles}
    parts, left = [], []
    for each in found:
        if "authority" not in each.attributes:
            parts.append(each.raw)
        elif (principle := now.pop(each.name, None)) is not None:
            parts.append(
                each.raw
                if _same(_principle(each, titles).principle, principle)
                else _section(principle, each)
            )
    for principle in now.values():
        if principle.group in AUTHORITIES:
            parts.append(
                ("\n" * (1 + (not parts[-1].endswith("\n"))) if parts else "") + _section(principle, None)
            )
        else:
            left.append(principle.id)
    if not any(parts):
        refuse(
            constitution.source or constitution.name,
            f"no principle has an authority; give each `group`: one of {', '.join(AUTHORITIES)}",
        )
    missing = [f"principles whose `group` is no authority: {', '.join(left)}"] if left else []
    held = {"principles", "tests", "conversations", "groups", "applies_to", "decide"}
    return WrittenConstitution("".join(parts), (*missing, *not_held(constitution, held)))


def prompts(text: str, path: Path) -> PromptsBeside:
    """The prompts of `examples/*.md` beside the file, each with the ids of its section as tags."""
    folder = path.parent / "examples"
    if not folder.is_dir():
        raise ConstitutionError(
            f"{folder}: is not there; the prompts of a Model Spec lie in the folder `examples` beside it"
        )
    names = {each.title: each.name for each in sections(text) if each.name}
    found: dict[str, Prompt] = {}
    left = Counter[str]()
    for file in sorted(folder.glob("*.md")):
        whole = decoded(read_whole(file, ConstitutionError, _MOST), str(file), ConstitutionError)
        about = _OF.search(whole)
        tag = names.get(about[1].strip()) if about else None
        for block in without_blocks(whole, "xml")[1]:
            each = read_example(block.text)
            reason = _no_prompt(each)
            if reason is not None:
                left[reason.value] += 1
                continue
            prompt = Prompt(messages=each.turns, tags=(tag,) if tag else (), meta={"file": file.name})
            found.setdefault(prompt.id, prompt)
    return PromptsBeside(tuple(found.values()), tuple(_counted(left, "prompts", "are left out")))


def _no_prompt(each: WorkedExample) -> NoTest | None:
    if not each.readable:
        return NoTest.UNREADABLE
    if each.calls:
        return NoTest.TOOLS
    return None if each.turns and each.turns[-1].role == "user" and each.turns[-1].content else NoTest.ENDS


def _check(found: Sequence[MarkdownSection], place: str) -> None:
    """Raise ConstitutionError for a name that stands twice, or a mark of a heading that is not known."""
    first: dict[str, int] = {}
    for each in found:
        at = f"{place}:{each.line}"
        if each.name and each.name in first:
            refuse(
                at,
                f"the id {each.name!r} is given twice (first at line {first[each.name]}); give each its own",
            )
        if each.name:
            first[each.name] = each.line
        level = each.attributes.get("authority")
        if level is None:
            continue
        if level not in AUTHORITIES:
            refuse(
                at, f"{each.name or each.title}: unknown authority {level!r}; known: {', '.join(AUTHORITIES)}"
            )
        if not each.name:
            refuse(at, f"{each.title!r} has an authority and no id; write {{#id authority={level}}}")
        if not _ID.fullmatch(each.name):
            refuse(at, f"{each.name!r} is no id: small letters, digits, dots, dashes and underscores")
        if other := [
            mark for mark in each.marks if not mark.startswith("#") and mark.split("=")[0] not in _KNOWN
        ]:
            refuse(at, f"{each.name}: unknown mark {other[0]!r}; known: {', '.join(_KNOWN)}")


def _principle(section: MarkdownSection, titles: Mapping[str, str]) -> _Read:
    body, blocks = without_blocks(section.body, "xml")
    body, commentary = without_admonitions(body)
    prose = plain(body, titles)
    conversations = [read_example(each.text) for each in blocks]
    tags = tuple(tag for tag in section.attributes.get("tags", "").split(",") if tag)
    tests = dict.fromkeys(
        test for each in conversations for test in each.tests if test.better.strip() != test.worse.strip()
    )
    principle = Principle(
        id=section.name,
        text=f"{section.title}\n\n{prose}" if prose else section.title,
        applies_to=tags,
        group=section.attributes["authority"],
        tests=tuple(tests),
    )
    return _Read(principle, conversations, commentary)


def _same(read: Principle, now: Principle) -> bool:
    """Whether all that this format holds of a principle is as it was read."""
    said = [(each.text, each.applies_to, each.group, each.tests) for each in (read, now)]
    return said[0] == said[1]


def _section(principle: Principle, was: MarkdownSection | None) -> str:
    title, _, prose = principle.text.partition("\n\n")
    if "\n" in title:
        title, prose = principle.id, principle.text
    tags = f" tags={','.join(principle.applies_to)}" if principle.applies_to else ""
    group = principle.group if principle.group in AUTHORITIES else was and was.attributes["authority"]
    head = f"{'#' * (was.level if was else 2)} {title} {{#{principle.id} authority={group}{tags}}}\n"
    return "\n".join([head, *([prose + "\n"] if prose else []), *written(principle.tests)]) + "\n"


def _notes(
    found: Sequence[MarkdownSection], made: Sequence[_Read], principles: Sequence[Principle]
) -> Iterator[str]:
    levels = Counter(str(each.group) for each in principles)
    told = ", ".join(f"{level} {levels[level]}" for level in AUTHORITIES if levels[level])
    yield f"{len(principles)} principles by authority: {told}; `decide` hears the groups in this order"
    if none := [
        each.name or each.title for each in found if each.level and "authority" not in each.attributes
    ]:
        yield f"{len(none)} sections without an authority became no principle: {', '.join(none)}"
    talks = [each for one in made for each in one.conversations]
    tests = [test for each in principles for test in each.tests]
    both = sum(each.has_both for each in talks)
    yield f"{len(talks)} examples, {both} with a GOOD and a BAD answer: {len(tests)} tests"
    yield from _counted(
        Counter(each.why_none.value for each in talks if each.why_none), "examples", "make no test"
    )
    if held := sum(bool(_PLACEHOLDER.search(each.better + each.worse)) for each in tests):
        yield f"{held} tests have an answer with a gap such as [...]: a judge reads it as it stands"
    if asides := sum(each.commentary for each in made):
        yield f"{asides} blocks of commentary are not shown to a judge"
    outside = [each for each in found if "authority" not in each.attributes]
    if lost := sum(len(without_blocks(each.body, "xml")[1]) for each in outside):
        yield f"{lost} examples stand in sections that became no principle"


def _counted(counts: Counter[str], what: str, outcome: str) -> Iterator[str]:
    if counts:
        reasons = "; ".join(f"{count} {reason}" for reason, count in counts.most_common())
        yield f"{sum(counts.values())} {what} {outcome}: {reasons}"


FORMAT = Format(
    name=NAME,
    help="OpenAI's Model Spec (model_spec.md)",
    loses="principles without an authority; weights, hard, critiques and revisions",
    constitution=ConstitutionFormat(
        recognises=recognises, read=read, write=write, text=str, prompts=prompts, rank=50
    ),
)
