"""How an answer came about, as far as whoever sampled it knows. Imports no torch."""

from __future__ import annotations

from typing import NamedTuple


class Sampled(NamedTuple):
    """Of one answer; found by the id of its completion."""

    ids: tuple[int, ...] | None
    """The ids that were sampled, if they are this model's; without an end token."""
    cut: bool
    """Whether it was cut off at the limit of tokens."""
