"""By which fields a chat template or a server is told to let its model think, and whether a request tells so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SWITCHES = ("enable_thinking", "thinking")
"""Variables by which chat templates are told to let their model think, the commoner first."""
EFFORT = "reasoning_effort"
NO_EFFORT = "none"


def told_to_think(template: Mapping[str, Any], body: Mapping[str, Any]) -> bool | None:
    """Whether arguments of a template or fields of a request let a model think; None where they say nothing of it."""
    for told in (template, body):
        for name in SWITCHES:
            if (value := told.get(name)) is not None:
                # some servers take an object: {"type": "disabled"}
                return value.get("type") != "disabled" if isinstance(value, Mapping) else bool(value)
    effort = body.get(EFFORT, template.get(EFFORT))
    return None if effort is None else effort != NO_EFFORT
