"""`rlaif export`: the pairs of a run as a data set in another trainer's format, with a card. Whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from rlaif.atomic import DRAFT_SUFFIX, write_text
from rlaif.errors import InputError, RlaifError
from rlaif.exchange.card import CardFacts, FileFacts, dataset_card
from rlaif.exchange.format import About, WrittenSplit, pair_format
from rlaif.exchange.pairs import pair_row
from rlaif.exchange.preferences.writing import preference_rows, write_preferences
from rlaif.exchange.where import parse_where
from rlaif.hashing import digest
from rlaif.records import Pair
from rlaif.version import __version__
from rlaif.workflows.datasets.edited import EDITED
from rlaif.workflows.datasets.review import AGAINST, Honour, as_reviewed
from rlaif.workflows.datasets.select_pairs import TRAIN, ExportSource, kept_pairs, read_source, split_pairs

MANIFEST = "export.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportConfig:
    """What is exported, and how."""

    source: Path
    out: Path
    format: str = "trl"
    where: str | None = None
    split: float | None = None
    """Share of the prompts that goes to `train`; None: all of them, and no `test`."""
    margin: str | None = None
    license: str | None = None
    reviewed: Honour = "ignore"
    """What becomes of pairs that people decided against (`rlaif review`)."""
    store: Path | None = None
    edited: bool = False
    """Whether the pairs were changed by hand after their run was finished, on purpose."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """The result of an export."""

    out: Path
    format: str
    rows: Mapping[str, int]
    funnel: Mapping[str, int]
    files: Mapping[str, str]
    """SHA-256 by name."""

    @property
    def summary(self) -> str:
        """The result in one line."""
        splits = ", ".join(f"{count} rows of {name}" for name, count in self.rows.items())
        return f"{self.format}: {splits} in {self.out}"

    def as_dict(self) -> dict[str, Any]:
        """Return the result as `--json` prints it."""
        return {**asdict(self), "out": str(self.out)}


class _Changed(NamedTuple):
    """How many pairs were changed or left out before writing."""

    reviewed: Mapping[str, int]
    where: int


def export(config: ExportConfig) -> ExportResult:
    """Filter, split, write, describe. Raises InputError before anything is written."""
    where = parse_where(config.where) if config.where is not None else None
    source = read_source(config.source, edited=config.edited)
    left, said = _reviewed(source, config)
    kept = kept_pairs(left, source, where)
    splits = {TRAIN: kept} if config.split is None else split_pairs(kept, config.split, config.seed)
    for pairs in splits.values():  # what a format refuses, it refuses before a file is made
        if config.margin is not None:
            preference_rows(pairs, format=config.format, margin=config.margin)
    described = _described(config, source, kept)
    if (held := _there(config.out, described)) is not None:
        return held
    draft = config.out.with_name(f".{config.out.name}.{os.getpid()}{DRAFT_SUFFIX}")
    try:
        draft.mkdir(parents=True)
        made = _write(draft, config, source, splits, _Changed(said, len(left) - len(kept)), described)
        if config.out.is_dir():
            config.out.rmdir()
        os.replace(draft, config.out)
    except OSError as wrong:
        raise RlaifError(f"{config.out}: cannot be written ({wrong.strerror or wrong})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return made


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


def _there(out: Path, described: Mapping[str, Any]) -> ExportResult | None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        held = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if not isinstance(held, dict) or held.get("config") != described:
        raise InputError(f"{out}: is there already and holds something else; choose another --out")
    return ExportResult(out=out, **held["made"])


def _write(
    draft: Path,
    config: ExportConfig,
    source: ExportSource,
    splits: Mapping[str, Sequence[Pair]],
    changed: _Changed,
    described: Mapping[str, Any],
) -> ExportResult:
    started = float(source.facts.get("started") or config.source.stat().st_mtime)
    about = About(
        name=config.source.resolve().name,
        created=datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        principles=source.principles,
    )
    written = {
        name: write_preferences(draft, name, pairs, format=config.format, about=about, margin=config.margin)
        for name, pairs in splits.items()
    }
    if empty := [name for name, each in written.items() if not each.rows]:
        why = "; ".join(f"{count} left out: {reason}" for reason, count in written[empty[0]].left_out.items())
        raise InputError(
            f"--format {config.format}: no row of {empty[0]!r} is left" + (f"; {why}" if why else "")
        )
    if (beside := pair_format(config.format).beside) is not None:
        for name, text in beside(written).items():
            write_text(draft / name, text)
    files = _files(draft, written)
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
    write_text(draft / "README.md", dataset_card(card))
    made: dict[str, Any] = {
        "format": config.format,
        "rows": {name: each.rows for name, each in written.items()},
        "funnel": funnel,
        "files": {each.name: each.sha256 for each in files},
    }
    write_text(draft / MANIFEST, json.dumps({"config": described, "made": made}, indent=2) + "\n")
    return ExportResult(out=config.out, **made)


def _files(draft: Path, written: Mapping[str, WrittenSplit]) -> list[FileFacts]:
    found = []
    for path in sorted(each for each in draft.rglob("*") if each.is_file()):
        split = next((name for name, each in written.items() if path in each.files), "")
        whole = bool(split) and len(written[split].files) == 1
        found.append(
            FileFacts(
                name=str(path.relative_to(draft)),
                split=split,
                rows=written[split].rows if whole else None,
                sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            )
        )
    # the splits in their order, then what stands beside them
    return sorted(found, key=lambda each: [*written, ""].index(each.split))


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
