"""The card of an exported data set: README.md with where it comes from, what became of what, hashes, licence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LICENSE_ID = re.compile(r"[a-z0-9][a-z0-9.-]*")
UNSTATED = "unknown"
UNSTATED_NOTE = (
    "Whoever exported this stated none (`--license`). The prompts have their authors' licence, and what a model "
    "wrote falls under the terms of that model."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A file of the data set."""

    name: str
    split: str
    rows: int | None
    """None for a file that is a part of one."""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All that a card says."""

    name: str
    holds: str = "Preference pairs"
    """What its rows are."""
    tag: str = "preference"
    """What hubs file it under."""
    format: str
    license: str | None
    made_by: Mapping[str, str]
    """Constitution, judge, policy, templates ...: what stands in the pairs' provenance."""
    funnel: Mapping[str, int]
    """From the first count to the rows that are here."""
    files: Sequence[FileFacts]
    where: str | None
    version: str


def dataset_card(facts: CardFacts) -> str:
    """Markdown with the front matter that dataset hubs read. What others wrote cannot break out of a cell."""
    parts = [
        _front_matter(facts),
        f"# {_line(facts.name)}\n\n{facts.holds} in the format `{facts.format}`, exported by rlaif "
        f"{facts.version}.",
        _section("How they were made", _table(("", ""), facts.made_by.items())),
        _section("From prompts to rows", _table(("", "count"), facts.funnel.items())),
    ]
    if facts.where is not None:
        parts.append(f"Kept were pairs with `{_line(facts.where).replace('`', chr(39))}`.")
    rows = [
        (each.name, each.split, "" if each.rows is None else each.rows, each.sha256) for each in facts.files
    ]
    parts.append(_section("Files", _table(("file", "split", "rows", "SHA-256"), rows)))
    note = UNSTATED_NOTE if facts.license is None else _line(facts.license)
    parts.append(_section("Licence", note))
    return "\n\n".join(parts) + "\n"


def _front_matter(facts: CardFacts) -> str:
    lines = ["---"]
    stated = facts.license or UNSTATED
    if _LICENSE_ID.fullmatch(stated):
        lines.append(f"license: {stated}")
    else:
        lines += ["license: other", f"license_name: {json.dumps(_line(stated), ensure_ascii=False)}"]
    lines += [f"pretty_name: {json.dumps(_line(facts.name), ensure_ascii=False)}"]
    lines += [f"tags: [{facts.tag}, rlaif]", "configs:", "- config_name: default", "  data_files:"]
    for split in dict.fromkeys(each.split for each in facts.files if each.split):
        names = [each.name for each in facts.files if each.split == split and each.rows is not None]
        names = names or [f"{split}/*.arrow"]
        lines += [f"  - split: {split}", f"    path: {json.dumps(names[0])}"]
    return "\n".join([*lines, "---"])


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [_row(head), "|" + " --- |" * len(head)]
    return "\n".join([*lines, *(_row(row) for row in rows)])


def _row(cells: Iterable[Any]) -> str:
    return "| " + " | ".join(_line(str(cell)).replace("|", "\\|") for cell in cells) + " |"


def _line(text: str) -> str:
    return " ".join(text.split())
