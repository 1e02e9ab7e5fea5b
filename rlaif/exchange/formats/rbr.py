"""Answers with the truth of propositions about them, as rule-based rewards are fitted to, as gold."""

from __future__ import annotations

from collections.abc import Iterator

from rlaif.exchange.format import Format, GoldFormat, has
from rlaif.exchange.gold import GoldLabel, GoldSet
from rlaif.exchange.rbr import GradedRow, graded_row
from rlaif.exchange.rows import Row
from rlaif.records import Prompt

TRUE, FALSE = "true", "false"


def read(rows: Iterator[Row], category: str) -> GoldSet:
    """One label for each proposition that is known of an answer; the proposition is the category."""
    labels = []
    for number, row in enumerate(map(graded_row, rows)):
        for name, truth in row.truths.items():
            if truth is not None:
                labels.append(_proposition(number, row, name, truth))
    names = dict.fromkeys(each.category for each in labels)
    return GoldSet(
        name="rbr",
        scoring="labels",
        labels=tuple(labels),
        statements={name: _said(name) for name in names},
        one_statement=True,
    )


def _proposition(number: int, row: GradedRow, name: str, truth: bool) -> GoldLabel:
    return GoldLabel(
        id=f"{number}:{name}",
        prompt=Prompt(messages=row.prompt.messages),
        text=row.completion.text,
        label=TRUE if truth else FALSE,
        category=name,
        group=row.kind,
    )


def _said(name: str) -> str:
    return f"The response shows this: {name.replace('__', ': ').replace('_', ' ')}."


FORMAT = Format(
    name="rbr",
    help="answers with the truth of propositions about them, as OpenAI's rule-based rewards have them",
    gold=GoldFormat(recognises=has(("propositions", "completion", "prompt")), read=read, rank=10),
)
