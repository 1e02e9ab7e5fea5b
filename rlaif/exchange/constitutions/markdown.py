"""Markdown as a list of sections, each with the bytes it came from: what documents of rules are read out of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_HEADING = re.compile(r"(#{1,6})[ \t]+(.*?)[ \t]*(?:\{([^{}]*)\})?[ \t]*(?:\r?\n)?")
_FENCE = re.compile(r"[ ]{0,3}(`{3,}|~{3,})(.*)", re.DOTALL)
_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\(([^()\s]*)\)")
_NOTE = re.compile(r"\[\^[^\[\]\s]+\](?!:)")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkdownSection:
    """A heading and what stands below it, up to the next heading of any level."""

    level: int
    """1 to 6; 0 for what stands before the first heading."""
    title: str
    body: str
    line: int
    """Of the heading, from 1 on."""
    raw: str
    """All of it, to the byte."""
    marks: tuple[str, ...] = ()
    """What stands in braces behind the title: `#name`, `authority=root`."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Of the marks, those that are `key=value`."""

    @property
    def name(self) -> str:
        """The anchor `{#name}`; empty where there is none."""
        return next((each[1:] for each in self.marks if each.startswith("#")), "")


def sections(text: str) -> list[MarkdownSection]:
    """The sections of a document, of which `raw` put together is the text again; headings inside fences are none.

    The first one has level 0 and no title where something stands before the first heading.
    """
    parts: list[tuple[int, list[str]]] = [(1, [])]
    for number, line, fenced in _lines(text):
        if not fenced and _HEADING.fullmatch(line):
            parts.append((number, []))
        parts[-1][1].append(line)
    return [_section(number, lines) for number, lines in parts if lines]


def _section(number: int, lines: Sequence[str]) -> MarkdownSection:
    raw, found = "".join(lines), _HEADING.fullmatch(lines[0])
    if found is None:
        return MarkdownSection(level=0, title="", body=raw, line=number, raw=raw)
    marks = tuple((found[3] or "").split())
    return MarkdownSection(
        level=len(found[1]),
        title=found[2].strip(),
        body="".join(lines[1:]),
        line=number,
        raw=raw,
        marks=marks,
        attributes=dict(each.split("=", 1) for each in marks if "=" in each),
    )


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Number, line with its end, and whether it belongs to a fenced block, of which the fences are a part."""
    fence = ""
    for number, line in enumerate(_LINE.findall(text), 1):
        found = _FENCE.fullmatch(line)
        if fence:
            yield number, line, True
            if found and found[1].startswith(fence) and not found[2].strip():
                fence = ""
            continue
        fence = found[1] if found else ""
        yield number, line, bool(fence)


@dataclass(frozen=True, slots=True, kw_only=True)
class FencedBlock:
    """A fenced block: its word (`xml`), what it holds, its line in the text, and the paragraph line before it."""

    word: str
    text: str
    line: int
    before: str = ""


def without_blocks(text: str, word: str) -> tuple[str, list[FencedBlock]]:
    """Take the fenced blocks of this word out of a text, each with the line of text that leads to it."""
    kept: list[str] = []
    blocks: list[FencedBlock] = []
    inside: list[str] = []
    start, led = 0, ""
    taking = False
    for number, line, fenced in _lines(text):
        found = _FENCE.fullmatch(line) if fenced else None
        if taking:
            if found and not found[2].strip() and found[1][0] == led[0]:
                leader = _leader(kept)
                blocks.append(FencedBlock(word=word, text="".join(inside), line=start, before=leader))
                taking, inside = False, []
            else:
                inside.append(line)
        elif found and found[2].strip() == word:
            taking, start, led = True, number, found[1]
        else:
            kept.append(line)
    return "".join([*kept, *inside]), blocks


def _leader(kept: list[str]) -> str:
    """Take the last line that is not blank off the text, if it says that an example follows."""
    place = next((at for at in range(len(kept) - 1, -1, -1) if kept[at].strip()), -1)
    if place < 0 or not kept[place].lstrip().startswith("**Example"):
        return ""
    line = kept[place].strip()
    del kept[place:]
    return line


def without_admonitions(text: str) -> tuple[str, int]:
    """Take out `!!! word "Title"` with the indented lines below it; says how many there were."""
    kept, count, inside = [], 0, False
    for _, line, fenced in _lines(text):
        if not fenced and line.startswith("!!! "):
            count, inside = count + 1, True
        elif inside and (not line.strip() or line.startswith(("    ", "\t"))):
            continue
        else:
            inside = False
            kept.append(line)
    return "".join(kept), count


def plain(text: str, titles: Mapping[str, str]) -> str:
    """A text as a reader without links sees it: a link is its words, `[?](#name)` the title of that section."""

    def words(found: re.Match[str]) -> str:
        said, target = found[1], found[2]
        return f'"{titles.get(target[1:], target[1:])}"' if said == "?" and target.startswith("#") else said

    found = _LINK.sub(words, _NOTE.sub("", text)).replace("\r\n", "\n")
    return re.sub(r"\n[ \t]*(?:\n[ \t]*)+\n", "\n\n", found).strip()


def slug(title: str, most: int = 8) -> str:
    """Words of a title as an id."""
    return "-".join(_WORDS.findall(title.lower())[:most]) or "section"
