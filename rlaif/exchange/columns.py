"""Which columns of a row a reader used, and which it left: what has a meaning is refused, the rest is said once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rlaif.errors import UnkeptError

_log = logging.getLogger(__name__)
TEMPLATE = "chat_template_kwargs"
"""Column of what a row's chat template is given; in the provenance of its pair too."""
ASKED_TOO = (
    "images", "image", "videos", "video", "audios", "audio", "document", "documents",
    TEMPLATE,
)  # fmt: skip
"""Columns of what is asked beside turns and tools: nothing here can keep it."""
SAID_TOO = (
    "tool_calls", "function_call", "reasoning_content", "reasoning", "thinking", "thought", "thoughts",
)  # fmt: skip
"""Columns of what is said beside the text of an answer."""
THOUGHTS = ("thought", "reasoning_content", "reasoning", "thinking")
"""Keys and columns that hold a thought, ours first."""
TOOLS = ("tools", "functions")
"""Columns of what may be called."""
MEANT = (
    "prompt", "messages", "conversations", "instruction", "question", "query", "problem", "input", "inputs", "context",
    "passage", "history", "system", "system_prompt", "user_prompt", *TOOLS, *ASKED_TOO, *SAID_TOO,
)  # fmt: skip
"""Columns that are a part of what was asked or said, where they are filled."""


class Columns(Mapping[str, Any]):
    """A row that remembers which of its columns were read. Asking whether a column is there is no reading."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """`values` is the row as it stands in the file."""
        self.values_of = values
        self.used: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        """The column's value, which counts as used from now on."""
        value = self.values_of[name]
        self.used.add(name)
        return value

    def __contains__(self, name: object) -> bool:
        """Whether the row has the column."""
        return name in self.values_of

    def __iter__(self) -> Iterator[str]:
        """The columns' names."""
        return iter(self.values_of)

    def __len__(self) -> int:
        """How many columns there are."""
        return len(self.values_of)

    @property
    def left(self) -> list[str]:
        """The filled columns that nobody read."""
        return [
            str(name)
            for name, value in self.values_of.items()
            if name not in self.used and not is_empty(value)
        ]

    def finished(self, where: str) -> list[str]:
        """The columns that were left. Raises UnkeptError for one that is a part of what was asked or said."""
        left = self.left
        for name in left:
            if name.lower() in MEANT:
                raise UnkeptError(
                    where,
                    f"column `{name}` is filled and has no place beside {', '.join(sorted(self.used))}",
                    "join it to the prompt, or remove the column where it has no meaning",
                )
        return left


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: absent, blank text, an empty list, no number."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value in ([], {}) or (isinstance(value, float) and value != value)


def peek(row: Mapping[str, Any], name: str) -> Any:
    """A column's value without using it; None where it is absent or empty."""
    values = row.values_of if isinstance(row, Columns) else row
    value = values.get(name)
    return None if is_empty(value) else value


def say_left(source: str | Path, left: Iterable[str]) -> None:
    """Say once which columns of a file were left out; nothing where there are none."""
    names = ", ".join(dict.fromkeys(left))
    if names:
        _log.warning("%s: left out: %s (no meaning here)", source, names)
