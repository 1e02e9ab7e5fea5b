"""How workflows tell how far they are: a function that the caller gives, silent by default."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, int, int | None], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def silent(what: str, done: int, total: int | None) -> None:
    """Report nothing: the default listener to progress."""
