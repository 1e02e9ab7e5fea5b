"""How long the answers of each model are, of a run that has completions."""

from __future__ import annotations

from pathlib import Path

from rlaif.auditing.surface import words
from rlaif.exchange.completions import read_completions
from rlaif.review.distributions import word_panel
from rlaif.review.named import by_fingerprint, said
from rlaif.review.panels import HistogramPanel
from rlaif.runs.claim import read_facts
from rlaif.runs.layout import files_of


def answer_lengths(run: Path) -> list[HistogramPanel]:
    """Words of the answers of each model, by its name; nothing where there are no completions."""
    held: dict[str, list[float]] = {}
    for path in files_of(run, "completions"):
        for _, each in read_completions(path):
            held.setdefault(each.policy, []).append(float(words(each.text)))
    if not held:
        return []
    names = by_fingerprint(read_facts(run))
    return [
        word_panel(
            "words of an answer", {names.get(policy, said(policy)): own for policy, own in held.items()}
        )
    ]
