"""What a pair holds beside plain texts of system, user and assistant: not every format has a place for it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from rlaif.records import Pair

PARTS: Mapping[str, str] = {
    "thoughts": "thoughts",
    "calls": "calls of tools and their results",
    "tools": "schemas of tools",
    "names": "names of who speaks",
    "developer": "developer turns",
    "turns": "sides of several turns",
}
"""By name, in words."""
EVERYTHING = frozenset(PARTS)


def parts_of(pair: Pair) -> AbstractSet[str]:
    """The parts of a pair, by their names in `PARTS`; none of one that is plain texts."""
    turns = (*pair.prompt, *pair.chosen, *pair.rejected)
    found = {
        "thoughts": any(each.thought for each in turns),
        "calls": any(each.tool_calls or each.role == "tool" for each in turns),
        "tools": bool(pair.tools),
        "names": any(each.name for each in turns if each.role != "tool"),
        "developer": any(each.role == "developer" for each in turns),
        "turns": len(pair.chosen) > 1 or len(pair.rejected) > 1,
    }
    return {name for name, there in found.items() if there}
