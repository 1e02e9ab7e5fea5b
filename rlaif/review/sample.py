"""Samples that show whether it helped: answers before and after, where it helped most, least, or hurt.

They are chosen by what a run keeps under `helped`, and read from the answers that were measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.errors import RlaifError
from rlaif.exchange.measured import MeasuredAnswer, read_measured
from rlaif.records import Completion, Generation, Message

WHERE = {"most": "helped most", "least": "changed least", "hurt": "hurt most"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfter:
    """A prompt, and what two policies answered to it."""

    prompt: Sequence[Message]
    before: Generation | Completion
    after: Generation | Completion
    title: str = ""
    """Why this one is shown: `helped most: meets 0.40 -> 1.00`."""


def helped_samples(run: Path, helped: Mapping[str, Any]) -> list[BeforeAfter]:
    """The samples that a comparison names; none where its answers cannot be read any more.

    Args:
        run: The directory of the run.
        helped: What it keeps of one comparison.
    """
    try:
        one, other = (_answers(run, *each) for each in helped.get("answers") or ())
    except (RlaifError, ValueError, TypeError):  # a page does without them
        return []
    return [
        BeforeAfter(
            title=f"{WHERE.get(row['where'], row['where'])}: meets {row['before']:.2f} -> {row['after']:.2f}",
            prompt=other[row["prompt"]].prompt.messages,
            before=one[row["prompt"]].answer,
            after=other[row["prompt"]].answer,
        )
        for row in helped.get("samples") or ()
        if row["prompt"] in one and row["prompt"] in other
    ]


def _answers(run: Path, file: str, model: str) -> dict[str, MeasuredAnswer]:
    """The answers of a model in a file of the run, by prompt."""
    path = run / file
    if not path.resolve().is_relative_to(run.resolve()) or not path.is_file():
        return {}
    return {each.prompt.id: each for each in read_measured(path) if each.model == model}
