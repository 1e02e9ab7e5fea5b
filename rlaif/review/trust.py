"""Whether the figures of a run are to be trusted, in a sentence: by what was doubted, its audit and how much was asked.

Pure: it reads what a run keeps of itself, and an audit where one was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

FEW_PROMPTS = 30
"""Measured prompts below which only large differences show."""
_LONGEST = 160


class Trust(NamedTuple):
    """The answer: which colour it has, and a sentence."""

    verdict: Literal["better", "worse", "unclear"]
    says: str


def measured_prompts(summary: Mapping[str, Any]) -> int | None:
    """Prompts that a comparison was measured on, the fewest of several; None where nothing was compared."""
    counts = [
        int(each["prompts"])
        for helped in (summary.get("helped") or {}).values()
        for each in (helped.get("by") or {}).values()
        if each.get("prompts")
    ]
    counts += [int(summary["prompts"])] if summary.get("win_rates") and summary.get("prompts") else []
    return min(counts, default=None)


def trust(doubts: Sequence[str], faults: Sequence[str] | None, *, labelled: bool = True) -> Trust:
    """The sentence.

    Args:
        doubts: What is doubtful, the weightiest first.
        faults: Names of the faults that an audit found in the labels; None where none was made.
        labelled: Whether it has labels that an audit could look at.
    """
    if faults:
        said = f"Not as it stands: the audit of its labels found {_named(faults)}"
        return Trust("worse", f"{said}{_and_doubts(doubts)}.")
    if doubts:
        more = f" (and {len(doubts) - 1} more)" if len(doubts) > 1 else ""
        return Trust("unclear", f"With doubt: {_short(doubts[0])}{more}.")
    if faults is None:
        unseen = "; its labels were not audited" if labelled else ""
        return Trust("unclear", f"Nothing that it noted while it ran speaks against it{unseen}.")
    return Trust("better", "Yes, as far as was looked: its audit found no fault beyond what chance explains.")


def _named(faults: Sequence[str]) -> str:
    words = [each.replace("_", " ") for each in faults]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _and_doubts(doubts: Sequence[str]) -> str:
    return f"; {len(doubts)} further doubt{'' if len(doubts) == 1 else 's'}" if doubts else ""


def _short(text: str) -> str:
    flat = " ".join(text.split()).rstrip(".")
    if len(flat) <= _LONGEST:
        return flat
    # cut behind a whole word
    return f"{flat[:_LONGEST].rpartition(' ')[0]} ..."
