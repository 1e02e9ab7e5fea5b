"""The usage of a run: calls, tokens and money by model, and of its judgments by judge and principle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from rlaif.costs import Price, read_prices
from rlaif.engines.kinds import price_of
from rlaif.exchange.judgments import read_judgments
from rlaif.records import Judgment, Usage
from rlaif.runs.layout import judged_files
from rlaif.store import Store
from rlaif.workflows.models.pool import ModelPool

NO_PRINCIPLE = "(all at once)"
"""Stands for the principle of a judgment that names none."""
Total = dict[str, Any]


def usage(
    models: ModelPool, store: Store, judged: Iterable[Judgment], further: Sequence[str] = ()
) -> dict[str, Any]:
    """Count calls, tokens and cost of a run, as its `run.json` keeps them under `costs`.

    `models` of the result holds the new calls of this command by model name; `judges` and `principles` all calls
    behind the judgments `judged`, calls re-used from the store too, each call once a judge and principle. A judge is
    the model that answered: of a panel each member. `further` are names of models that the run used before. `cost` is
    in the currency of the price table, and None where a model has no price.
    """
    table = read_prices(models.options.prices)
    prices = cache(partial(price_of, table))  # a look at the table is no cheap thing for each call
    names = {models.fingerprint(name): name for name in further}
    names |= {each.fingerprint: each.name for each in models.recorded}
    asked: dict[str, set[str]] = {}
    for each in judged:
        asked.setdefault(each.principle_id or NO_PRINCIPLE, set()).update(each.calls)
    used = store.usage_of(sorted({key for keys in asked.values() for key in keys}))
    by_judge: dict[str, dict[str, Total]] = {}
    for principle, keys in asked.items():
        for key in keys & used.keys():
            fingerprint, tokens = used[key]
            judge = names.get(fingerprint, fingerprint)
            _add(by_judge.setdefault(judge, {}).setdefault(principle, _nothing()), judge, 1, tokens, prices)
    rows = [(judge, principle, row) for judge, own in by_judge.items() for principle, row in own.items()]
    return {
        "currency": table.currency,
        "models": _new_calls(models, prices),
        "judges": {
            judge: {**_sum(own.values()), "principles": dict(sorted(own.items()))}
            for judge, own in sorted(by_judge.items())
        },
        "principles": {
            name: _sum(row for _, principle, row in rows if principle == name)
            for name in sorted({principle for _, principle, _ in rows})
        },
    }


def _new_calls(models: ModelPool, prices: Callable[[str], Price | None]) -> dict[str, Total]:
    """The new calls of this command by model name."""
    new = {each.name: _nothing() for each in models.recorded}
    for engine in models.recorded:
        _add(new[engine.name], engine.name, engine.new_calls, engine.usage, prices)
    return new


def judged_in(run: Path) -> Iterator[Judgment]:
    """All judgments of a run, of its rounds too."""
    for path in judged_files(run):
        yield from read_judgments(path)


def cost_rows(found: Mapping[str, Any]) -> list[list[Any]]:
    """The table of `found` (what `usage` returned): a row for each judge and principle, and one for each judge."""
    rows = []
    for judge, own in found["judges"].items():
        parts = [*own["principles"].items(), ("together", own)]
        rows += [[judge, name, *(row[each] for each in _nothing())] for name, row in parts]
    return rows


def cost_head(found: Mapping[str, Any]) -> list[str]:
    """Return the column names of `cost_rows`."""
    return ["judge", "principle", "calls", "tokens sent", "written", str(found["currency"])]


def cost_line(found: Mapping[str, Any]) -> str:
    """Tokens and cost of the new calls by model, in a line for people."""
    parts = []
    for name, row in found["models"].items():
        price = "no price known" if row["cost"] is None else f"{found['currency']} {row['cost']:.4g}"
        tokens = f"{row['prompt_tokens']:,} tokens sent, {row['completion_tokens']:,} written"
        parts.append(f"{name}: {tokens}, {price}")
    return "; ".join(parts)


def spent_so_far(models: ModelPool) -> dict[str, float | None]:
    """New calls, tokens and money of all models together; money is None where a model has no price."""
    total = _sum(_new_calls(models, cache(partial(price_of, read_prices(models.options.prices)))).values())
    tokens = total["prompt_tokens"] + total["completion_tokens"]
    return {"calls": total["calls"], "tokens": tokens, "money": total["cost"]}


def spent(calls: Mapping[str, int], costs: Mapping[str, Any]) -> str:
    """Calls, tokens and money of all models together, in a line for people."""
    said = [f"{calls['new']:,} calls ({calls['reused']:,} more from the store, {calls['failed']:,} failed)"]
    rows = list(costs["models"].values())
    sent, written = (sum(each[part] for each in rows) for part in ("prompt_tokens", "completion_tokens"))
    said.append(f"{sent + written:,} tokens")
    known = [each["cost"] for each in rows if each["cost"] is not None]
    if known:
        least = "at least " if len(known) < len(rows) else ""
        said.append(f"{least}{costs['currency']} {sum(known):.2f}")
    return ", ".join(said)


def _nothing() -> Total:
    return {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost": 0.0}


def _add(total: Total, name: str, calls: int, usage: Usage, prices: Callable[[str], Price | None]) -> None:
    price = prices(name)
    total["calls"] += calls
    total["prompt_tokens"] += usage.prompt_tokens
    total["completion_tokens"] += usage.completion_tokens
    known = price is not None and total["cost"] is not None
    total["cost"] = total["cost"] + price.of(usage) if known and price is not None else None


def _sum(rows: Iterable[Total]) -> Total:
    total = _nothing()
    for row in rows:
        for name in total:
            whole = None in (total[name], row[name])
            total[name] = None if whole else total[name] + row[name]
    return total
