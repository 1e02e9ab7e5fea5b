"""The pairs of an export: read from a run or a file, filtered by a condition, split by prompt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlaif.constitution import load_principles
from rlaif.errors import InputError
from rlaif.exchange.pairs import read_pairs
from rlaif.exchange.prompts import row_prompt
from rlaif.exchange.rows import read_rows
from rlaif.exchange.where import Where
from rlaif.hashing import derived_seed
from rlaif.records import Pair, Prompt, prompt_name
from rlaif.runs.claim import read_run
from rlaif.runs.layout import CONSTITUTION, PAIRS, files_of, pair_files, run_of
from rlaif.runs.record_files import FUNNEL_SCHEMA, read_record
from rlaif.workflows.datasets.edited import as_edited

TRAIN, TEST = "train", "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """The pairs of a run or a file, with the tags, facts and funnel that lie beside them."""

    place: Path
    pairs: Sequence[Pair]
    tags: Mapping[str, tuple[str, ...]] | None
    """By prompt id; None where the run holds no prompts."""
    facts: Mapping[str, Any]
    funnel: Mapping[str, int]
    principles: Mapping[str, str]
    edited: Sequence[str] = ()
    """What to say of files that were changed by hand."""


def read_source(source: Path, *, edited: bool = False) -> ExportSource:
    """A run's pairs, of all its rounds, of a round's folder, or of a file.

    Raises InputError where there is none, or where they were changed by hand and `edited` does not say so.
    """
    if not source.is_dir():
        said = as_edited(source, [source], edited)
        return ExportSource(
            place=source,
            pairs=_some(read_pairs(source), source),
            tags=None,
            facts={},
            funnel={},
            principles={},
            edited=said,
        )
    run = run_of(source) or source
    facts = read_run(run)
    files = pair_files(source)
    if not files:
        raise InputError(f"{source}: has no {PAIRS}; finish it first (`rlaif status {source}`)")
    said = as_edited(source, files, edited)
    tags: dict[str, tuple[str, ...]] = {}
    for path in files_of(source, "completions"):
        tags |= _tags(path)
    funnel: Counter[str] = Counter((facts.get("summary") or {}).get("funnel") or {})
    for path in files_of(source, "funnel"):
        funnel.update(read_record(path, FUNNEL_SCHEMA))
    constitution = run / CONSTITUTION
    known = load_principles(str(constitution)).principles if constitution.is_file() else ()
    return ExportSource(
        place=source,
        pairs=_some([pair for path in files for pair in read_pairs(path)], source),
        tags=tags or None,
        facts=facts,
        funnel=funnel,
        principles={each.id: each.text for each in known},
        edited=said,
    )


def _tags(path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for where, row in read_rows(path):
        own = {key: row[key] for key in ("prompt", "messages", "tools", "tags") if key in row}
        prompt = row_prompt(own, where)
        found[prompt.id] = prompt.tags
    return found


def _some(pairs: list[Pair], source: Path) -> list[Pair]:
    if not pairs:
        raise InputError(f"{source}: holds no pair; its funnel says why (`rlaif status`)")
    return pairs


def kept_pairs(pairs: Sequence[Pair], source: ExportSource, where: Where | None) -> list[Pair]:
    """The pairs that meet a condition. Raises InputError where none does, or where it needs tags that are not known."""
    if not pairs:
        raise InputError(f"{source.place}: reviewers leave none of {len(source.pairs)} pairs (--reviewed)")
    if where is None:
        return list(pairs)
    if "tag" in where.fields and source.tags is None:
        raise InputError(f"--where: {source.place} holds no prompts beside its pairs, so no tags are known")
    known = source.tags or {}
    kept = [pair for pair in pairs if where(pair, known.get(_asked(pair).id, ()))]
    if not kept:
        raise InputError(f"--where {where.text!r}: none of {len(pairs)} pairs is left")
    return kept


def _asked(pair: Pair) -> Prompt:
    return Prompt(messages=pair.prompt, tools=pair.tools)


def train_prompts(names: Iterable[str], share: float, seed: int) -> set[str]:
    """This share of the prompts of these names (`prompt_name`). Raises InputError where a side gets no prompt."""
    order = sorted(set(names), key=lambda name: derived_seed(seed, "split", name))
    count = math.floor(share * len(order) + 0.5)
    if not 0 < count < len(order):
        raise InputError(
            f"--split {share:g}: of {len(order)} prompts one side would get none; take another share"
        )
    return set(order[:count])


def split_pairs(pairs: Sequence[Pair], share: float, seed: int) -> dict[str, list[Pair]]:
    """Split pairs by prompt into `train` (this `share` of the prompts) and `test`.

    Prompts that differ only in case and blanks go together. Raises InputError where a side gets no prompt.
    """
    names = {pair.prompt: prompt_name(pair.prompt) for pair in pairs}
    first = train_prompts(names.values(), share, seed)
    sides: dict[str, list[Pair]] = {TRAIN: [], TEST: []}
    for pair in pairs:
        sides[TRAIN if names[pair.prompt] in first else TEST].append(pair)
    return sides
