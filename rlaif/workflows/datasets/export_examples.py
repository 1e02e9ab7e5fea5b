"""`rlaif export` of examples: the labelled steps of a file or a run as rows of another trainer, with a card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rlaif.errors import InputError
from rlaif.exchange.card import CardFacts
from rlaif.exchange.examples import read_examples
from rlaif.exchange.format import ExampleFormat, WrittenSplit
from rlaif.hashing import digest
from rlaif.records import Example, prompt_name
from rlaif.version import __version__
from rlaif.workflows.datasets.export_files import (
    ExportConfig,
    ExportResult,
    describe,
    files_of,
    no_rows,
    publish,
)
from rlaif.workflows.datasets.select_pairs import TEST, TRAIN, train_prompts
from rlaif.workflows.training.example_source import example_source

OF_PAIRS = {"where": None, "margin": None, "reviewed": "ignore", "edited": False}
"""Fields of an export that are about pairs, each as it stands unless it is given."""


def export_examples(config: ExportConfig, form: ExampleFormat) -> ExportResult:
    """Split, write, describe. Raises InputError before anything is written."""
    for name, usual in OF_PAIRS.items():
        if getattr(config, name) != usual:
            raise InputError(
                f"--format {config.format} writes examples, and --{name} is about pairs; remove it"
            )
    file = example_source(config.source).file
    examples = read_examples(file)
    splits = {TRAIN: examples} if config.split is None else _split(examples, config.split, config.seed)
    rows = {name: form.write(own) for name, own in splits.items()}
    asked = {name: getattr(config, name) for name in ("format", "split", "license", "seed")}
    described = {**asked, "examples": digest("exported examples", [asdict(each) for each in examples])}
    write = partial(_write, config=config, form=form, rows=rows, file=file, count=len(examples))
    return publish(config.out, described, write)


def _split(examples: Sequence[Example], share: float, seed: int) -> dict[str, list[Example]]:
    names = [prompt_name(each.messages[: -each.learned]) for each in examples]
    first = train_prompts(names, share, seed)
    sides: dict[str, list[Example]] = {TRAIN: [], TEST: []}
    for name, each in zip(names, examples, strict=True):
        sides[TRAIN if name in first else TEST].append(each)
    return sides


def _write(
    draft: Path,
    config: ExportConfig,
    form: ExampleFormat,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    file: Path,
    count: int,
) -> dict[str, Any]:
    written = {
        name: WrittenSplit(form.container(draft, name, own), len(own), {}) for name, own in rows.items()
    }
    if empty := no_rows(config.format, written):
        raise InputError(empty)
    files = files_of(draft, written)
    funnel = {"examples": count} | {f"rows of {name}": each.rows for name, each in written.items()}
    card = CardFacts(
        name=config.source.resolve().name,
        holds="Labelled examples",
        tag="process-reward",
        format=config.format,
        license=config.license,
        made_by={"examples": str(file)},
        funnel=funnel,
        files=files,
        where=None,
        version=__version__,
    )
    return describe(draft, card, written)
