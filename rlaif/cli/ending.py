"""What a command ends with: its result, what is doubtful, where it lies; at most `MOST` lines in all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import wrap

from rlaif.cli.output import WIDTH, shortened

MOST = 12
"""Lines of an ending, the one that names the next command among them."""
INDENT = "  "
_BOUND = "\u00a0"
_TOGETHER = re.compile(r"\[[^\[\]]*\]|\S+ \S+ -> \S+")
"""What stands on one line: an interval, and a figure before and after with its name."""


def within(text: str, most: int = 3) -> list[str]:
    """`text` in lines of `WIDTH` columns, at most so many; what does not fit is left out, with dots for it.

    No line ends inside an interval, or between a figure and what became of it.
    """
    bound = _TOGETHER.sub(lambda found: found[0].replace(" ", _BOUND), text)
    lines = [
        line.replace(_BOUND, " ")
        for line in wrap(
            bound, WIDTH, subsequent_indent=INDENT, break_long_words=False, break_on_hyphens=False
        )
    ]
    if len(lines) <= most:
        return lines
    last = lines[most - 1] if len(lines[most - 1]) <= WIDTH - 4 else lines[most - 1].rpartition(" ")[0]
    return [*lines[: most - 1], f"{last} ..."]


def listed(parts: Iterable[str]) -> str:
    """Parts with commas between them, none of which a line ends in."""
    return ", ".join(part.replace(" ", _BOUND) for part in parts)


def doubtful(warnings: Iterable[str], full: str = "--full", most: int = 1) -> list[str]:
    """What is doubtful; nothing where nothing is. `full` says what shows all of it.

    A doubt that is alone has up to `most` lines; of several the first has one.
    """
    told = list(dict.fromkeys(warnings))
    if not told:
        return []
    others = len(told) - 1
    alone = within(f"doubtful: {told[0]}", most + 1)
    if not others and len(alone) <= most:
        return alone
    more = f" (and {others} more: {full})" if others else f" ({full})"
    return [f"{shortened(f'doubtful: {told[0]}', WIDTH - len(more))}{more}"]


def side(name: str, text: str, most: int = 6) -> list[str]:
    """A text below its name, in at most so many lines."""
    return [f"{name}:", *(f"{INDENT}{line}" for line in _lines(text, most))]


def _lines(text: str, most: int) -> list[str]:
    found = [part for line in text.splitlines() or [""] for part in wrap(line, WIDTH - len(INDENT)) or [""]]
    return found if len(found) <= most else [*found[: most - 1], "..."]
