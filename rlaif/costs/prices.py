"""Prices a million tokens, from a table that the user can edit. What no entry names has no price: never zero."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

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
        """What these tokens cost."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """A price table."""

    currency: str
    entries: tuple[tuple[str, Price], ...]
    source: str

    def of(self, name: str) -> Price | None:
        """The price of a model by the name a user gives it; None where the table has none."""
        model = name.rpartition("#")[2].partition("@")[0]
        names = (name, model) if name.startswith("openai:") else (name,)
        local = Path(name).is_dir()
        for pattern, price in self.entries:
            # a plain directory is what `hf:` names
            if any(fnmatchcase(each, pattern) for each in (*names, *([f"hf:{name}"] if local else []))):
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
