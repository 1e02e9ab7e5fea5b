"""What the results of all commands have in common: a repr that fits a line, a display in notebooks, tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from rlaif.auditing.turn_texts import last_asked, shown_text
from rlaif.records import Pair
from rlaif.review.distributions import length_panels
from rlaif.review.gathered import gather
from rlaif.review.notebook_charts import notebook_charts
from rlaif.review.panels import Panel

if TYPE_CHECKING:
    from pandas import DataFrame

    from rlaif.libraries.datasets import Dataset

_SHOWN_PAIRS = 5
_SHOWN_LETTERS = 300
_CELL = "text-align:left;vertical-align:top;white-space:pre-wrap"


class Result(ABC):
    """The result of a command."""

    __slots__ = ()

    @property
    @abstractmethod
    def facts(self) -> Mapping[str, object]:
        """What is worth a line, by its name."""

    @abstractmethod
    def to_dataset(self) -> Dataset:
        """The rows of this result as a `datasets.Dataset`."""

    @abstractmethod
    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        """Head and rows of the table that a notebook shows."""

    def _panels(self) -> Sequence[Panel]:
        """What a notebook draws below the table."""
        return ()

    def _samples(self) -> Sequence[tuple[Sequence[str], Sequence[Sequence[object]]]]:
        """Head and rows of tables of texts, below what is drawn."""
        return ()

    def to_pandas(self) -> DataFrame:
        """The rows of `to_dataset` as a data frame.

        Raises LibraryError where pandas is missing, which comes with `datasets`.
        """
        from rlaif.exchange.frames import data_frame

        return data_frame(self.to_dataset())

    def __repr__(self) -> str:
        """The facts on one line."""
        told = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{type(self).__name__}({told})"

    def _repr_html_(self) -> str:
        """What a notebook shows. Everything is escaped: what a model wrote is data."""
        facts = "".join(f"<tr>{_cell(name, 'th')}{_cell(value)}</tr>" for name, value in self.facts.items())
        return (
            f"<b>{escape(type(self).__name__)}</b><table>{facts}</table>{_table(*self._shown())}"
            f"{notebook_charts(self._panels())}{''.join(_table(*each) for each in self._samples())}"
        )


class PairResult(Result):
    """The result of a command that made pairs, or learned from them."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def pairs(self) -> Sequence[Pair]:
            """The preference pairs, the better side of each as `chosen`."""

    def to_dataset(self) -> Dataset:
        """The pairs as a `datasets.Dataset`, with the columns that TRL's trainers read and all others of `pairs.jsonl`.

        `principles` and `provenance` are JSON text.
        """
        from rlaif.exchange.frames import pairs_dataset

        return pairs_dataset(self.pairs)

    def _shown(self) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
        return pairs_shown(self.pairs)

    def _panels(self) -> Sequence[Panel]:
        return length_panels(gather(self.pairs))


def pairs_shown(pairs: Sequence[Pair]) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """Head and rows of a table of the first pairs."""
    head = ("prompt", "chosen", "rejected", "P(chosen is better)")
    rows = [
        (
            last_asked(each.prompt),
            shown_text(each.chosen),
            shown_text(each.rejected),
            f"{each.label_prob:.3f}",
        )
        for each in pairs[:_SHOWN_PAIRS]
    ]
    return head, rows


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    titles = "".join(_cell(each, "th") for each in head)
    lines = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(value: Any, tag: str = "td") -> str:
    text = "" if value is None else str(value)
    cut = text if len(text) <= _SHOWN_LETTERS else f"{text[:_SHOWN_LETTERS]} ..."
    return f'<{tag} style="{_CELL}">{escape(cut)}</{tag}>'
