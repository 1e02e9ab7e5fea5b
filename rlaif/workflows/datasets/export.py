"""`rlaif export`: the pairs of a run as a data set in another trainer's format, with a card. Whole or not at all."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.atomic import write_text
from rlaif.errors import InputError
from rlaif.exchange.card import CardFacts
from rlaif.exchange.format import About, WrittenSplit, example_formats, pair_format
from rlaif.exchange.pairs import pair_row
from rlaif.exchange.preferences.writing import preference_rows, write_preferences
from rlaif.exchange.where import parse_where
from rlaif.hashing import digest
from rlaif.records import Pair
from rlaif.version import __version__
from rlaif.workflows.datasets.edited import EDITED
from rlaif.workflows.datasets.export_examples import export_examples
from rlaif.workflows.datasets.export_files import (
    ExportConfig,
    ExportResult,
    describe,
    files_of,
    no_rows,
    publish,
    stated_time,
)
from rlaif.workflows.datasets.review import AGAINST, as_reviewed
from rlaif.workflows.datasets.select_pairs import TRAIN, ExportSource, kept_pairs, read_source, split_pairs


class _Changed(NamedTuple):
    """How many pairs were changed or left out before writing."""

    reviewed: Mapping[str, int]
    where: int


def export(config: ExportConfig) -> ExportResult:
    """Filter, split, write, describe. Raises InputError before anything is written."""
    if (form := example_formats().get(config.format)) is not None:
        return export_examples(config, form)
    where = parse_where(config.where) if config.where is not None else None
    source = read_source(config.source, edited=config.edited)
    left, said = _reviewed(source, config)
    kept = kept_pairs(left, source, where)
    splits = {TRAIN: kept} if config.split is None else split_pairs(kept, config.split, config.seed)
    for pairs in splits.values():  # what a format refuses, it refuses before a file is made
        if config.margin is not None:
            preference_rows(pairs, format=config.format, margin=config.margin)
    write = partial(
        _write,
        config=config,
        source=source,
        splits=splits,
        changed=_Changed(said, len(left) - len(kept)),
    )
    return publish(config.out, _described(config, source, kept), write)


def _reviewed(source: ExportSource, config: ExportConfig) -> tuple[list[Pair], dict[str, int]]:
    pairs, counts = as_reviewed(config.source, config.store, source.pairs, config.reviewed)
    turned = {AGAINST} if config.reviewed == "turn" else set()
    what = {
        name: "turned round by reviewers" if name in turned else "left out by reviewers" for name in counts
    }
    return pairs, {f"{what[name]}: {name}": count for name, count in counts.items()}


def _described(config: ExportConfig, source: ExportSource, pairs: Sequence[Pair]) -> dict[str, Any]:
    asked = asdict(config)
    del asked["source"], asked["out"], asked["store"], asked["edited"]
    if source.edited:
        # only then, so that what earlier releases exported is known again
        asked["edited"] = EDITED
    return {**asked, "pairs": digest("exported", [pair_row(pair) for pair in pairs])}


def _write(
    draft: Path,
    config: ExportConfig,
    source: ExportSource,
    splits: Mapping[str, Sequence[Pair]],
    changed: _Changed,
) -> dict[str, Any]:
    started = float(source.facts.get("started") or config.source.stat().st_mtime)
    about = About(
        name=config.source.resolve().name,
        created=stated_time(started),
        principles=source.principles,
    )
    written = {
        name: write_preferences(draft, name, pairs, format=config.format, about=about, margin=config.margin)
        for name, pairs in splits.items()
    }
    if empty := no_rows(config.format, written):
        raise InputError(empty)
    if (beside := pair_format(config.format).beside) is not None:
        for name, text in beside(written).items():
            write_text(draft / name, text)
    files = files_of(draft, written)
    funnel = _funnel(source, changed, written)
    card = CardFacts(
        name=about.name,
        format=config.format,
        license=config.license,
        made_by=_made_by(source.facts, [pair for pairs in splits.values() for pair in pairs])
        | ({"edited": EDITED} if source.edited else {}),
        funnel=funnel,
        files=files,
        where=config.where,
        version=__version__,
    )
    return describe(draft, card, written)


def _funnel(source: ExportSource, changed: _Changed, written: Mapping[str, WrittenSplit]) -> dict[str, int]:
    left_out: Counter[str] = Counter()
    for each in written.values():
        left_out.update(each.left_out)
    # a run's last count is its pairs
    counts = {name: count for name, count in source.funnel.items() if name != "kept"}
    counts |= {"pairs": len(source.pairs), **changed.reviewed, "left out by --where": changed.where}
    counts |= {f"left out: {reason}": count for reason, count in left_out.items()}
    return counts | {f"rows of {name}": each.rows for name, each in written.items()}


def _made_by(facts: Mapping[str, Any], pairs: Sequence[Pair]) -> dict[str, str]:
    def said(name: str) -> str:
        values = [pair.provenance[name] for pair in pairs if name in pair.provenance]
        distinct = dict.fromkeys(json.dumps(each, ensure_ascii=False, sort_keys=True) for each in values)
        return "; ".join(list(distinct)[:3]) + (
            f"; and {len(distinct) - 3} more" if len(distinct) > 3 else ""
        )

    names = ("constitution", "judge", "policy", "templates", "rlaif", "seed")
    found = {name: text for name in names if (text := said(name))}
    imported = Counter(
        f"{each.get('file')} ({each.get('format')})"
        for pair in pairs
        if isinstance(each := pair.provenance.get("imported"), Mapping)
    )
    if imported:
        found["imported from"] = "; ".join(f"{name}: {count} pairs" for name, count in imported.items())
    if facts.get("command"):
        found["command"] = f"rlaif {facts['command']}"
    found["pairs' digest"] = digest("pairs", sorted(pair.id for pair in pairs))
    return found
