"""Prices a million tokens, from a table that the user can edit. What no entry names has no price: never zero."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from rlaif.atomic import write_text
from rlaif.checks import check
from rlaif.documents import read_document
from rlaif.errors import InputError
from rlaif.records import Usage

SHIPPED = Path(__file__).with_name("prices.yaml")
MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Of a million tokens."""

    prompt: float
    completion: float

    def of(self, usage: Usage) -> float:
        """Return the price of these tokens, in the table's currency."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A price table."""

    currency: str
    entries: tuple[tuple[str, Price], ...]
    source: str

    def as_dict(self) -> dict[str, Any]:
        """As JSON, and as the table is written."""
        rows = [
            {"model": name, "prompt": each.prompt, "completion": each.completion}
            for name, each in self.entries
        ]
        return {"currency": self.currency, "models": rows, "source": self.source}

    def of(self, *names: str) -> Price | None:
        """The price of the first entry that fits one of a model's names; None where the table has none.

        Which names a model has, its kind knows: see `rlaif.engines.kinds.price_of`.
        """
        for pattern, price in self.entries:
            # a bracket is one of an address, though it may also be meant as in file names
            if any(
                fnmatchcase(each, form) for each in names for form in (pattern, pattern.replace("[", "[[]"))
            ):
                return price
        return None


def read_prices(path: Path | None = None) -> Prices:
    """The table in `path`, else the shipped one. Raises InputError with file, line and key."""
    data = check(read_document(path or SHIPPED, InputError), "prices", InputError)
    entries = tuple(
        (each["model"], Price(prompt=float(each["prompt"]), completion=float(each["completion"])))
        for each in data["models"]
    )
    return Prices(currency=data["currency"], entries=entries, source=str(path or "shipped"))


def copy_prices(out: Path, path: Path | None = None) -> None:
    """Write the table in `path`, else the shipped one, into a new file, comments and all. Raises InputError."""
    if out.exists():
        raise InputError(f"{out}: is there already; name a new file, or edit that one")
    write_text(out, (path or SHIPPED).read_text(encoding="utf-8"))
