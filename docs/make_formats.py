"""Writes the table of formats in docs/formats.md from their rows; `--check` says whether it is up to date."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from rlaif.exchange.format import FORMATS, Format, PairFormat, pair_formats

PAGE = Path(__file__).with_name("formats.md")
BEGIN, END = "<!-- from the code: make docs -->", "<!-- end -->"


def page(text: str) -> str:
    """The page with its table made anew."""
    head, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{head}{BEGIN}\n" + "\n".join(_table()) + f"\n{END}{after}"


def _table() -> Iterator[str]:
    yield "| `--format` | what it is | a row | import | export | what it cannot hold |"
    yield "|---|---|---|---|---|---|"
    ours = set(FORMATS.names()) - set(FORMATS.from_outside())
    for name, pairs in sorted(pair_formats().items()):
        if name in ours:
            yield "| " + " | ".join(_cells(FORMATS.get(name), pairs)) + " |"


def _cells(form: Format, pairs: PairFormat) -> list[str]:
    held = ([] if pairs.holds_ties else ["ties"]) + ([form.loses] if form.loses else [])
    does = ["yes" if each else "no" for each in (pairs.reads, pairs.writes)]
    return [f"`{form.name}`", form.help, pairs.shape, *does, "; ".join(held)]


def main() -> int:
    """Write the page, or compare it."""
    text = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv[1:]:
        return int(text != page(text))
    PAGE.write_text(page(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
