"""`rlaif export`: the pairs of a run as a data set in another trainer's format, with a card. Whole or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rlaif.atomic import DRAFT_SUFFIX, write_text
from rlaif.constitution import load_principles
from rlaif.errors import InputError, RlaifError
from rlaif.exchange.card import CardFacts, FileFacts, dataset_card
from rlaif.exchange.pairs import pair_row, read_pairs
from rlaif.exchange.preferences.writing import About, Written, preference_rows, side_files, write_preferences
from rlaif.exchange.prompts import row_prompt
from rlaif.exchange.rows import read_rows
from rlaif.exchange.where import Where, parse_where
from rlaif.hashing import derived_seed, digest
from rlaif.records import Message, Pair, Prompt
from rlaif.runs import read_run
from rlaif.workflows.names import CONSTITUTION_FILE

MANIFEST = "export.json"
TRAIN, TEST = "train", "test"


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
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export came to."""

    out: Path
    format: str
    rows: Mapping[str, int]
    funnel: Mapping[str, int]
    files: Mapping[str, str]
    """SHA-256 by name."""

    @property
    def summary(self) -> str:
        """A line for people."""
        splits = ", ".join(f"{count} rows of {name}" for name, count in self.rows.items())
        return f"{self.format}: {splits} in {self.out}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "out": str(self.out)}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What a run says of its pairs."""

    pairs: Sequence[Pair]
    tags: Mapping[str, tuple[str, ...]] | None
    """By prompt id; None where the run holds no prompts."""
    facts: Mapping[str, Any]
    funnel: Mapping[str, int]
    principles: Mapping[str, str]


def export(config: ExportConfig) -> Exported:
    """Filter, split, write, describe. Raises InputError before anything is written."""
    where = parse_where(config.where) if config.where is not None else None
    source = _read(config.source)
    kept = _kept(source, where, config)
    splits = _split(kept, config)
    for pairs in splits.values():  # what a format refuses, it refuses before a file is made
        if config.margin is not None:
            preference_rows(pairs, format=config.format, margin=config.margin)
    described = _described(config, kept)
    if (held := _there(config.out, described)) is not None:
        return held
    draft = config.out.with_name(f".{config.out.name}.{os.getpid()}{DRAFT_SUFFIX}")
    try:
        draft.mkdir(parents=True)
        made = _write(draft, config, source, splits, described)
        if config.out.is_dir():
            config.out.rmdir()
        os.replace(draft, config.out)
    except OSError as wrong:
        raise RlaifError(f"{config.out}: cannot be written ({wrong.strerror or wrong})") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return made


def _read(source: Path) -> _Source:
    if not source.is_dir():
        return _Source(pairs=read_pairs(source), tags=None, facts={}, funnel={}, principles={})
    facts = read_run(source)
    files = sorted(
        source.glob("round-*/pairs.jsonl"), key=lambda path: int(path.parent.name.partition("-")[2])
    )
    files += [path for path in [source / "pairs.jsonl"] if path.is_file()]
    if not files:
        raise InputError(f"{source}: has no pairs.jsonl; finish it first (`rlaif status {source}`)")
    tags: dict[str, tuple[str, ...]] = {}
    for path in [*source.glob("completions.jsonl"), *source.glob("round-*/completions.jsonl")]:
        tags |= _tags(path)
    funnel: Counter[str] = Counter((facts.get("summary") or {}).get("funnel") or {})
    for path in source.glob("round-*/funnel.json"):
        funnel.update(json.loads(path.read_text(encoding="utf-8")))
    constitution = source / CONSTITUTION_FILE
    known = load_principles(str(constitution)).principles if constitution.is_file() else ()
    return _Source(
        pairs=[pair for path in files for pair in read_pairs(path)],
        tags=tags or None,
        facts=facts,
        funnel=funnel,
        principles={each.id: each.text for each in known},
    )


def _tags(path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for where, row in read_rows(path):
        own = {key: row[key] for key in ("prompt", "messages", "tags") if key in row}
        prompt = row_prompt(own, where)
        found[prompt.id] = prompt.tags
    return found


def _kept(source: _Source, where: Where | None, config: ExportConfig) -> list[Pair]:
    if not source.pairs:
        raise InputError(f"{config.source}: holds no pair; its funnel says why (`rlaif status`)")
    if where is None:
        return list(source.pairs)
    if "tag" in where.fields and source.tags is None:
        raise InputError(f"--where: {config.source} holds no prompts beside its pairs, so no tags are known")
    known = source.tags or {}
    kept = [pair for pair in source.pairs if where(pair, known.get(Prompt(messages=pair.prompt).id, ()))]
    if not kept:
        raise InputError(f"--where {where.text!r}: none of {len(source.pairs)} pairs is left")
    return kept


def _split(pairs: Sequence[Pair], config: ExportConfig) -> dict[str, list[Pair]]:
    """Whole prompts to one side or the other; prompts that differ in case and blanks only go together."""
    if config.split is None:
        return {TRAIN: list(pairs)}
    names = {pair.prompt: _name(pair.prompt) for pair in pairs}
    order = sorted(set(names.values()), key=lambda name: derived_seed(config.seed, "split", name))
    count = math.floor(config.split * len(order) + 0.5)
    if not 0 < count < len(order):
        raise InputError(
            f"--split {config.split:g}: of {len(order)} prompts one side would get none; take another share"
        )
    first = set(order[:count])
    sides: dict[str, list[Pair]] = {TRAIN: [], TEST: []}
    for pair in pairs:
        sides[TRAIN if names[pair.prompt] in first else TEST].append(pair)
    return sides


def _name(prompt: Sequence[Message]) -> str:
    return digest("split", [[each.role, " ".join(each.content.casefold().split())] for each in prompt])


def _described(config: ExportConfig, pairs: Sequence[Pair]) -> dict[str, Any]:
    asked = asdict(config)
    del asked["source"], asked["out"]
    return {**asked, "pairs": digest("exported", [pair_row(pair) for pair in pairs])}


def _there(out: Path, described: Mapping[str, Any]) -> Exported | None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    try:
        held = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = None
    if not isinstance(held, dict) or held.get("config") != described:
        raise InputError(f"{out}: is there already and holds something else; choose another --out")
    return Exported(out=out, **held["made"])


def _write(
    draft: Path,
    config: ExportConfig,
    source: _Source,
    splits: Mapping[str, Sequence[Pair]],
    described: Mapping[str, Any],
) -> Exported:
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
        why = "; ".join(f"{count} {reason}" for reason, count in written[empty[0]].left_out.items())
        raise InputError(f"--format {config.format}: no row of {empty[0]!r} is left ({why})")
    for name, text in side_files(config.format, written).items():
        write_text(draft / name, text)
    files = _files(draft, written)
    funnel = _funnel(source, sum(map(len, splits.values())), written)
    card = CardFacts(
        name=about.name,
        format=config.format,
        license=config.license,
        made_by=_made_by(source.facts, [pair for pairs in splits.values() for pair in pairs]),
        funnel=funnel,
        files=files,
        where=config.where,
        version=_version(),
    )
    write_text(draft / "README.md", dataset_card(card))
    made: dict[str, Any] = {
        "format": config.format,
        "rows": {name: each.rows for name, each in written.items()},
        "funnel": funnel,
        "files": {each.name: each.sha256 for each in files},
    }
    write_text(draft / MANIFEST, json.dumps({"config": described, "made": made}, indent=2) + "\n")
    return Exported(out=config.out, **made)


def _files(draft: Path, written: Mapping[str, Written]) -> list[FileFacts]:
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


def _funnel(source: _Source, kept: int, written: Mapping[str, Written]) -> dict[str, int]:
    left_out: Counter[str] = Counter()
    for each in written.values():
        left_out.update(each.left_out)
    # a run's last count is its pairs
    counts = {name: count for name, count in source.funnel.items() if name != "kept"}
    counts |= {"pairs": len(source.pairs), "left out by --where": len(source.pairs) - kept}
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


def _version() -> str:
    from rlaif import __version__

    return __version__
