"""What a command would cost, by playing it with models that answer nothing. Writes nothing that stays.

Calls that the store holds are counted exactly, with their tokens. Where completions are there, so are the calls that
judge them. Where they are yet to be drawn, calls are counted as if all of them differed and every pair were kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rlaif.costs import Prices, read_prices
from rlaif.engines.fingerprint import model_fingerprint
from rlaif.engines.open import open_engine, resolve_directory, split_name
from rlaif.engines.planned import Planned, PlannedEngine, ToCome, TokenCount
from rlaif.records import Engine, Usage
from rlaif.store import Store
from rlaif.workflows.configs import ModelOptions
from rlaif.workflows.models import Models

LOCAL_WEIGHTS = ("hf", "vllm", "reward")


@dataclass(slots=True)
class PlannedModels(Models):
    """Models of which nothing is asked."""

    held: Store | None = None
    count: Callable[[str], TokenCount | None] = lambda _: None
    to_come: ToCome = field(default_factory=ToCome)
    planned: dict[str, PlannedEngine] = field(default_factory=dict)

    def _opened(self, name: str) -> Engine:
        fingerprint = self._fingerprint_of(name)
        engine = PlannedEngine(name, fingerprint, self.held, self.to_come, self.count(name))
        self.planned[name] = engine
        return engine

    def _fingerprint_of(self, name: str) -> str:
        kind, rest = split_name(name)
        kwargs = self.options.chat_template_kwargs or None
        if kind not in LOCAL_WEIGHTS:
            return open_engine(name, chat_template_kwargs=kwargs).fingerprint
        return model_fingerprint(resolve_directory(rest), self.options.dtype, kwargs)


@contextmanager
def planning(models: PlannedModels, place: Path) -> Iterator[PlannedModels]:
    """`models` with the store at `place` to look in, if there is one, and none to write in."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "plan.sqlite")) as own:
        models.record(own, "plan")
        if not place.is_file():
            yield models
            return
        with Store.open(place) as held:
            models.held = held
            yield models


def estimate(models: PlannedModels) -> dict[str, Any]:
    """Calls, tokens and cost by model and together; costs are None where a model has no price."""
    prices = read_prices(models.options.prices)
    rows = {name: _row(name, each.planned, prices) for name, each in models.planned.items()}
    return {"models": rows, "currency": prices.currency, "total": _total(rows)}


def lines(found: Mapping[str, Any]) -> list[str]:
    """The estimate for people."""
    named = [*found["models"].items(), ("together", found["total"])]
    return [_line(name, row, found["currency"]) for name, row in named]


def tokens_of(options: ModelOptions) -> Callable[[str], TokenCount | None]:
    """Counts prompts with a local model's own tokenizer and template; None for a model that is elsewhere."""

    def count(name: str) -> TokenCount | None:
        kind, rest = split_name(name)
        if kind not in LOCAL_WEIGHTS:
            return None
        from rlaif.engines.chat import Chat
        from rlaif.engines.load import load_tokenizer

        tokenizer = load_tokenizer(resolve_directory(rest), trust_remote_code=options.trust_remote_code)
        chat = Chat(tokenizer, options.chat_template_kwargs)
        return lambda conversations: [len(ids) for ids in chat.prompt_ids(conversations)]

    return count


def _row(name: str, planned: Planned, prices: Prices) -> dict[str, Any]:
    price = prices.of(name)
    least = Usage(prompt_tokens=planned.prompt_least)
    most = Usage(prompt_tokens=planned.prompt_most, completion_tokens=planned.completion_most)
    costs = {"cost_least": price and price.of(least), "cost_most": price and price.of(most)}
    return {**asdict(planned), **costs}


def _total(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    names = [*asdict(Planned()), "cost_least", "cost_most"]
    columns = {name: [row[name] for row in rows.values()] for name in names}
    return {name: None if None in column else sum(column) for name, column in columns.items()}


def _line(name: str, row: Mapping[str, Any], currency: str) -> str:
    tokens = f"{row['prompt_least']:,} to {row['prompt_most']:,}"
    if row["prompt_least"] == row["prompt_most"]:
        tokens = f"{row['prompt_most']:,}"
    cost = "no price known" if row["cost_most"] is None else ""
    cost = cost or f"{currency} {row['cost_least']:.2f} to {row['cost_most']:.2f}"
    return (
        f"{name}: {row['calls']:,} calls to make ({tokens} tokens sent, at most {row['completion_most']:,} written, "
        f"{cost}); {row['stored']:,} calls of {row['stored_tokens']:,} tokens are in the store"
    )
