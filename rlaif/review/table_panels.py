"""What a lab's table shows in pictures: the gain of every recipe with its interval, a panel for each judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil, floor
from typing import Any

from rlaif.review.panels import IntervalPanel, IntervalRow

_STEP = 0.1


def table_panels(found: Mapping[str, Any]) -> Iterator[IntervalPanel]:
    """The highest gain first; all panels of a table have one scale. Of nothing there are none."""
    gains = [row["gain"] for each in found["columns"] for row in each["rows"] if row["gain"] is not None]
    if not gains:
        return
    ends = [end for each in gains for end in (each["low"], each["high"])]
    limits = (
        min(0.0, floor(min(ends) / _STEP) * _STEP),
        max(_STEP, ceil(max(ends) / _STEP) * _STEP),
    )
    for each in found["columns"]:
        rows = sorted(
            (row for row in each["rows"] if row["gain"] is not None), key=lambda row: -row["gain"]["value"]
        )
        yield IntervalPanel(
            title=f"{each['column']}: {each['judge']}",
            x="gain on held-out prompts (gold; of judges accuracy)",
            rows=[
                IntervalRow(row["recipe"], row["gain"]["value"], row["gain"]["low"], row["gain"]["high"])
                for row in rows
            ],
            reference=0.0,
            says="no gain",
            limits=limits,
        )
